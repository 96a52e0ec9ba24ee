// SPDX-License-Identifier: GPL-2.0-or-later
// The list of schedulers.
#include "sched/registry.h"

#include <gtest/gtest.h>

#include <set>

namespace xlvs::sched {
namespace {

TEST(Registry, KnowsEverySchedulerOfTheKernelAndMaglevOnce) {
  std::set<std::string_view> names;
  for (const Scheduler& s : schedulers()) names.insert(s.name);
  EXPECT_EQ(names, (std::set<std::string_view>{"rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "twos",
                                               "lblc", "lblcr", "dh", "sh", "mh", "maglev", "none"}));
  EXPECT_EQ(schedulers().size(), names.size());
  EXPECT_EQ(find_scheduler("wl"), nullptr);
}

TEST(Registry, OnlySchedulersThatTakeTurnsMakePeriods) {
  for (const Scheduler& s : schedulers()) EXPECT_EQ(s.turns != nullptr, s.pick == Pick::kTurn) << s.name;
}

}  // namespace
}  // namespace xlvs::sched
