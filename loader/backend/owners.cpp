// SPDX-License-Identifier: GPL-2.0-or-later
#include "backend/owners.h"

#include <algorithm>
#include <set>

#include "encode/can_serve.h"

namespace xlvs::backend {
namespace {

constexpr const char* kNoMarks = "packets have no firewall mark yet when XDP sees them";

std::string why_not_xdp(const model::Service& service, const std::vector<model::Server>& servers,
                        bool beside_any_port) {
  if (service.key.fwmark != 0) return kNoMarks;
  const std::string why = encode::xdp_can_serve(service, servers);
  if (!why.empty()) return why;
  if (beside_any_port) return "it has all ports of an address of which the kernel has one";
  return "XDP could serve it, once it is deleted and added again";
}

bool has_one_port_of(const std::vector<model::Service>& services, const model::ServiceKey& any) {
  if (any.fwmark != 0 || any.port != 0) return false;
  return std::any_of(services.begin(), services.end(), [&](const model::Service& s) {
    return s.key.port != 0 && s.key.family == any.family && s.key.protocol == any.protocol &&
           s.key.address == any.address;
  });
}

}  // namespace

Result<std::vector<OwnedService>> owners(Backend* xdp, Backend* kernel) {
  std::vector<OwnedService> all;
  std::set<model::ServiceKey> seen;
  if (xdp != nullptr) {
    const auto services = xdp->services();
    if (!services) return services.error();
    for (const model::Service& s : *services) {
      seen.insert(s.key);
      all.push_back({s.key, s.config.scheduler, Owner::kXdp, s.key.fwmark != 0 ? kNoMarks : ""});
    }
  }
  if (kernel == nullptr) return all;
  const auto services = kernel->services();
  if (!services) return services.error();
  for (const model::Service& s : *services) {
    OwnedService owned{s.key, s.config.scheduler, Owner::kKernel, {}};
    const auto servers = kernel->servers(s.key);
    if (seen.contains(s.key))
      owned.remark = "a second definition, which no packet reaches: the one of XDP counts";
    else if (xdp == nullptr)
      owned.remark = "there is no XDP table";
    else
      owned.remark = why_not_xdp(s, servers ? *servers : std::vector<model::Server>{},
                                 has_one_port_of(*services, s.key));
    all.push_back(std::move(owned));
  }
  return all;
}

}  // namespace xlvs::backend
