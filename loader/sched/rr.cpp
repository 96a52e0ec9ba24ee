// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/rr.h"

#include <algorithm>

namespace xlvs::sched {
namespace {

Position rr_init(std::span<const Weight>) { return {}; }

Position rr_changed(Position position, Change change, Slot at, std::span<const Weight>) {
  if (position.last == 0) return position;  // the head stays the head
  switch (change) {
    case Change::kAdd:
      if (position.last > at) ++position.last;
      break;
    case Change::kDelete:
      // the pointed server's predecessor, which is the head for the first server, inherits the pointer
      if (position.last > at) --position.last;
      break;
    case Change::kEdit:
      break;
  }
  return position;
}

std::uint64_t rr_slots(std::span<const Weight> weights) {
  return weights.size() - static_cast<std::size_t>(std::count(weights.begin(), weights.end(), Weight{0}));
}

Result<std::vector<Slot>> rr_period(Position position, std::span<const Weight> weights) {
  const std::size_t n = weights.size();
  std::vector<Slot> period;
  if (Status s = check_slots(rr_slots(weights)); !s) return s.error();
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t slot = (position.last + i) % n;
    if (weights[slot] != 0) period.push_back(static_cast<Slot>(slot));
  }
  return period;
}

Position rr_after(Position position, std::span<const Weight> weights, std::uint64_t turns) {
  const auto period = rr_period(position, weights);
  if (turns == 0 || !period || (*period).empty()) return position;
  return {0, (*period)[(turns - 1) % (*period).size()] + 1};
}

}  // namespace

const Turns kRoundRobin{rr_init, rr_changed, rr_slots, rr_period, rr_after};

}  // namespace xlvs::sched
