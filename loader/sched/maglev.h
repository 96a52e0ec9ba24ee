// SPDX-License-Identifier: GPL-2.0-or-later
// Maglev hashing that does not depend on the order in which servers were added; not a scheduler of kernel IPVS.
#pragma once

#include "sched/hash_table.h"

namespace xlvs::sched {

/// Slots of the table, a prime.
inline constexpr std::size_t kMaglevSlots = 65537;

/// Two directors with the same servers, weights and seed have the same table, whatever they did before: the
/// servers take turns in the order of their addresses and ports, each taking the next free slot of its
/// permutation. In every round the heaviest server takes one slot, the others as often as their weight says, and
/// all take one in the first. A server of weight 0 has no slots; its clients go to the others.
/// Source: Eisenbud and others, "Maglev", NSDI 2016, section 3.4.
Table maglev_table;

/// The same number for the same seed and table, and hardly ever for another: for comparing directors.
std::uint64_t maglev_digest(std::uint64_t seed, std::span<const model::ServerKey> slots);

}  // namespace xlvs::sched
