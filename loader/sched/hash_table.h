// SPDX-License-Identifier: GPL-2.0-or-later
// What the schedulers that pick by a hash (dh, sh) have in common: 256 slots with a server each.
#pragma once

#include <span>
#include <vector>

#include "sched/turns.h"

namespace xlvs::sched {

/// Slots of the hash tables of dh and sh: IP_VS_DH_TAB_SIZE, IP_VS_SH_TAB_SIZE at their default of 8 bits.
inline constexpr std::size_t kHashSlots = 256;

/// Makes the slots from the weights in list order; empty when there is no server. A server of weight 0 gets
/// slots too: the data plane gives those clients no server.
using Table = std::vector<Slot>(std::span<const Weight> weights);

}  // namespace xlvs::sched
