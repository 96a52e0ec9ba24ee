// SPDX-License-Identifier: GPL-2.0-or-later
// What the schedulers that pick by a hash have in common: slots with a server each.
#pragma once

#include <vector>

#include "sched/pool.h"

namespace xlvs::sched {

/// Slots of the hash tables of dh and sh: IP_VS_DH_TAB_SIZE, IP_VS_SH_TAB_SIZE at their default of 8 bits.
inline constexpr std::size_t kHashSlots = 256;

/// Makes the slots; empty when no server has one. A server of weight 0 may have slots: the data plane gives
/// those clients no server.
using Table = std::vector<Slot>(const Pool& pool);

}  // namespace xlvs::sched
