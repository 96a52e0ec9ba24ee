// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/maglev.h"

#include <algorithm>
#include <cstring>

#include "sched/siphash.h"

namespace xlvs::sched {
namespace {

constexpr std::uint64_t kFirst = 1, kStep = 2, kDigest = 3;  // beside the seed in the key: what is hashed
constexpr Slot kNobody = ~Slot{0};

std::uint64_t hash(std::uint64_t seed, std::uint64_t what, const model::ServerKey& server) {
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(server.address.bytes.begin(), server.address.family == model::Family::kInet ? 4 : 16, bytes.begin());
  std::uint64_t words[2] = {};
  for (std::size_t i = 0; i < bytes.size(); ++i) words[i / 8] |= std::uint64_t{bytes[i]} << (i % 8 * 8);
  const auto family = static_cast<std::uint64_t>(server.address.family);
  return siphash13({seed, what}, {words[0], words[1], server.port | family << 16}, 24);
}

struct Taker {
  Slot server;
  std::size_t next, step;
  std::uint64_t credit, weight;
};

/// In an order of their own: by address and port.
std::vector<Taker> takers(const Pool& pool) {
  std::vector<Slot> order;
  for (Slot i = 0; i < pool.members.size(); ++i)
    if (pool.members[i].weight != 0) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](Slot a, Slot b) { return pool.members[a].key < pool.members[b].key; });
  std::vector<Taker> result;
  for (const Slot i : order) {
    const Member& m = pool.members[i];
    result.push_back({i, hash(pool.seed, kFirst, m.key) % kMaglevSlots,
                      hash(pool.seed, kStep, m.key) % (kMaglevSlots - 1) + 1, 0, m.weight});
  }
  return result;
}

}  // namespace

std::vector<Slot> maglev_table(const Pool& pool) {
  std::vector<Taker> order = takers(pool);
  std::vector<Slot> slots;
  if (order.empty()) return slots;
  std::uint64_t most = 0;
  for (const Taker& t : order) most = std::max(most, t.weight);
  for (Taker& t : order) t.credit = most - t.weight;
  slots.assign(kMaglevSlots, kNobody);
  for (std::size_t taken = 0; taken < kMaglevSlots;)
    for (Taker& t : order) {
      t.credit += t.weight;
      if (t.credit < most || taken == kMaglevSlots) continue;
      t.credit -= most;
      while (slots[t.next] != kNobody) t.next = (t.next + t.step) % kMaglevSlots;
      slots[t.next] = t.server;
      ++taken;
    }
  return slots;
}

std::uint64_t maglev_digest(std::uint64_t seed, std::span<const model::ServerKey> slots) {
  std::uint64_t digest = seed;
  for (const model::ServerKey& server : slots)
    digest = siphash13({digest, kDigest}, {hash(seed, kDigest, server)}, 8);
  return digest;
}

}  // namespace xlvs::sched
