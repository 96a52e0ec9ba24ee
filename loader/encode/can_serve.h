// SPDX-License-Identifier: GPL-2.0-or-later
// The one place that says what the data plane cannot do yet.
#pragma once

#include <string>
#include <vector>

#include "model/service.h"

namespace xlvs::encode {

/// Why XDP cannot serve such a service, or "" if it can. Judges valid configurations only.
std::string xdp_can_serve(const model::ServiceKey& key, const model::ServiceConfig& config);
/// The same for one of its real servers.
std::string xdp_can_serve(const model::ServerConfig& config);
/// The same for a whole service, servers newest first: all that an edit on the way to it could be refused
/// for.
std::string xdp_can_serve(const model::Service& service, const std::vector<model::Server>& servers);

}  // namespace xlvs::encode
