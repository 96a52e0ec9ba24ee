// SPDX-License-Identifier: GPL-2.0-or-later
// Round robin against what kernel IPVS was seen to do.
#include "sched/rr.h"

#include "sched_replay.h"

namespace xlvs::sched {
namespace {

// Oracle: kernel 6.1.176, UDP 10.0.0.1:53 rr, servers 1, 2, 3 added in that order, 24 clients.
TEST(RoundRobin, ServesTheNewestFirst) {
  Replay rr(kRoundRobin);
  for (const int i : {1, 2, 3}) rr.add(i, 1);
  EXPECT_EQ(rr.picks(7), "3 2 1 3 2 1 3");
}

// Source: ip_vs_rr_del_dest().
TEST(RoundRobin, DeletingThePointedServerStepsBackAndAddingDoesNotMove) {
  Replay rr(kRoundRobin);
  for (const int i : {1, 2, 3}) rr.add(i, 1);
  EXPECT_EQ(rr.picks(4), "3 2 1 3");
  rr.remove(3);  // the pointer goes to the head
  EXPECT_EQ(rr.picks(1), "2");
  rr.add(3, 1);
  EXPECT_EQ(rr.picks(6), "1 3 2 1 3 2");
}

TEST(RoundRobin, StaysAtTheHeadWhenServersComeBeforeTheFirstTurn) {
  Replay rr(kRoundRobin);
  rr.add(1, 1);
  rr.remove(1);
  rr.add(2, 1);
  rr.add(1, 1);
  EXPECT_EQ(rr.picks(3), "1 2 1");
}

TEST(RoundRobin, SkipsQuiescedServersAndKeepsItsPlaceWhileOneIsQuiesced) {
  Replay rr(kRoundRobin);
  for (const int i : {1, 2, 3, 4}) rr.add(i, 1);
  EXPECT_EQ(rr.picks(2), "4 3");
  rr.edit(3, 0);
  EXPECT_EQ(rr.picks(3), "2 1 4");
  rr.edit(3, 5);
  EXPECT_EQ(rr.picks(4), "3 2 1 4");
}

TEST(RoundRobin, HasNoTurnsWithoutAWeight) {
  Replay rr(kRoundRobin);
  EXPECT_EQ(rr.picks(2), "- -");
  rr.add(1, 0);
  EXPECT_EQ(rr.picks(2), "- -");
}

TEST(RoundRobin, DeletingAnotherServerKeepsThePointerOnItsServer) {
  Replay rr(kRoundRobin);
  for (const int i : {1, 2, 3, 4, 5}) rr.add(i, 1);
  EXPECT_EQ(rr.picks(3), "5 4 3");
  rr.remove(5);
  rr.remove(1);
  EXPECT_EQ(rr.picks(4), "2 4 3 2");
}

}  // namespace
}  // namespace xlvs::sched
