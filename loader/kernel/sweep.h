// SPDX-License-Identifier: GPL-2.0-or-later
// The sweep of expired connections, as pinned with a table.
#pragma once

#include <string>

#include "base/result.h"

namespace xlvs::kernel {

/// The table pinned in `folder` has a timer in the kernel that sweeps.
bool has_sweep_timer(const std::string& folder);

/// Sweeps this namespace's table once. kNotFound when there is no table, kUnsupported when this kernel did
/// not take the sweep at all.
Status sweep_once();

}  // namespace xlvs::kernel
