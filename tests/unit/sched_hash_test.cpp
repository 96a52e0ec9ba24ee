// SPDX-License-Identifier: GPL-2.0-or-later
// The slots of dh and sh, against picks that kernel IPVS made.
#include <gmock/gmock.h>

#include "sched/dh.h"
#include "sched/sh.h"

namespace xlvs::sched {
namespace {

using testing::ElementsAre;

/// The slot that the data plane looks up: bpf/schedule/hash.h.
std::size_t slot_of(std::uint32_t value) { return (value * 0x61c88647u) >> 24; }

/// Servers .1, .2 and .3 with weights 1, 2 and 3, added in that order: the list is 3 2 1.
constexpr Weight kWeights[] = {3, 2, 1};
int server_at(const std::vector<Slot>& slots, std::uint32_t value) {
  return 3 - static_cast<int>(slots.at(slot_of(value)));
}

// Oracle: kernel 6.1.176, UDP 10.0.0.1:53, clients 10.0.0.2 to .9.
TEST(SourceHash, PicksAsTheKernelDid) {
  std::vector<int> picks;
  for (std::uint32_t client = 2; client <= 9; ++client)
    picks.push_back(server_at(sh_table(kWeights), 10u << 24 | client));
  EXPECT_THAT(picks, ElementsAre(1, 3, 1, 3, 2, 3, 3, 3));
}

// Oracle: the same, with sh-port, client 10.0.0.2 from port 2300 on.
TEST(SourceHash, PicksAsTheKernelDidByPort) {
  std::vector<int> picks;
  for (std::uint32_t port = 2300; port < 2312; ++port)
    picks.push_back(server_at(sh_table(kWeights), (10u << 24 | 2) + port));
  EXPECT_THAT(picks, ElementsAre(2, 2, 3, 2, 3, 3, 1, 3, 1, 3, 3, 3));
}

// Oracle: the same, dh.
TEST(DestinationHash, PicksAsTheKernelDid) { EXPECT_EQ(server_at(dh_table(kWeights), 10u << 24 | 1), 3); }

TEST(SourceHash, AServerOfWeightZeroKeepsOneSlotARound) {
  const std::vector<Slot> slots = sh_table(std::vector<Weight>{2, 0});
  EXPECT_THAT(std::vector<Slot>(slots.begin(), slots.begin() + 6), ElementsAre(0, 0, 1, 0, 0, 1));
  EXPECT_EQ(slots.size(), kHashSlots);
}

TEST(SourceHash, AHugeWeightFillsWhatThereIs) {
  EXPECT_THAT(sh_table(std::vector<Weight>{0x7fffffff, 5}), testing::Each(Slot{0}));
}

TEST(HashTables, AreEmptyWithoutServers) {
  EXPECT_TRUE(sh_table({}).empty());
  EXPECT_TRUE(dh_table({}).empty());
}

}  // namespace
}  // namespace xlvs::sched
