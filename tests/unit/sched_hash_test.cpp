// SPDX-License-Identifier: GPL-2.0-or-later
// The slots of dh, sh and mh, against picks that kernel IPVS made.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "sched/dh.h"
#include "sched/maglev.h"
#include "sched/mh.h"
#include "sched/sh.h"
#include "sched/siphash.h"

namespace xlvs::sched {
namespace {

using testing::ElementsAre;

/// The slot that the data plane looks up: bpf/schedule/hash.h.
std::size_t slot_of(std::uint32_t value) { return (value * 0x61c88647u) >> 24; }

Member member(const std::string& address, Weight weight, Weight last_weight) {
  return {{model::Address::parse(address).value(), 53}, weight, last_weight};
}
/// The slots that `table` makes for servers 192.168.1.N, N falling, with these weights in list order.
std::vector<Slot> slots(Table table, std::vector<Weight> weights) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < weights.size(); ++i)
    members.push_back(
        member("192.168.1." + std::to_string(weights.size() - i), weights[i], weights[i]));
  return table({model::Family::kInet, members});
}

/// Servers .1, .2 and .3 with weights 1, 2 and 3, added in that order: the list is 3 2 1.
const std::vector<Weight> kWeights{3, 2, 1};
int server_at(const std::vector<Slot>& slots, std::uint32_t value) {
  return 3 - static_cast<int>(slots.at(slot_of(value)));
}

// Oracle: kernel 6.1.176, UDP 10.0.0.1:53, clients 10.0.0.2 to .9.
TEST(SourceHash, PicksAsTheKernelDid) {
  std::vector<int> picks;
  for (std::uint32_t client = 2; client <= 9; ++client)
    picks.push_back(server_at(slots(sh_table, kWeights), 10u << 24 | client));
  EXPECT_THAT(picks, ElementsAre(1, 3, 1, 3, 2, 3, 3, 3));
}

// Oracle: the same, with sh-port, client 10.0.0.2 from port 2300 on.
TEST(SourceHash, PicksAsTheKernelDidByPort) {
  std::vector<int> picks;
  for (std::uint32_t port = 2300; port < 2312; ++port)
    picks.push_back(server_at(slots(sh_table, kWeights), (10u << 24 | 2) + port));
  EXPECT_THAT(picks, ElementsAre(2, 2, 3, 2, 3, 3, 1, 3, 1, 3, 3, 3));
}

// Oracle: the same, dh.
TEST(DestinationHash, PicksAsTheKernelDid) { EXPECT_EQ(server_at(slots(dh_table, kWeights), 10u << 24 | 1), 3); }

TEST(SourceHash, AServerOfWeightZeroKeepsOneSlotARound) {
  const std::vector<Slot> table = slots(sh_table, {2, 0});
  EXPECT_THAT(std::vector<Slot>(table.begin(), table.begin() + 6), ElementsAre(0, 0, 1, 0, 0, 1));
  EXPECT_EQ(table.size(), kHashSlots);
}

TEST(SourceHash, AHugeWeightFillsWhatThereIs) {
  EXPECT_THAT(slots(sh_table, {0x7fffffff, 5}), testing::Each(Slot{0}));
}

/// What the data plane looks up: bpf/schedule/mh.h.
int mh_pick(const std::vector<Slot>& table, std::uint32_t value) {
  constexpr SipKey kKey{2654435761u, 2654435761u};
  return 3 - static_cast<int>(table.at(static_cast<std::uint32_t>(siphash13(kKey, {value}, 4)) % kMhSlots));
}

// Oracle: kernel 6.1.176, UDP 10.0.0.1:53, clients 10.0.0.2 to .9.
TEST(MaglevHash, PicksAsTheKernelDid) {
  std::vector<int> picks;
  for (std::uint32_t client = 2; client <= 9; ++client)
    picks.push_back(mh_pick(slots(mh_table, kWeights), 10u << 24 | client));
  EXPECT_THAT(picks, ElementsAre(2, 2, 2, 3, 3, 1, 2, 3));
}

// Oracle: the same, with mh-port, client 10.0.0.2 from port 2360 on.
TEST(MaglevHash, PicksAsTheKernelDidByPort) {
  std::vector<int> picks;
  for (std::uint32_t port = 2360; port < 2372; ++port)
    picks.push_back(mh_pick(slots(mh_table, kWeights), (10u << 24 | 2) + port));
  EXPECT_THAT(picks, ElementsAre(2, 3, 3, 1, 3, 3, 2, 1, 3, 3, 2, 2));
}

