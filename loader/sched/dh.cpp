// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/dh.h"

namespace xlvs::sched {

std::vector<Slot> dh_table(std::span<const Weight> weights) {
  std::vector<Slot> slots;
  if (weights.empty()) return slots;
  slots.reserve(kHashSlots);
  while (slots.size() < kHashSlots) slots.push_back(static_cast<Slot>(slots.size() % weights.size()));
  return slots;
}

}  // namespace xlvs::sched
