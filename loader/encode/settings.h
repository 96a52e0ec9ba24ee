// SPDX-License-Identifier: GPL-2.0-or-later
// The settings that kernel IPVS has under net.ipv4.vs, as far as the data plane knows them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "encode/shared.h"

namespace xlvs::encode {

struct Setting {
  std::string name;  ///< without net.ipv4.vs
  std::uint32_t value;
};

/// Every setting and its value, in order of their names.
std::vector<Setting> settings(const TableMemory& memory);
/// As in a fresh table.
void default_settings(xlvs_control& control);
/// A setting from `NAME=VALUE`, checked; the name may have sysctl's prefix, net.ipv4.vs.
/// @error  kInvalidArgument, kRange; kUnsupported for one that kernel IPVS has and XDP has not.
Result<Setting> parse_setting(const std::string& assignment);
/// The name of a setting, without sysctl's prefix. Errors as above.
Result<std::string> setting_name(const std::string& name);
/// Each by one store. They were checked.
void set(const Shared& shared, const std::vector<Setting>& wanted);

}  // namespace xlvs::encode
