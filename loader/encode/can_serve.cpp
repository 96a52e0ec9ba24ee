// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/can_serve.h"

#include "encode/draft.h"
#include "sched/registry.h"

namespace xlvs::encode {

std::string xdp_can_serve(const model::ServiceKey& key, const model::ServiceConfig& config) {
  constexpr std::uint16_t kFtp = 21;
  if (sched::find_scheduler(config.scheduler) == nullptr)
    return "XDP does not have the scheduler " + config.scheduler;
  if (key.protocol == model::Protocol::kTcp && key.port == kFtp)
    return "XDP does not follow FTP's data connections";
  if (!config.pe_name.empty()) return "XDP does not have persistence engines";
  return {};
}

std::string xdp_can_serve(const model::ServerConfig& config) {
  switch (config.forward) {
    case model::Forward::kMasq:
    case model::Forward::kDirect:
    case model::Forward::kTunnel:
      return {};
    case model::Forward::kLocal:
    case model::Forward::kBypass:
      break;
  }
  return "XDP does not have this forwarding method";
}

std::string xdp_can_serve(const model::Service& service, const std::vector<model::Server>& servers) {
  if (const Status s = check(service.key, service.config); !s) return s.error().what;
  Draft draft(service.key, service.config);
  for (auto server = servers.rbegin(); server != servers.rend(); ++server)
    if (const Status s = draft.add(server->key, server->config, true); !s) return s.error().what;
  return {};
}

}  // namespace xlvs::encode
