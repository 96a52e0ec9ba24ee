// SPDX-License-Identifier: GPL-2.0-or-later
// The one place that decides which engine a command talks to.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "base/result.h"

namespace xlvs::backend {

/// Opens the engine of this network namespace. The environment's XLVS_BACKEND says which: "kernel" (IPVS),
/// "xdp", or "auto", the default: both joined (router.h) where there is an XDP table, else the kernel.
/// @error  kNoProtocol if nothing here balances, kPermission; kInvalidArgument for another word.
Result<std::unique_ptr<Backend>> open_backend();

/// The XDP table of this network namespace alone. kNotFound if it has none.
Result<std::unique_ptr<YieldingBackend>> open_xdp_backend();

/// Kernel IPVS, if it is loaded. kNoProtocol.
Result<std::unique_ptr<Backend>> open_present_kernel_backend();

}  // namespace xlvs::backend