TEST(MaglevHash, AServerOfWeightZeroKeepsItsSlotsUnlessItNeverHadAny) {
  std::vector<Member> members{member("192.168.1.3", 3, 3), member("192.168.1.2", 2, 2)};
  const std::vector<Slot> before = mh_table({model::Family::kInet, members});
  members[0].weight = 0;
  EXPECT_EQ(mh_table({model::Family::kInet, members}), before);
  members[0].last_weight = 0;
  EXPECT_THAT(mh_table({model::Family::kInet, members}), testing::Each(Slot{1}));
}

TEST(MaglevHash, WeightsBeyondSixBitsAreScaledDown) {
  EXPECT_EQ(slots(mh_table, {1000000, 1}), slots(mh_table, {1000000 >> 14, 1}));
}

struct Maglev : testing::Test {
  static std::vector<Member> pool(int servers) {
    std::vector<Member> members;
    for (int i = 0; i < servers; ++i)
      members.push_back(member("10." + std::to_string(i / 250) + ".0." + std::to_string(i % 250 + 1), 1, 1));
    return members;
  }
  /// Who has each slot.
  static std::vector<model::ServerKey> owners(const std::vector<Member>& members, std::uint64_t seed = 0) {
    std::vector<model::ServerKey> keys;
    for (const Slot s : maglev_table({model::Family::kInet, members, seed})) keys.push_back(members[s].key);
    return keys;
  }
  static std::uint64_t digest(const std::vector<Member>& members, std::uint64_t seed = 0) {
    return maglev_digest(seed, owners(members, seed));
  }
};

TEST_F(Maglev, TheOrderOfServersDoesNotMatter) {
  std::vector<Member> members = pool(12);
  for (std::size_t i = 0; i < members.size(); ++i) members[i].weight = static_cast<Weight>(1 + i % 4);
  const std::vector<model::ServerKey> want = owners(members);
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(members.begin(), members.end(), random);
    ASSERT_EQ(owners(members), want);
  }
}

TEST_F(Maglev, SharesFollowWeightsAndNobodyWithOneGoesWithout) {
  std::vector<Member> members = pool(4);
  members[0].weight = 3, members[2].weight = 0, members[3].weight = 2;
  const std::vector<Slot> table = maglev_table({model::Family::kInet, members});
  ASSERT_EQ(table.size(), kMaglevSlots);
  const auto share = [&](Slot s) { return static_cast<double>(std::count(table.begin(), table.end(), s)) * 6.0 / kMaglevSlots; };
  EXPECT_NEAR(share(0), 3, 0.01);
  EXPECT_NEAR(share(1), 1, 0.01);
  EXPECT_EQ(share(2), 0);
  EXPECT_NEAR(share(3), 2, 0.01);
  members[0].weight = 1000000;
  EXPECT_THAT(maglev_table({model::Family::kInet, members}), testing::Contains(Slot{1}));
  for (Member& m : members) m.weight = 0;
  EXPECT_TRUE(maglev_table({model::Family::kInet, members}).empty());
}

TEST_F(Maglev, RemovingOneOfAThousandMovesHardlyAnybodyElse) {
  std::vector<Member> members = pool(1000);
  const std::vector<model::ServerKey> before = owners(members);
  for (const std::size_t gone : {0u, 500u, 999u}) {
    std::vector<Member> left = members;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(gone));
    const std::vector<model::ServerKey> after = owners(left);
    std::size_t moved = 0, others = 0;
    for (std::size_t i = 0; i < kMaglevSlots; ++i) {
      if (before[i] == members[gone].key) continue;
      ++others;
      if (after[i] != before[i]) ++moved;
    }
    EXPECT_LE(static_cast<double>(moved), 0.007 * static_cast<double>(others)) << gone << ": " << moved;
  }
}

TEST_F(Maglev, TheDigestTellsTablesApart) {
  std::vector<Member> members = pool(3);
  const std::uint64_t one = digest(members);
  EXPECT_NE(digest(members, 1), one);
  members[1].weight = 2;
  EXPECT_NE(digest(members), one);
  members[1].weight = 1;
  members[2].key.port = 54;
  EXPECT_NE(digest(members), one);
}

TEST(Folding, TakesAServersAddressForTheServicesFamily) {
  const model::Address six = model::Address::parse("2001:db8:1::5").value();
  EXPECT_EQ(folded(model::Family::kInet6, six), 0x20010db8u ^ 0x00010000u ^ 5u);
  EXPECT_EQ(folded(model::Family::kInet, six), 0x20010db8u);
}

TEST(HashTables, AreEmptyWithoutServers) {
  EXPECT_TRUE(slots(sh_table, {}).empty());
  EXPECT_TRUE(slots(dh_table, {}).empty());
  EXPECT_TRUE(slots(mh_table, {}).empty());
  EXPECT_TRUE(slots(mh_table, {0, 0}).empty()) << "mh: only servers that had a weight take slots";
}

}  // namespace
}  // namespace xlvs::sched
