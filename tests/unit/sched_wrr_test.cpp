// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted round robin against what kernel IPVS was seen to do, and against a step-by-step walker.
#include "sched/wrr.h"

#include <gmock/gmock.h>

#include <random>

#include "sched/ladder.h"
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

/// The server of a turn as the data plane finds it, from steps() and counts(): bpf/schedule/ladder.h.
Slot climb(const Ladder& ladder, const std::vector<std::uint16_t>& counts, std::size_t servers, std::uint64_t turn) {
  const auto next = std::find_if(ladder.steps().begin(), ladder.steps().end(),
                                 [&](const Ladder::Step& s) { return s.first > turn; });
  const Ladder::Step& step = *std::prev(next);
  std::size_t members = step.members, nth = (turn - step.first) % members;
  Slot low = 0;
  for (unsigned level = 0; level < ladder.levels(); ++level) {
    const std::size_t clear = members == 0 ? 0 : counts[level * servers + low + members - 1];
    if (nth < clear) {
      members = clear;
    } else {
      nth -= clear;
      members -= clear;
      low |= Slot{1} << (ladder.levels() - 1 - level);
    }
  }
  return low;
}

TEST(WrrLadder, HasTheTurnsOfThePeriodThatIsWrittenDown) {
  std::mt19937 random(11);
  const auto upto = [&](unsigned n) { return static_cast<Weight>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    std::vector<Weight> weights(1 + upto(40));
    const Weight unit = 1 + upto(3), most = 1 + upto(12);
    for (Weight& w : weights) w = upto(most + 1) * unit;
    const Ladder ladder(weights);
    const std::vector<Slot> turns = period(weights);
    ASSERT_EQ(ladder.turns(), turns.size());
    const auto counts = ladder.counts();
    for (std::size_t n = 0; n < turns.size(); ++n) {
      const Ladder::Turn turn = ladder.at(n);
      ASSERT_EQ(turn.slot, turns[n]) << round << "/" << n;
      ASSERT_EQ(climb(ladder, counts, weights.size(), n), turns[n]) << round << "/" << n;
      ASSERT_EQ(ladder.number_after({turn.threshold, turn.slot}), n);
      ASSERT_EQ(ladder.number_after({turn.threshold, turn.slot + 1}), (n + 1) % turns.size());
    }
  }
}

TEST(WrrLadder, TakesTheLargestListThereIs) {
  std::vector<Weight> weights(4096);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0x7fffffffu - static_cast<Weight>(i * 7919 % 4096);
  const Ladder ladder(weights);
  EXPECT_EQ(ladder.steps().size(), 4096u);
  EXPECT_GT(ladder.turns(), std::uint64_t{1} << 42);
  const auto counts = ladder.counts();
  EXPECT_EQ(counts.size(), 12u * 4096u);
  std::mt19937_64 random(13);
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t n = i == 0 ? ladder.turns() - 1 : random() % ladder.turns();
    EXPECT_EQ(climb(ladder, counts, weights.size(), n), ladder.at(n).slot) << n;
  }
}

std::string text(std::optional<int> pick) { return pick ? std::to_string(*pick) : "-"; }

void follow_the_walk(int factor) {
  std::mt19937 random(7);
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 300; ++round) {
    Replay wrr(kWeightedRoundRobin);
    WrrWalker walker;
    std::vector<int> names;
    const int unit = 1 + upto(4);
    for (int step = 0; step < 40; ++step) {
      const int what = upto(4);
      const int weight = upto(6) * (upto(3) == 0 ? 1 : unit) * (upto(2) == 0 ? factor : 1);
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

TEST(WeightedRoundRobin, FollowsTheStepByStepWalkOverRandomEdits) { follow_the_walk(1); }
// Most periods are too long to be written down.
TEST(WeightedRoundRobin, FollowsItWithWeightsOfHundredThousands) { follow_the_walk(100003); }

}  // namespace
}  // namespace xlvs::sched
