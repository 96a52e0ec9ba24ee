// SPDX-License-Identifier: GPL-2.0-or-later
// Services and servers in words, for messages.
#pragma once

#include <string>

#include "model/service.h"

namespace xlvs::model {

/// `TCP 10.0.0.1:80`, `UDP [2001:db8::1]:53`, `FWM 7`, `FWM 7 IPv6`.
std::string describe(const ServiceKey& key);
/// `10.0.0.2:80`, `[2001:db8::2]:80`.
std::string describe(const ServerKey& key);

}  // namespace xlvs::model
