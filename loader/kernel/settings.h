// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of this namespace's table: see encode/settings.h.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace xlvs::kernel {

/// Changes settings given as NAME=VALUE: all or, when one is refused, none.
Status set_settings(const std::vector<std::string>& assignments);
/// The values of these settings; of all, as NAME=VALUE, when none is named.
Result<std::vector<std::string>> get_settings(const std::vector<std::string>& names);

}  // namespace xlvs::kernel
