// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/mh.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "sched/siphash.h"

namespace xlvs::sched {
namespace {

constexpr SipKey kFirstKey{2654435761u, 2654435761u}, kStepKey{2654446892u, 2654446892u};
constexpr int kWeightBits = 6;  // half of the table's index
constexpr Slot kNobody = ~Slot{0};

std::uint32_t hash(SipKey key, std::uint32_t value) {
  return static_cast<std::uint32_t>(siphash13(key, {value}, sizeof value));
}

/// One server's way through the slots.
struct Taker {
  Slot server;
  std::size_t next, step;
  Weight turns;  // slots in a row
};

std::vector<Taker> takers(const Pool& pool) {
  Weight divisor = 0, most = 0;
  for (const Member& m : pool.members) {
    divisor = std::gcd(divisor, m.last_weight);
    most = std::max(most, m.last_weight);
  }
  std::vector<Taker> result;
  if (divisor == 0) return result;
  const int shift = std::max(0, static_cast<int>(std::bit_width(most / divisor)) - kWeightBits);
  for (Slot i = 0; i < pool.members.size(); ++i) {
    const Member& m = pool.members[i];
    if (m.last_weight == 0) continue;
    const std::uint32_t value = folded(pool.family, m.key.address) + m.key.port;
    result.push_back({i, hash(kFirstKey, value) % kMhSlots, hash(kStepKey, value) % (kMhSlots - 1) + 1,
                      std::max<Weight>(1, (m.last_weight / divisor) >> shift)});
  }
  return result;
}

}  // namespace

std::vector<Slot> mh_table(const Pool& pool) {
  std::vector<Taker> order = takers(pool);
  std::vector<Slot> slots;
  if (order.empty()) return slots;
  slots.assign(kMhSlots, kNobody);
  for (std::size_t taken = 0; taken < kMhSlots;)
    for (Taker& t : order)
      for (Weight turn = 0; turn < t.turns && taken < kMhSlots; ++turn, ++taken) {
        while (slots[t.next] != kNobody) t.next = (t.next + t.step) % kMhSlots;
        slots[t.next] = t.server;
      }
  return slots;
}

}  // namespace xlvs::sched
