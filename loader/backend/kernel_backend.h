// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel IPVS as a back end, through generic netlink.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace xlvs::backend {

/// Connects to kernel IPVS in this network namespace, loading the module if need be and possible; what modprobe
/// says about that goes to stderr, as with ipvsadm, or with `quiet` nowhere. Its batches are not atomic: edits apply one by one, kReplace flushes first, and nothing is undone.
/// @error  kNoProtocol without IPVS in the kernel, kPermission.
Result<std::unique_ptr<Backend>> open_kernel_backend(bool quiet = false);

}  // namespace xlvs::backend
