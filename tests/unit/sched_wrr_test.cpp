// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted round robin against what kernel IPVS was seen to do, and against a step-by-step walker.
#include "sched/wrr.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>
#include <random>

#include "sched_replay.h"

namespace xlvs::sched {
namespace {

using ::testing::ElementsAre;

std::vector<Slot> period(std::vector<Weight> weights) {
  auto p = kWeightedRoundRobin.period(kWeightedRoundRobin.init(weights), weights);
  EXPECT_TRUE(p);
  return p ? *p : std::vector<Slot>{};
}

// Oracle: the worked example of weighted round robin in the LVS knowledge base.
TEST(WeightedRoundRobin, MatchesTheLvsWorkedExample) {
  EXPECT_THAT(period({4, 3, 2}), ElementsAre(0, 0, 1, 0, 1, 2, 0, 1, 2));
}

// Oracle: kernel 6.1.176, UDP 10.0.0.1:53 wrr, weights 1, 2, 3 added in that order.
TEST(WeightedRoundRobin, StartsInThePhaseThatTheOrderOfAddingLeft) {
  Replay wrr(kWeightedRoundRobin);
  for (const int i : {1, 2, 3}) wrr.add(i, static_cast<Weight>(i));
  EXPECT_EQ(wrr.picks(12), "3 2 1 3 3 2 3 2 1 3 3 2");
}

TEST(WeightedRoundRobin, ASchedulerBoundToAFullListStartsAtTheTop) {
  EXPECT_THAT(period({3, 2, 1}), ElementsAre(0, 0, 1, 0, 1, 2));
}

TEST(WeightedRoundRobin, DividesByTheGreatestCommonDivisor) {
  EXPECT_THAT(period({300, 0, 100}), ElementsAre(0, 0, 0, 2));
}

TEST(WeightedRoundRobin, RefusesAPeriodThatDoesNotFit) {
  EXPECT_EQ(kWeightedRoundRobin.period({}, std::vector<Weight>{65535, 65534}).error().code, Errc::kNoSpace);
  EXPECT_EQ(period({65535, 1}).size(), 65536u);
  EXPECT_EQ(period({2147483646, 2147483646}).size(), 2u);
}

/// The walk as ip_vs_wrr_schedule() does it, one pick at a time, over a linked list by name. It shares no
/// code with the period's maker: thresholds and the list are walked step by step.
class Walker {
 public:
  void add(int name, int weight) {
    list_.insert(list_.begin(), {name, weight});
    changed();
  }
  void edit(int name, int weight) {
    for (auto& [n, w] : list_)
      if (n == name) w = weight;
    changed();
  }
  void remove(int name) {
    std::erase_if(list_, [&](const auto& s) { return s.first == name; });
    changed();
  }
  std::string pick() {
    if (mw_ == 0) return "-";
    while (true) {
      for (; at_ < list_.size(); ++at_)
        if (list_[at_].second >= cw_) return std::to_string(list_[at_++].first);
      at_ = 0;
      cw_ -= di_;
      if (cw_ <= 0) cw_ = mw_;
    }
  }

 private:
  void changed() {
    at_ = 0;
    di_ = 0;
    int max = 0;
    for (const auto& [name, w] : list_) {
      di_ = std::gcd(di_, w);
      max = std::max(max, w);
    }
    if (di_ == 0) di_ = 1;
    mw_ = max - (di_ - 1);
    if (cw_ > mw_ || cw_ == 0)
      cw_ = mw_;
    else if (di_ > 1)
      cw_ = cw_ / di_ * di_ + 1;
  }
  std::vector<std::pair<int, int>> list_;
  std::size_t at_ = 0;
  int cw_ = 0, mw_ = 0, di_ = 1;
};

TEST(WeightedRoundRobin, FollowsTheStepByStepWalkOverRandomEdits) {
  std::mt19937 random(7);
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 300; ++round) {
    Replay wrr(kWeightedRoundRobin);
    Walker walker;
    std::vector<int> names;
    const int unit = 1 + upto(4);
    for (int step = 0; step < 40; ++step) {
      const int what = upto(4);
      const int weight = upto(6) * (upto(3) == 0 ? 1 : unit);
      if (what == 0 || names.empty()) {
        names.push_back(step);
        wrr.add(step, static_cast<Weight>(weight));
        walker.add(step, weight);
      } else if (what == 1) {
        const int name = names[static_cast<std::size_t>(upto(static_cast<int>(names.size())))];
        wrr.edit(name, static_cast<Weight>(weight));
        walker.edit(name, weight);
      } else if (what == 2) {
        const auto at = names.begin() + upto(static_cast<int>(names.size()));
        wrr.remove(*at);
        walker.remove(*at);
        names.erase(at);
      } else {
        wrr.settle();  // a version that changes nothing for the scheduler, such as -Z
      }
      for (int turn = upto(9); turn > 0; --turn)
        ASSERT_EQ(wrr.picks(1), walker.pick()) << round << "/" << step;
    }
  }
}

}  // namespace
}  // namespace xlvs::sched
