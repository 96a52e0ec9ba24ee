// SPDX-License-Identifier: GPL-2.0-or-later
// The turns of a wrr period by their numbers, without writing them down: for weights whose period is too long.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sched/turns.h"

namespace xlvs::sched {

/// Between two neighbouring weights the passes of wrr's falling threshold serve the same servers: that is a
/// step. So the number of a turn leads to its step, the rest of a division to its place in a pass, and
/// counts() to the server there. bpf/schedule/ladder.h climbs the same ladder.
class Ladder {
 public:
  struct Step {
    std::uint64_t first;    ///< number of its first turn
    Weight threshold;       ///< of its first pass; falls by divisor()
    std::uint32_t members;  ///< servers in each pass
  };
  struct Turn {
    Weight threshold;
    Slot slot;
  };

  explicit Ladder(std::span<const Weight> weights);

  /// In a period; 0 when no server has a weight.
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  [[nodiscard]] Weight divisor() const { return divisor_; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  /// Number of the turn that comes after `position`; turns() must not be 0. Turn 0 begins at the top.
  [[nodiscard]] std::uint64_t number_after(Position position) const;
  /// A turn by its number, below turns().
  [[nodiscard]] Turn at(std::uint64_t number) const;

  /// Bits of a place in the list: levels of counts().
  [[nodiscard]] unsigned levels() const;
  /// For each bit of a place, the top one first, a count for each server, falling by weight within those that
  /// agree in the bits above: how many of them so far have the bit clear. That is a wavelet tree; it finds
  /// the n-th place in list order among the m heaviest in levels() steps.
  [[nodiscard]] std::vector<std::uint16_t> counts() const;

 private:
  std::vector<Weight> weights_;
  std::vector<Slot> by_weight_;  // falling; of equals the earlier in the list first
  std::vector<Step> steps_;
  std::uint64_t turns_ = 0;
  Weight divisor_ = 1;
};

}  // namespace xlvs::sched
