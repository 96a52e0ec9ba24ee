// SPDX-License-Identifier: GPL-2.0-or-later
// Network interfaces of this namespace, by name and index.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace xlvs::kernel {

struct Interface {
  int index = 0;
  std::string name;
};

/// kNotFound, with the remedy.
Result<Interface> interface_by_name(const std::string& name);
/// Each once, in this order; kNotFound if one is missing.
Result<std::vector<Interface>> interfaces_by_name(const std::vector<std::string>& names);
Result<std::vector<Interface>> all_interfaces();

}  // namespace xlvs::kernel
