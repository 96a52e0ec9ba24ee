// SPDX-License-Identifier: GPL-2.0-or-later
// The one list of schedulers: names, how the data plane picks for each, and the names of their flags.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sched/hash_table.h"
#include "sched/turns.h"

namespace xlvs::sched {

/// How the data plane picks a server; encode/ translates it to enum xlvs_sched.
enum class Pick {
  kNone,  ///< nobody: a service without a scheduler
  kTurn,  ///< the next slot of a period that `turns` makes
  kLc,    ///< the least of a cost for each: bpf/schedule/cost.h
  kWlc,
  kSed,
  kNq,
  kFo,
  kOvf,
  kTwos,   ///< the lesser of two drawn by lot: bpf/schedule/twos.h
  kLblc,   ///< a remembered server, or one of a set: bpf/schedule/lblc.h, lblcr.h
  kLblcr,
  kDh,    ///< a slot of `table` by a hash: bpf/schedule/hash.h
  kSh,
  kMh,      ///< the same: bpf/schedule/mh.h
  kMaglev,  ///< the same: bpf/schedule/maglev.h
};

struct Scheduler {
  std::string_view name;
  Pick pick;
  const Turns* turns;  ///< of Pick::kTurn, else null
  Table* table;        ///< of those that pick by a hash, else null
  /// What `ipvsadm -b` calls IP_VS_SVC_F_SCHED1, 2 and 3, lowest bit first.
  std::array<std::string_view, 3> flags;

  /// Looks at the servers' connections for each new one.
  [[nodiscard]] bool dynamic() const { return turns == nullptr && table == nullptr; }
};

/// Every scheduler of kernel IPVS, maglev, and "none", kernel IPVS's word for a service without one.
std::span<const Scheduler> schedulers();
/// Null if there is none of that name: kernel IPVS would answer ENOENT.
const Scheduler* find_scheduler(std::string_view name);

}  // namespace xlvs::sched
