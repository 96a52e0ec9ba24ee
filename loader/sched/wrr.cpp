// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/wrr.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "sched/ladder.h"

namespace xlvs::sched {
namespace {

/// What the kernel derives from the weights at every edit.
struct Marks {
  Weight step = 0;  ///< "di": greatest common divisor of the weights, 1 if all are 0
  Weight top = 0;   ///< "mw": the highest threshold; 0 = no server has a weight
  std::uint64_t sum = 0;
};

Marks marks(std::span<const Weight> weights) {
  Marks m;
  Weight max = 0;
  for (const Weight w : weights) {
    if (m.step != 1) m.step = std::gcd(m.step, w);  // gcd(x, 0) == x, so quiesced servers drop out
    max = std::max(max, w);
    m.sum += w;
  }
  if (m.step == 0) m.step = 1;
  m.top = max - (m.step - 1);
  return m;
}

/// A server's turn, with the threshold of the pass in which it comes.
struct Turn {
  Weight threshold;
  Slot slot;
};

/// The whole cycle from the top threshold and the list's head. O(turns + n log n): each pass walks only the
/// servers that it serves.
std::vector<Turn> cycle(std::span<const Weight> weights, const Marks& m) {
  std::vector<Slot> by_weight(weights.size());
  std::iota(by_weight.begin(), by_weight.end(), Slot{0});
  std::stable_sort(by_weight.begin(), by_weight.end(),
                   [&](Slot a, Slot b) { return weights[a] > weights[b]; });
  std::vector<Turn> turns;
  std::vector<Slot> served;  // in list order
  auto next = by_weight.begin();
  for (Weight threshold = m.top; threshold > 0; threshold -= std::min(threshold, m.step)) {
    const auto first = next;
    while (next != by_weight.end() && weights[*next] >= threshold) ++next;
    if (next != first) {
      std::sort(first, next);
      std::vector<Slot> merged;
      std::merge(served.begin(), served.end(), first, next, std::back_inserter(merged));
      served = std::move(merged);
    }
    for (const Slot slot : served) turns.push_back({threshold, slot});
  }
  return turns;
}

/// The cycle's turn that comes after `position`.
std::size_t turn_after(const std::vector<Turn>& turns, Position position) {
  const auto next = std::find_if(turns.begin(), turns.end(), [&](const Turn& t) {
    return t.threshold < position.threshold || (t.threshold == position.threshold && t.slot >= position.last);
  });
  return next == turns.end() ? 0 : static_cast<std::size_t>(next - turns.begin());
}

Position wrr_init(std::span<const Weight> weights) { return {marks(weights).top, 0}; }

Position wrr_changed(Position position, Change, Slot, std::span<const Weight> weights) {
  const Marks m = marks(weights);
  Weight threshold = position.threshold;
  if (threshold > m.top || threshold == 0)
    threshold = m.top;
  else if (m.step > 1)
    threshold = threshold / m.step * m.step + 1;
  return {threshold, 0};
}

std::uint64_t wrr_slots(std::span<const Weight> weights) {
  const Marks m = marks(weights);
  return m.sum / m.step;
}

Result<std::vector<Slot>> wrr_period(Position position, std::span<const Weight> weights) {
  const Marks m = marks(weights);
  if (Status s = check_slots(m.sum / m.step); !s) return s.error();
  const std::vector<Turn> turns = cycle(weights, m);
  const std::size_t first = turn_after(turns, position);
  std::vector<Slot> period;
  period.reserve(turns.size());
  for (std::size_t i = 0; i < turns.size(); ++i) period.push_back(turns[(first + i) % turns.size()].slot);
  return period;
}

Position wrr_after(Position position, std::span<const Weight> weights, std::uint64_t count) {
  const Ladder ladder(weights);
  if (count == 0 || ladder.turns() == 0) return position;
  const std::uint64_t first = ladder.number_after(position);
  const Ladder::Turn last = ladder.at((first + (count - 1) % ladder.turns()) % ladder.turns());
  return {last.threshold, last.slot + 1};
}

}  // namespace

const Turns kWeightedRoundRobin{wrr_init, wrr_changed, wrr_slots, wrr_period, wrr_after};

}  // namespace xlvs::sched
