// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted round robin against what kernel IPVS was seen to do, and against a step-by-step walker.
#include "sched/wrr.h"

#include <gmock/gmock.h>

#include <random>

#include "sched_replay.h"
#include "sched_walker.h"

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
  EXPECT_EQ(kWeightedRoundRobin.period({}, std::vector<Weight>{65535, 65534}).error().code, Errc::kUnsupported);
  EXPECT_EQ(period({65535, 1}).size(), 65536u);
  EXPECT_EQ(period({2147483646, 2147483646}).size(), 2u);
}

std::string text(std::optional<int> pick) { return pick ? std::to_string(*pick) : "-"; }

TEST(WeightedRoundRobin, FollowsTheStepByStepWalkOverRandomEdits) {
  std::mt19937 random(7);
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 300; ++round) {
    Replay wrr(kWeightedRoundRobin);
    WrrWalker walker;
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
        ASSERT_EQ(wrr.picks(1), text(walker.pick())) << round << "/" << step;
    }
  }
}

}  // namespace
}  // namespace xlvs::sched
