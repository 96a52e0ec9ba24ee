// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/ladder.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace xlvs::sched {

Ladder::Ladder(std::span<const Weight> weights)
    : weights_(weights.begin(), weights.end()), by_weight_(weights.size()) {
  std::iota(by_weight_.begin(), by_weight_.end(), Slot{0});
  std::stable_sort(by_weight_.begin(), by_weight_.end(),
                   [&](Slot a, Slot b) { return weights_[a] > weights_[b]; });
  Weight divisor = 0;
  for (const Weight w : weights_) divisor = std::gcd(divisor, w);
  if (divisor == 0) return;
  divisor_ = divisor;
  for (std::size_t i = 0; i < by_weight_.size();) {
    const Weight weight = weights_[by_weight_[i]];
    if (weight == 0) break;
    while (i < by_weight_.size() && weights_[by_weight_[i]] == weight) ++i;
    const Weight below = i < by_weight_.size() ? weights_[by_weight_[i]] : 0;
    const auto members = static_cast<std::uint32_t>(i);
    steps_.push_back({turns_, weight - (divisor_ - 1), members});
    turns_ += std::uint64_t{(weight - below) / divisor_} * members;
  }
}

std::uint64_t Ladder::number_after(Position position) const {
  if (position.threshold == 0 || position.threshold > steps_.front().threshold) return 0;
  const auto above =
      std::find_if(steps_.rbegin(), steps_.rend(), [&](const Step& s) { return s.threshold >= position.threshold; });
  const Step& step = *above;
  const Weight fallen = step.threshold - position.threshold;
  std::uint64_t number = step.first + std::uint64_t{(fallen + divisor_ - 1) / divisor_} * step.members;
  if (fallen % divisor_ == 0)
    number += static_cast<std::uint64_t>(
        std::count_if(weights_.begin(), weights_.begin() + std::min<std::size_t>(position.last, weights_.size()),
                      [&](Weight w) { return w >= position.threshold; }));
  return number % turns_;
}

Ladder::Turn Ladder::at(std::uint64_t number) const {
  const auto next = std::find_if(steps_.begin(), steps_.end(), [&](const Step& s) { return s.first > number; });
  const Step& step = *std::prev(next);
  const std::uint64_t rest = number - step.first;
  const Weight threshold = step.threshold - static_cast<Weight>(rest / step.members) * divisor_;
  std::uint64_t before = rest % step.members;
  Slot slot = 0;
  while (weights_[slot] < threshold || before-- != 0) ++slot;
  return {threshold, slot};
}

unsigned Ladder::levels() const {
  return weights_.size() < 2 ? 0 : static_cast<unsigned>(std::bit_width(weights_.size() - 1));
}

std::vector<std::uint16_t> Ladder::counts() const {
  std::vector<std::uint16_t> counts;
  std::vector<Slot> order = by_weight_;
  for (unsigned bit = levels(); bit-- > 0;) {
    std::uint16_t clear = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && order[i] >> (bit + 1) != order[i - 1] >> (bit + 1)) clear = 0;
      if ((order[i] >> bit & 1) == 0) ++clear;
      counts.push_back(clear);
    }
    std::stable_sort(order.begin(), order.end(), [&](Slot a, Slot b) { return a >> bit < b >> bit; });
  }
  return counts;
}

}  // namespace xlvs::sched
