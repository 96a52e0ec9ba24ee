// SPDX-License-Identifier: GPL-2.0-or-later
// A scheduler's life as the tests tell it: servers come, go and change, and turns are taken in between.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sched/ladder.h"
#include "sched/turns.h"

namespace xlvs::sched {

/// Drives one Turns the way the table does: period by period, replaying the position at every edit.
class Replay {
 public:
  explicit Replay(const Turns& turns) : turns_(turns), position_(turns.init({})) {}

  void add(int name, Weight weight) {
    settle();
    names_.insert(names_.begin(), name);
    weights_.insert(weights_.begin(), weight);
    position_ = turns_.changed(position_, Change::kAdd, 0, weights_);
  }
  void edit(int name, Weight weight) {
    settle();
    const Slot at = find(name);
    weights_[at] = weight;
    position_ = turns_.changed(position_, Change::kEdit, at, weights_);
  }
  void remove(int name) {
    settle();
    const Slot at = find(name);
    names_.erase(names_.begin() + at);
    weights_.erase(weights_.begin() + at);
    position_ = turns_.changed(position_, Change::kDelete, at, weights_);
  }
  /// The next n picks, "-" where there is none.
  std::string picks(int n) {
    std::string text;
    if (turns_.slots(weights_) > kMaxSlots) {
      const Ladder ladder(weights_);
      const std::uint64_t first = ladder.number_after(position_);
      for (int i = 0; i < n; ++i)
        text += (i == 0 ? "" : " ") + std::to_string(names_[ladder.at((first + ticket_++) % ladder.turns()).slot]);
      return text;
    }
    auto period = turns_.period(position_, weights_);
    EXPECT_TRUE(period);
    for (int i = 0; i < n; ++i) {
      if (!text.empty()) text += ' ';
      if ((*period).empty()) {
        text += '-';
      } else {
        text += std::to_string(names_[(*period)[ticket_ % (*period).size()]]);
        ++ticket_;
      }
    }
    return text;
  }
  /// Starts a new period in the middle of the old one, as any edit does.
  void settle() {
    position_ = turns_.after(position_, weights_, ticket_);
    ticket_ = 0;
  }

 private:
  [[nodiscard]] Slot find(int name) const {
    for (Slot i = 0; i < names_.size(); ++i)
      if (names_[i] == name) return i;
    ADD_FAILURE() << "no server " << name;
    return 0;
  }
  const Turns& turns_;
  Position position_;
  std::vector<int> names_;
  std::vector<Weight> weights_;
  std::uint64_t ticket_ = 0;
};

}  // namespace xlvs::sched
