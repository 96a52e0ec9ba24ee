// SPDX-License-Identifier: GPL-2.0-or-later
// The director as a contender: the real object, its connections made by sending their first packets through
// it.
#include "support/director.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/contender.h"

namespace xlvs::bench {
namespace {

using support::Director;

class DirectorContender : public Contender {
 public:
  DirectorContender(std::unique_ptr<Director> director, std::uint32_t slot, Traffic traffic)
      : director_(std::move(director)), slot_(slot), traffic_(traffic), seen_(director_->reasons()) {}
  [[nodiscard]] std::uint32_t slot() const override { return slot_; }

  std::string complaint() override {
    static constexpr const char* kNames[] = {
#define X(name, verdict, text) #name,
        XLVS_REASONS(X)
#undef X
    };
    const auto reasons = director_->reasons();
    std::string out;
    for (std::size_t r = 0; r < reasons.size(); ++r) {
      const bool meant = (traffic_ == Traffic::kStranger && r == XLVS_REASON_NOT_OURS) ||
                         (traffic_ == Traffic::kNew && r == XLVS_REASON_EVICTED);
      if (reasons[r] != seen_[r] && !meant)
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", reasons[r] - seen_[r], kNames[r]);
    }
    seen_ = reasons;
    return out;
  }

 private:
  std::unique_ptr<Director> director_;
  std::uint32_t slot_;
  Traffic traffic_;
  std::vector<std::uint64_t> seen_;
};

Result<kernel::Capacity> capacity_of(const Scenario& s) {
  kernel::CapacityRequest request;
  const bool v6 = s.family == model::Family::kInet6;
  const std::uint64_t conns = std::max(1024u, s.flows);
  request.conns = v6 ? 1024 : conns;
  request.conns6 = v6 ? conns : 1024;
  request.services = std::max(64u, 2 * s.services);  // the tests' director keeps no room for a restore beside
  request.servers = std::max(256u, s.services * s.servers);
  return kernel::capacity_for(request);
}

/// A service on real servers that are the same hosts for all services, but rows of their own.
Status serve(encode::Table& table, const Scenario& s, const std::string& address) {
  const bool v6 = s.family == model::Family::kInet6;
  const model::ServiceKey service{.family = s.family,
                                  .protocol = s.protocol,
                                  .address = *model::Address::parse(address),
                                  .port = 80,
                                  .fwmark = 0};
  model::ServiceConfig rr;
  rr.scheduler = "rr";
  if (v6) rr.netmask = 128;
  if (Status st = table.add_service(service, rr); !st) return st;
  for (std::uint32_t host = 10; host < 10 + s.servers; ++host) {
    model::ServerKey server;
    server.address =
        *model::Address::parse(fmt::format(fmt::runtime(v6 ? "fd00:1::{}" : "192.168.1.{}"), host));
    server.port = s.forward == model::Forward::kMasq ? 8080 : 80;
    model::ServerConfig config;
    config.forward = s.forward;
    config.tun_type = s.tunnel;
    if (s.tunnel == model::TunnelType::kGue) config.tun_port = 6080;
    if (Status st = table.add_server(service, server, config); !st) return st;
  }
  return ok();
}

}  // namespace

Status serve_all(encode::Table& table, const Scenario& s) {
  if (Status st = table.begin(false); !st) return st;
  for (std::uint32_t i = 0; i < s.services; ++i)
    if (Status st = serve(table, s, vip_of(s, i)); !st) return st;
  return table.commit();
}

namespace {

/// Each flow's first two packets at once: a table that is nearly full gives an unanswered SYN's place to the
/// next one.
Status fill(const Scenario& s, Wrapper& wrapper, std::uint32_t slot) {
  Stream stream = stream_of(s, support::kSyn, false);
  const bool known = s.traffic != Traffic::kNew;
  stream.source.twice = known;
  if (auto r = wrapper.run(slot, stream, s.flows * (known ? 2 : 1)); !r) return r.error();
  return ok();
}

}  // namespace

Result<std::unique_ptr<Contender>> make_director(const Scenario& s, Wrapper& wrapper) {
  const auto capacity = capacity_of(s);
  if (!capacity) return capacity.error();
  auto network = support::enter_network();
  if (!network) return network.error();
  auto director = Director::load(*capacity, *network);
  if (!director) return director.error();
  if (Status st = serve_all((*director)->table(), s); !st) return st.error();
  auto slot = wrapper.add((*director)->program());
  if (!slot) return slot.error();
  if (s.traffic != Traffic::kStranger)
    if (Status st = fill(s, wrapper, *slot); !st) return st.error();
  return std::unique_ptr<Contender>(new DirectorContender(std::move(*director), *slot, s.traffic));
}

}  // namespace xlvs::bench
