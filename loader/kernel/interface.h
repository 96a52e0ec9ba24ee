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
Result<std::vector<Interface>> all_interfaces();

}  // namespace xlvs::kernel
