// SPDX-License-Identifier: GPL-2.0-or-later
// What the schedulers that take turns (rr, wrr) have in common: one period of turns, and a place in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "sched/pool.h"

namespace xlvs::sched {

/// Longest period that is written down (XLVS_MAX_SLOTS of the data plane); for longer ones there is the Ladder.
inline constexpr std::size_t kMaxSlots = 65536;

/// Where a scheduler stands between two turns: what kernel IPVS keeps in svc->sched_data.
struct Position {
  std::uint32_t threshold = 0;  ///< wrr: the current weight "cw"; rr: 0
  std::uint32_t last = 0;       ///< list position served last, plus 1; 0 = the list's head

  friend bool operator==(const Position&, const Position&) = default;
};

/// An edit of the list of servers: kernel IPVS calls a scheduler's add_dest, upd_dest or del_dest.
enum class Change { kAdd, kEdit, kDelete };

/// One turn-taking scheduler: pure functions over the weights in list order.
struct Turns {
  /// The position of a scheduler that was just bound to a service with these servers.
  Position (*init)(std::span<const Weight> weights);
  /// The position after an edit of the server at list position `at`; `weights` are the new list's.
  Position (*changed)(Position position, Change change, Slot at, std::span<const Weight> weights);
  /// Length of a period, whether it fits or not.
  std::uint64_t (*slots)(std::span<const Weight> weights);
  /// One period of turns, beginning with the one after `position`. Empty when no server has a weight.
  /// kUnsupported beyond kMaxSlots; never truncates, for that would change the shares.
  Result<std::vector<Slot>> (*period)(Position position, std::span<const Weight> weights);
  /// The position after `turns` more turns.
  Position (*after)(Position position, std::span<const Weight> weights, std::uint64_t turns);
};

/// kNoSpace if a period of that length is more than a service can have.
Status check_slots(std::uint64_t slots);

}  // namespace xlvs::sched
