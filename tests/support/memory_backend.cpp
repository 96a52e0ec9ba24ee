// SPDX-License-Identifier: GPL-2.0-or-later
// The control side of net/netfilter/ipvs/ip_vs_ctl.c, as its generic netlink interface shows it.
#include "support/memory_backend.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace xlvs::testing {
namespace {

using model::Address;
using model::Family;

constexpr std::string_view kSchedulers[] = {"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh",
                                            "sh", "sed", "nq", "fo",  "ovf",  "mh",    "none"};

Error refusal(Errc code) { return Error{code, "refused", 0}; }

/// Neither multicast, broadcast, unspecified nor link-local.
bool unicast(const Address& address) {
  const auto& b = address.bytes;
  if (address.family == Family::kInet)
    return b[0] != 0 && (b[0] & 0xf0) != 0xe0 && !(b[0] == 255 && b[1] == 255 && b[2] == 255 && b[3] == 255);
  const bool unspecified = std::all_of(b.begin(), b.end(), [](std::uint8_t byte) { return byte == 0; });
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  return !unspecified && !link_local && b[0] != 0xff;
}

}  // namespace

MemoryBackend::Entry* MemoryBackend::entry(const model::ServiceKey& key) {
  const auto at =
      std::find_if(table_.begin(), table_.end(), [&key](const Entry& e) { return e.service.key == key; });
  return at == table_.end() ? nullptr : &*at;
}

model::Service* MemoryBackend::find(const model::ServiceKey& key) {
  Entry* found = entry(key);
  return found ? &found->service : nullptr;
}

model::Server* MemoryBackend::find(const model::ServiceKey& service, const model::ServerKey& server) {
  Entry* found = entry(service);
  if (!found) return nullptr;
  auto& servers = found->servers;
  const auto at = std::find_if(servers.begin(), servers.end(),
                               [&server](const model::Server& s) { return s.key == server; });
  return at == servers.end() ? nullptr : &*at;
}

Status MemoryBackend::check_new_config(const model::ServiceKey& key,
                                       const model::ServiceConfig& config) const {
  const bool known =
      std::find(std::begin(kSchedulers), std::end(kSchedulers), config.scheduler) != std::end(kSchedulers);
  if (!known && (own_scheduler.empty() || config.scheduler != own_scheduler)) return refusal(Errc::kNotFound);
  if (!config.pe_name.empty() && config.pe_name != "sip") return refusal(Errc::kNotFound);
  if (key.family == Family::kInet6 && (config.netmask < 1 || config.netmask > 128))
    return refusal(Errc::kInvalidArgument);
  return ok();
}

Status MemoryBackend::add_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  if (entry(key)) return refusal(Errc::kExists);
  if (Status status = check_new_config(key, config); !status) return status;
  model::Service service;
  service.key = key;
  service.config = config;
  table_.insert(table_.begin(), Entry{std::move(service), {}});
  return ok();
}

Status MemoryBackend::edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  Entry* found = entry(key);
  if (!found) return refusal(Errc::kNoService);
  if (Status status = check_new_config(key, config); !status) return status;
  found->service.config = config;
  return ok();
}

Status MemoryBackend::delete_service(const model::ServiceKey& key) {
  Entry* found = entry(key);
  if (!found) return refusal(Errc::kNoService);
  table_.erase(table_.begin() + (found - table_.data()));
  return ok();
}

Status MemoryBackend::flush() {
  table_.clear();
  return ok();
}

Status MemoryBackend::zero(const model::ServiceKey* key) {
  if (key && !entry(*key)) return refusal(Errc::kNoService);
  for (Entry& each : table_) {
    if (key && each.service.key != *key) continue;
    each.service.stats = {};
    each.service.rates = {};
    for (model::Server& server : each.servers) {
      server.stats = {};
      server.rates = {};
    }
  }
  return ok();
}

Status MemoryBackend::check_server(const model::ServiceKey& service, const model::ServerKey& server,
                                   const model::ServerConfig& config) const {
  if (server.address.family != service.family &&
      (!daemons_.empty() || config.forward != model::Forward::kTunnel))
    return refusal(Errc::kInvalidArgument);
  if (config.weight < 0 || config.lower > config.upper) return refusal(Errc::kRange);
  if (config.tun_type == model::TunnelType::kGue && config.tun_port == 0)
    return refusal(Errc::kInvalidArgument);
  return ok();
}

Status MemoryBackend::add_server(const model::ServiceKey& service, const model::ServerKey& server,
                                 const model::ServerConfig& config) {
  Entry* found = entry(service);
  if (!found) return refusal(Errc::kNoService);
  if (Status status = check_server(service, server, config); !status) return status;
  if (find(service, server)) return refusal(Errc::kExists);
  if (!unicast(server.address)) return refusal(Errc::kInvalidArgument);
  model::Server added;
  added.key = server;
  added.config = config;
  found->servers.insert(found->servers.begin(), std::move(added));
  return ok();
}

