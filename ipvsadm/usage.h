// SPDX-License-Identifier: GPL-2.0-or-later
// The texts of --help and --version.
#pragma once

#include <string>

namespace xlvs::ipvsadm {

/// @param program  the name as the user called it.
std::string usage_text(const std::string& program);
std::string version_text();

}  // namespace xlvs::ipvsadm
