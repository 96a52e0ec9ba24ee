// SPDX-License-Identifier: GPL-2.0-or-later
// Services, edits and the choice of what comes next; generator_packets.cpp makes the packets.
#include "support/generator.h"

#include <fmt/format.h>

#include <algorithm>

#include "support/network.h"

namespace xlvs::support {

using model::Forward;
using model::Protocol;

namespace {

std::string at(const std::string& pattern, int host) { return fmt::format(fmt::runtime(pattern), host); }
std::string at(const std::string& pattern, int network, int host) {
  return fmt::format(fmt::runtime(pattern), network, host);
}

model::ServiceKey key(Protocol protocol, const std::string& address, std::uint16_t port) {
  model::ServiceKey k;
  k.address = *model::Address::parse(address);
  k.family = k.address.family;
  k.protocol = protocol;
  k.port = port;
  return k;
}

}  // namespace

const AddressPlan& network_plan() {
  static const AddressPlan plan{.client4 = "198.51.100.{}",
                                .client6 = "2001:db8:1::{}",
                                .vip4 = "192.0.2.{}",
                                .vip6 = "2001:db8::{}",
                                .server4 = "192.168.{}.{}",
                                .server6 = "fd00:{}::{}",
                                .director4 = "203.0.113.1",
                                .director6 = "2001:db8:c::1",
                                .networks = {1, 1, 1, 1, 2, 3, 9},
                                .hosts = {1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 200, 201}};
  return plan;
}

const AddressPlan& oracle_plan() {
  static const AddressPlan plan{.client4 = "10.0.0.{}",
                                .client6 = "2001:db8:1::{}",
                                .vip4 = "10.0.1.{}",
                                .vip6 = "2001:db8:1:1::{}",
                                .server4 = "192.168.{}.{}",
                                .server6 = "2001:db8:2:{}::{}",
                                .director4 = "192.168.255.254",
                                .director6 = "2001:db8:2:ffff::fe",
                                .networks = {1, 2},
                                .hosts = {10, 11, 12, 13, 14},
                                .odd_frames = false,
                                .as_kernel = true};
  return plan;
}

std::vector<Step> Generator::start() {
  // each client port belongs to one service, so that a reply can mean one connection only
  const std::vector<model::ServiceKey> keys{
      key(Protocol::kTcp, at(plan_.vip4, 10), 80),   key(Protocol::kUdp, at(plan_.vip4, 10), 53),
      key(Protocol::kTcp, at(plan_.vip4, 20), 443),  key(Protocol::kTcp, at(plan_.vip6, 10), 80),
      key(Protocol::kUdp, at(plan_.vip6, 10), 53),   key(Protocol::kUdp, at(plan_.vip6, 20), 500),
      key(Protocol::kUdp, plan_.director4, 88),      key(Protocol::kSctp, at(plan_.vip4, 10), 80),
      key(Protocol::kSctp, at(plan_.vip6, 10), 80)};
  const std::vector<std::string> schedulers{"rr", "wrr", "wlc"};
  std::vector<Step> steps;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    services_.push_back({keys[i], {}});
    steps.push_back({.kind = Step::Kind::kAddService, .service = keys[i], .scheduler = schedulers[i % 3]});
  }
  for (int i = 0; i < 30; ++i)
    if (auto step = edit()) steps.push_back(std::move(*step));
  return steps;
}

model::ServerConfig Generator::config(const model::ServiceKey& service, bool v6) {
  const bool same = v6 == (service.family == model::Family::kInet6);
  const std::vector<Forward> methods{Forward::kTunnel, Forward::kDirect, Forward::kMasq};
  model::ServerConfig c;
  c.forward = same ? any(methods) : Forward::kTunnel;
  c.weight = static_cast<int>(below(6));
  if (c.forward != Forward::kTunnel || one_in(2)) return c;
  c.tun_type = one_in(2) ? model::TunnelType::kGue : model::TunnelType::kGre;
  c.tun_port = c.tun_type == model::TunnelType::kGue ? 6080 : 0;
  c.tun_flags = static_cast<std::uint16_t>(below(c.tun_type == model::TunnelType::kGue ? 3 : 2));
  return c;
}

