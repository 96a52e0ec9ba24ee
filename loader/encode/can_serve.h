// SPDX-License-Identifier: GPL-2.0-or-later
// The one place that says what the data plane cannot do yet.
#pragma once

#include <string>

#include "model/service.h"

namespace xlvs::encode {

/// Why XDP cannot serve such a service, or "" if it can. Judges valid configurations only.
std::string xdp_can_serve(const model::ServiceKey& key, const model::ServiceConfig& config);
/// The same for one of its real servers.
std::string xdp_can_serve(const model::ServerConfig& config);

}  // namespace xlvs::encode
