// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/draft.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "encode/can_serve.h"
#include "encode/convert.h"
#include "encode/writer.h"

namespace xlvs::encode {
namespace {

std::string name(const char (&field)[XLVS_NAME_LEN]) { return {field, ::strnlen(field, sizeof field)}; }

/// What ip_vs_new_dest() takes as a server's address: unicast, judged without the host's routes.
bool unicast(const model::Address& address) {
  const auto& b = address.bytes;
  const auto zeros = [&](std::size_t n) {
    return std::all_of(b.begin(), b.begin() + n, [](auto x) { return x == 0; });
  };
  if (address.family == model::Family::kInet) {
    const bool multicast = b[0] >= 224 && b[0] < 240;
    const bool broadcast = std::all_of(b.begin(), b.begin() + 4, [](auto x) { return x == 255; });
    return !multicast && !broadcast && !zeros(4);
  }
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  const bool mapped = zeros(10) && b[10] == 0xff && b[11] == 0xff;
  return b[0] != 0xff && !link_local && !mapped && !zeros(16);
}

/// ip_vs_edit_dest(): an upper threshold that is taken away or raised ends an overload, even if the next
/// command of the batch lowers it again.
bool relieves(const Entry& before, const model::ServerConfig& config) {
  return before.relieved || config.upper == 0 || config.upper > before.config.upper;
}

}  // namespace

Status check(const model::ServiceKey& key, const model::ServiceConfig& config) {
  constexpr std::uint32_t kMaxPrefix = 128;
  if (sched::find_scheduler(config.scheduler) == nullptr)
    return Error{Errc::kNotFound, "no scheduler is called " + config.scheduler};
  if (!config.pe_name.empty() && config.pe_name != "sip")
    return Error{Errc::kNotFound, "no persistence engine is called " + config.pe_name};
  if (key.family == model::Family::kInet6 && (config.netmask < 1 || config.netmask > kMaxPrefix))
    return Error{Errc::kInvalidArgument, "an IPv6 prefix has 1 to 128 bits"};
  if (key.fwmark == 0 && (key.protocol == model::Protocol::kNone || key.address.family != key.family))
    return Error{Errc::kInvalidArgument, "a service needs a protocol and an address, or a firewall mark"};
  if (const std::string why = xdp_can_serve(key, config); !why.empty()) {
    const bool by_name = !config.pe_name.empty();
    return Error{Errc::kUnsupported, why, by_name ? ENOENT : 0};
  }
  return ok();
}

Draft::Draft(model::ServiceKey key, model::ServiceConfig config)
    : key_(std::move(key)), config_(std::move(config)), scheduler_(sched::find_scheduler(config_.scheduler)) {
  config_.flags &= ~model::kSvcHashed;
  if (scheduler_->turns != nullptr) position_ = scheduler_->turns->init({});
}

Result<Draft> Draft::of(const TableMemory& memory, std::uint32_t row) {
  const auto view = view_version(memory, row);
  if (!view) return view.error();
  const xlvs_version& head = *(*view).head;
  model::ServiceConfig config{.scheduler = name(head.scheduler),
                              .flags = head.flags,
                              .timeout_s = head.timeout_s,
                              .netmask = head.netmask,
                              .pe_name = name((*view).zero->pe_name)};
  if (sched::find_scheduler(config.scheduler) == nullptr)
    return Error{Errc::kSystem, "the table names an unknown scheduler, " + config.scheduler};
  Draft draft(to_model(memory.services[row].key), std::move(config));
  draft.base_ = row;
  draft.ticket_ = load(head.ticket);
  draft.zero_ = (*view).zero->zero;
  for (const xlvs_record& record : (*view).records)
    draft.servers_.push_back({.key = server_key(memory.servers[record.server]),
                              .config = to_model(record),
                              .last_weight = record.last_weight,
                              .row = record.server,
                              .zero = record.zero,
                              .counted = true});
  const sched::Turns* turns = draft.scheduler_->turns;
  if (turns != nullptr) {
    const bool restarted = load((*view).zero->restarted) == static_cast<__u32>(draft.ticket_) + 1;
    draft.position_ = restarted ? turns->init(draft.weights())
                                : turns->after({head.state[0], head.state[1]}, draft.weights(), draft.ticket_);
  }
  return draft;
}

std::vector<sched::Weight> Draft::weights() const {
  std::vector<sched::Weight> weights;
  weights.reserve(servers_.size() + 1);
  for (const Entry& e : servers_) weights.push_back(static_cast<sched::Weight>(e.config.weight));
  return weights;
}

std::vector<sched::Slot> Draft::table(std::uint64_t seed) const {
  std::vector<sched::Member> members;
  members.reserve(servers_.size());
  for (const Entry& e : servers_)
    members.push_back({e.key, static_cast<sched::Weight>(e.config.weight), e.last_weight});
  return scheduler_->table({key_.family, members, seed});
}

std::size_t Draft::find(const model::ServerKey& server) const {
  const auto same = [&](const Entry& e) { return e.key == server; };
  return static_cast<std::size_t>(std::find_if(servers_.begin(), servers_.end(), same) - servers_.begin());
}

model::ServerKey Draft::effective(model::ServerKey server, const model::ServerConfig& config) const {
  const bool keeps_port =
      config.forward == model::Forward::kDirect || config.forward == model::Forward::kTunnel;
  if (key_.fwmark == 0 && keeps_port) server.port = key_.port;
  return server;
}

Status Draft::check(const model::ServerKey& server, const model::ServerConfig& config) const {
  const bool tunnel = config.forward == model::Forward::kTunnel;
  if (server.address.family != key_.family && !tunnel)
    return Error{Errc::kInvalidArgument, "only tunnels lead to a server of another address family"};
  if (config.weight < 0) return Error{Errc::kRange, "the weight is negative"};
  if (config.lower > config.upper) return Error{Errc::kRange, "the lower threshold is above the upper one"};
  if (config.tun_type == model::TunnelType::kGue && config.tun_port == 0)
    return Error{Errc::kInvalidArgument, "a GUE tunnel needs a port"};
  return ok();
}

void Draft::moved(sched::Change change, std::size_t at, std::span<const sched::Weight> weights) {
  if (scheduler_->turns == nullptr) return;
  position_ = scheduler_->turns->changed(position_, change, static_cast<sched::Slot>(at), weights);
}

Status Draft::edit(const model::ServiceConfig& config) {
  if (Status s = encode::check(key_, config); !s) return s;
  const sched::Scheduler* scheduler = sched::find_scheduler(config.scheduler);
  if (scheduler != scheduler_) {  // the kernel binds anew only then
    const std::vector<sched::Weight> now = weights();
    scheduler_ = scheduler;
    position_ = scheduler_->turns != nullptr ? scheduler_->turns->init(now) : sched::Position{};
    rebound_ = true;
  }
  config_ = config;
  config_.flags &= ~model::kSvcHashed;
  return ok();
}

Status Draft::add(const model::ServerKey& asked, const model::ServerConfig& config, bool room) {
  const model::ServerKey server = effective(asked, config);
  if (Status s = check(server, config); !s) return s;
  if (find(server) != servers_.size()) return Error{Errc::kExists, "it is there already"};
  if (!unicast(server.address)) return Error{Errc::kInvalidArgument, "the address is not unicast"};
  if (const std::string why = xdp_can_serve(config); !why.empty()) return Error{Errc::kUnsupported, why};
  if (servers_.size() >= XLVS_MAX_SERVERS_PER_SERVICE)
    return Error{Errc::kUnsupported,
                 "the service has " + std::to_string(servers_.size()) + " servers, the most it can"};
  std::vector<sched::Weight> now = weights();
  now.insert(now.begin(), static_cast<sched::Weight>(config.weight));
  if (!room) return Error{Errc::kNoSpace, "the table is full"};
  servers_.push_front({.key = server,
                       .config = config,
                       .last_weight = now.front(),
                       .first_upper = config.upper,
                       .joined = true});
  if (const auto before = gone_.find(server); before != gone_.end()) {
    servers_.front().relieved = relieves(before->second, config);
    gone_.erase(before);
  }
  moved(sched::Change::kAdd, 0, now);
  return ok();
}

Status Draft::edit(const model::ServerKey& asked, const model::ServerConfig& config) {
  const model::ServerKey server = effective(asked, config);
  if (Status s = check(server, config); !s) return s;
  const std::size_t at = find(server);
  if (at == servers_.size()) return Error{Errc::kNotFound, "it is not there"};
  if (const std::string why = xdp_can_serve(config); !why.empty()) return Error{Errc::kUnsupported, why};
  std::vector<sched::Weight> now = weights();
  now[at] = static_cast<sched::Weight>(config.weight);
  servers_[at].relieved = relieves(servers_[at], config);
  servers_[at].config = config;
  if (now[at] != 0) servers_[at].last_weight = now[at];
  moved(sched::Change::kEdit, at, now);
  return ok();
}

Status Draft::remove(const model::ServerKey& server) {
  const std::size_t at = find(server);
  if (at == servers_.size()) return Error{Errc::kNotFound, "it is not there"};
  std::vector<sched::Weight> now = weights();
  now.erase(now.begin() + static_cast<std::ptrdiff_t>(at));
  gone_.insert_or_assign(server, servers_[at]);
  servers_.erase(servers_.begin() + static_cast<std::ptrdiff_t>(at));
  moved(sched::Change::kDelete, at, now);
  return ok();
}

bool Draft::schedules() const {
  return !any_port(to_abi(key_)) || (config_.flags & model::kSvcPersistent) != 0;
}

std::optional<sched::Ladder> Draft::ladder() const {
  const std::vector<sched::Weight> now = weights();
  if (!schedules() || scheduler_->turns == nullptr || scheduler_->turns->slots(now) <= sched::kMaxSlots)
    return std::nullopt;
  return sched::Ladder(now);
}

Result<std::vector<sched::Slot>> Draft::period(std::uint64_t maglev_seed) const {
  if (!schedules() || ladder()) return std::vector<sched::Slot>{};
  if (scheduler_->table != nullptr) return table(maglev_seed);
  if (scheduler_->turns == nullptr) return std::vector<sched::Slot>{};
  return scheduler_->turns->period(position_, weights());
}

}  // namespace xlvs::encode
