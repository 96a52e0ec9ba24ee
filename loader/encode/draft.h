// SPDX-License-Identifier: GPL-2.0-or-later
// A service under edit: what its next version will hold, with kernel IPVS's rules for each command.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "encode/version.h"
#include "model/service.h"
#include "sched/ladder.h"
#include "sched/registry.h"

namespace xlvs::encode {

/// A service's configuration as kernel IPVS checks it, and then what XDP can serve.
/// kNotFound (scheduler, persistence engine), kInvalidArgument (IPv6 prefix), kUnsupported, with ENOENT if it
/// is the scheduler or the persistence engine that XDP does not have.
Status check(const model::ServiceKey& key, const model::ServiceConfig& config);

/// One real server of a draft.
struct Entry {
  model::ServerKey key;
  model::ServerConfig config;
  std::uint32_t last_weight = 0;  ///< sched::Member
  bool relieved = false;          ///< -x was taken away or raised on the way here: it is not overloaded any more
  std::uint32_t first_upper = 0;  ///< of one that `joined`: the -x that it was added with, whatever came later
  std::uint32_t row = kNone;      ///< in xlvs_servers; kNone until the publisher finds or takes one
  xlvs_counters zero{};           ///< what its totals are counted from, if `counted`
  bool counted = false;           ///< else the zero point is drawn when it is published
  bool joined = false;            ///< came in this edit: the service's totals must not jump by its counters
};

/// A copy of a service, in plain memory; edits fail without having changed anything.
class Draft {
 public:
  /// A new service without servers. The configuration was checked.
  Draft(model::ServiceKey key, model::ServiceConfig config);
  /// The service published in `row`, as it stands at this moment of its traffic.
  static Result<Draft> of(const TableMemory& memory, std::uint32_t row);

  Status edit(const model::ServiceConfig& config);
  /// `room`: the table has a row for one more; asked last, for what is wrong with the server itself goes
  /// first.
  Status add(const model::ServerKey& server, const model::ServerConfig& config, bool room);
  Status edit(const model::ServerKey& server, const model::ServerConfig& config);
  Status remove(const model::ServerKey& server);
  /// Totals of the service and its servers begin at 0 when this is published.
  void zero_totals() { zeroed_ = true; }

  [[nodiscard]] const model::ServiceKey& key() const { return key_; }
  [[nodiscard]] const model::ServiceConfig& config() const { return config_; }
  [[nodiscard]] const sched::Scheduler& scheduler() const { return *scheduler_; }
  [[nodiscard]] sched::Position position() const { return position_; }
  /// What was set last for a server that is deleted by this draft; null for others.
  [[nodiscard]] const Entry* gone(const model::ServerKey& server) const {
    const auto at = gone_.find(server);
    return at == gone_.end() ? nullptr : &at->second;
  }
  /// Turns taken from the published version when this copy was made.
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }
  [[nodiscard]] const std::deque<Entry>& servers() const { return servers_; }
  [[nodiscard]] std::deque<Entry>& servers() { return servers_; }
  [[nodiscard]] const xlvs_counters& zero() const { return zero_; }
  [[nodiscard]] bool zeroed() const { return zeroed_; }
  /// Another scheduler was bound since the copy was made.
  [[nodiscard]] bool rebound() const { return rebound_; }
  /// Row of the published service that this one goes on from; kNone for a service that begins.
  [[nodiscard]] std::uint32_t base() const { return base_; }
  /// False for a service that never takes new connections: IPVS wants persistence with port 0.
  [[nodiscard]] bool schedules() const;
  [[nodiscard]] std::vector<sched::Weight> weights() const;
  /// One period of turns from position(), or the slots of a hash table; empty for schedulers without either.
  [[nodiscard]] Result<std::vector<sched::Slot>> period(std::uint64_t maglev_seed) const;
  /// In the place of a period that is too long.
  [[nodiscard]] std::optional<sched::Ladder> ladder() const;

 private:
  [[nodiscard]] std::vector<sched::Slot> table(std::uint64_t seed) const;
  [[nodiscard]] std::size_t find(const model::ServerKey& server) const;
  /// IPVS has the client's port in the packet that it routes or tunnels, whatever was asked for.
  [[nodiscard]] model::ServerKey effective(model::ServerKey server, const model::ServerConfig& config) const;
  [[nodiscard]] Status check(const model::ServerKey& server, const model::ServerConfig& config) const;
  void moved(sched::Change change, std::size_t at, std::span<const sched::Weight> weights);

  model::ServiceKey key_;
  model::ServiceConfig config_;
  const sched::Scheduler* scheduler_;
  sched::Position position_;
  std::uint64_t ticket_ = 0;
  std::deque<Entry> servers_;  // newest first
  std::map<model::ServerKey, Entry> gone_;  // deleted in this draft: they may come back
  xlvs_counters zero_{};
  bool zeroed_ = false;
  bool rebound_ = false;
  std::uint32_t base_ = kNone;
};

}  // namespace xlvs::encode
