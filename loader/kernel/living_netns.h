// SPDX-License-Identifier: GPL-2.0-or-later
// Which network namespaces are still alive, as far as can be told without doubt.
#pragma once

#include <string>
#include <vector>

namespace xlvs::kernel {

/// Those of `inodes` (decimal) that no process is in, no mount holds and no descriptor keeps. None when some
/// process hides from us, or when this is not the first pid namespace: then there may be more than we see.
std::vector<std::string> certainly_dead(const std::vector<std::string>& inodes);

}  // namespace xlvs::kernel