Status MemoryBackend::edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                                  const model::ServerConfig& config) {
  if (!entry(service)) return refusal(Errc::kNoService);
  if (Status status = check_server(service, server, config); !status) return status;
  model::Server* found = find(service, server);
  if (!found) return refusal(Errc::kNotFound);
  found->config = config;
  return ok();
}

Status MemoryBackend::delete_server(const model::ServiceKey& service, const model::ServerKey& server) {
  Entry* of = entry(service);
  if (!of) return refusal(Errc::kNoService);
  model::Server* found = find(service, server);
  if (!found) return refusal(Errc::kNotFound);
  of->servers.erase(of->servers.begin() + (found - of->servers.data()));
  return ok();
}

// The kernel hashes services by protocol and port; those of a bucket are newest first, marks come last.
Result<std::vector<model::Service>> MemoryBackend::services() {
  std::vector<model::Service> services;
  for (const bool marks : {false, true})
    for (const Entry& each : table_)
      if ((each.service.key.fwmark != 0) == marks) services.push_back(each.service);
  return services;
}

Result<model::Service> MemoryBackend::service(const model::ServiceKey& key) {
  const model::Service* found = find(key);
  if (!found) return refusal(Errc::kNoService);
  return *found;
}

Result<std::vector<model::Server>> MemoryBackend::servers(const model::ServiceKey& key) {
  const Entry* found = entry(key);
  if (!found) return refusal(Errc::kNoService);
  return found->servers;
}

Status MemoryBackend::connections(const std::function<void(const model::Connection&)>& each) {
  for (const model::Connection& connection : connection_list) each(connection);
  return ok();
}

Status MemoryBackend::set_timeouts(const model::Timeouts& timeouts) {
  if (timeouts.tcp_s != 0) timeouts_.tcp_s = timeouts.tcp_s;
  if (timeouts.tcp_fin_s != 0) timeouts_.tcp_fin_s = timeouts.tcp_fin_s;
  if (timeouts.udp_s != 0) timeouts_.udp_s = timeouts.udp_s;
  return ok();
}

Status MemoryBackend::start_daemon(const model::Daemon& daemon) {
  const auto is_mixed = [](const Entry& each) {
    return std::any_of(each.servers.begin(), each.servers.end(), [&each](const model::Server& server) {
      return server.key.address.family != each.service.key.family;
    });
  };
  if (std::any_of(table_.begin(), table_.end(), is_mixed)) return refusal(Errc::kInvalidArgument);
  if (std::find(interfaces.begin(), interfaces.end(), daemon.interface) == interfaces.end())
    return Error{Errc::kSystem, "no such device", ENODEV};
  const auto same_state = [&daemon](const model::Daemon& running) { return running.state == daemon.state; };
  if (std::any_of(daemons_.begin(), daemons_.end(), same_state)) return refusal(Errc::kExists);
  model::Daemon started = daemon;
  constexpr int kMtu = 1500, kUdp = 8;
  const int header = daemon.group.family == Family::kInet6 ? 40 : 20;
  const auto fits = static_cast<std::uint16_t>(kMtu - header - kUdp);
  const bool sends = daemon.state == model::DaemonState::kMaster;  // only a sender's datagrams must fit
  if (daemon.max_len == 0 || (sends && daemon.max_len > fits)) started.max_len = fits;
  if (started.group == Address{}) started.group = *Address::parse("224.0.0.81");
  if (started.port == 0) started.port = 8848;
  if (started.ttl == 0) started.ttl = 1;
  daemons_.push_back(std::move(started));
  return ok();
}

Status MemoryBackend::stop_daemon(model::DaemonState state, std::uint32_t) {
  const auto stopped = std::remove_if(daemons_.begin(), daemons_.end(),
                                      [state](const model::Daemon& daemon) { return daemon.state == state; });
  if (stopped == daemons_.end()) return refusal(Errc::kNoService);
  daemons_.erase(stopped, daemons_.end());
  return ok();
}

Status MemoryBackend::begin(Batch batch) {
  published_ = table_;
  in_batch_ = true;
  if (batch == Batch::kReplace) table_.clear();
  return ok();
}

Status MemoryBackend::commit() {
  published_.clear();
  in_batch_ = false;
  ++commits;
  return ok();
}

void MemoryBackend::cancel() {
  table_ = std::move(published_);
  published_.clear();
  in_batch_ = false;
}

}  // namespace xlvs::testing
