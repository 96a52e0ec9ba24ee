// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/dh.h"

namespace xlvs::sched {

std::vector<Slot> dh_table(const Pool& pool) {
  const std::size_t n = pool.members.size();
  std::vector<Slot> slots;
  if (n == 0) return slots;
  slots.reserve(kHashSlots);
  while (slots.size() < kHashSlots) slots.push_back(static_cast<Slot>(slots.size() % n));
  return slots;
}

}  // namespace xlvs::sched
