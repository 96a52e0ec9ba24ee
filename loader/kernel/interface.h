// SPDX-License-Identifier: GPL-2.0-or-later
// Network interfaces of this namespace, by name and index.
#pragma once

#include <cstdint>
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
/// 0 when it went away.
unsigned mtu_of(const Interface& interface);
/// Without a name when there is none of that number.
Interface interface_by_number(std::uint32_t number);

}  // namespace xlvs::kernel