/// A random edit of a random service's servers; nothing if the server that was drawn is there.
std::optional<Step> Generator::edit() {
  Service& service = services_[below(static_cast<std::uint32_t>(services_.size()))];
  Step step{.kind = Step::Kind::kDeleteServer, .service = service.key};
  if (service.servers.size() > 6 || (!service.servers.empty() && one_in(3))) {
    const auto victim = service.servers.begin() + below(static_cast<std::uint32_t>(service.servers.size()));
    step.server = victim->key;
    if (one_in(2)) {
      service.servers.erase(victim);
      return step;
    }
    // the method stays: -g and -i impose the service's port, which would make it another server
    step.kind = Step::Kind::kEditServer;
    victim->config.weight = static_cast<int>(below(6));
    step.config = victim->config;
    return step;
  }
  const bool v6 = one_in(2);
  step.kind = Step::Kind::kAddServer;
  step.config = config(service.key, v6);
  step.server.address = *model::Address::parse(at(v6 ? plan_.server6 : plan_.server4, any(plan_.networks), any(plan_.hosts)));
  step.server.port =
      step.config.forward == Forward::kMasq ? static_cast<std::uint16_t>(8000 + below(3)) : service.key.port;
  for (const Server& s : service.servers)
    if (s.key == step.server) return std::nullopt;
  service.servers.push_back({step.server, step.config});
  return step;
}

std::string Generator::client(bool v6) { return at(v6 ? plan_.client6 : plan_.client4, static_cast<int>(2 + below(4))); }

std::uint16_t Generator::client_port(std::size_t service) {
  return static_cast<std::uint16_t>(20000 + 1000 * service + below(60));
}

Generator::Flow Generator::client_flow() {
  const std::uint32_t i = below(static_cast<std::uint32_t>(services_.size()));
  const model::ServiceKey& s = services_[i].key;
  Flow f{.v6 = s.family == model::Family::kInet6, .protocol = s.protocol, .src = {}, .dst = s.address.text()};
  f.src = one_in(30) ? odd_source(f.v6) : client(f.v6);
  if (one_in(40)) f.dst = at(f.v6 ? plan_.vip6 : plan_.vip4, 77);
  f.sport = client_port(i);
  f.dport = one_in(60) ? std::uint16_t{9999} : s.port;
  f.to = kClientMac;
  return f;
}

/// From a random server, to a client that may have a connection with it by NAT.
Generator::Flow Generator::server_flow() {
  const std::uint32_t i = below(static_cast<std::uint32_t>(services_.size()));
  const Service& s = services_[i];
  if (s.servers.empty()) return client_flow();
  const Server& from = any(s.servers);
  Flow f{.v6 = from.key.address.family == model::Family::kInet6, .protocol = s.key.protocol};
  f.src = from.key.address.text();
  f.dst = client(f.v6);
  f.sport = from.key.port;
  f.dport = client_port(i);
  f.to = kServerMac;
  return f;
}

std::vector<Step> Generator::next() {
  if (one_in(200)) {
    auto step = edit();
    return step ? std::vector<Step>{std::move(*step)} : std::vector<Step>{};
  }
  const Flow f = one_in(5) ? server_flow() : client_flow();
  bool from_server = f.to == kServerMac;
  std::vector<Bytes> frames;
  switch (one_in(12) ? below(8) : 8) {
    case 0: frames = {f.v6 ? with_extensions(f) : with_options(f)}; break;
    case 1: frames = {other_protocol(f)}; break;
    case 2:
    case 3:
    case 4: frames = fragments(f); break;
    case 5:
      frames = {error_about(client_flow(), false)};
      from_server = false;
      break;
    case 6:
      frames = {error_about(server_flow(), true)};
      from_server = true;
      break;
    case 7:
      frames = {error_about_tunnel()};
      from_server = true;
      break;
    default: frames = {spoilt(plain(f))};
  }
  std::vector<Step> steps;
  for (Bytes& frame : frames)
    steps.push_back({.kind = from_server ? Step::Kind::kServer : Step::Kind::kClient, .frame = std::move(frame)});
  return steps;
}

}  // namespace xlvs::support
