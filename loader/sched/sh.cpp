// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/sh.h"

#include <algorithm>

namespace xlvs::sched {

std::vector<Slot> sh_table(const Pool& pool) {
  const std::size_t n = pool.members.size();
  std::vector<Slot> slots;
  if (n == 0) return slots;
  slots.reserve(kHashSlots);
  for (std::size_t at = 0; slots.size() < kHashSlots; at = (at + 1) % n) {
    const std::size_t room = kHashSlots - slots.size();
    const std::size_t share = std::min<std::size_t>(std::max<Weight>(pool.members[at].weight, 1), room);
    slots.insert(slots.end(), share, static_cast<Slot>(at));
  }
  return slots;
}

}  // namespace xlvs::sched
