// SPDX-License-Identifier: GPL-2.0-or-later
// Turns as packets take them from the published schedule, over edits.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "encode/convert.h"
#include "encode/digest.h"
#include "encode_seen.h"

namespace xlvs::encode {
namespace {

struct ScheduleTest : TableTest {
  /// Last octets of the next n picks, as the data plane takes them.
  std::string picks(const model::ServiceKey& key, int n) {
    const PacketView view(memory);
    std::string text;
    for (int i = 0; i < n; ++i) {
      const std::uint32_t row = view.turn(view.lookup(to_abi(key)), memory);
      const auto* octets =
          row == ~0u ? nullptr : reinterpret_cast<const std::uint8_t*>(memory.servers[row].addr.word);
      text += (text.empty() ? "" : " ") + (octets == nullptr ? "-" : std::to_string(octets[3]));
    }
    return text;
  }
  static xlvs_service_key to_abi(const model::ServiceKey& key) { return encode::to_abi(key); }
};

// Oracle: kernel 6.1.176, weights 1, 2, 3 added in that order.
TEST_F(ScheduleTest, WrrPicksAsTheKernelDid) {
  EXPECT_OK(table.add_service(web, scheduled("wrr")));
  for (const int i : {1, 2, 3}) EXPECT_OK(table.add_server(web, rs(i), weighing(i)));
  EXPECT_EQ(picks(web, 12), "3 2 1 3 3 2 3 2 1 3 3 2");
}

TEST_F(ScheduleTest, RrGoesOnWhereItWasOverEditsThatDoNotConcernIt) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  for (const int i : {1, 2, 3}) EXPECT_OK(table.add_server(web, rs(i), weighing(1)));
  EXPECT_EQ(picks(web, 1), "3");
  EXPECT_OK(table.zero(&web));
  EXPECT_EQ(picks(web, 1), "2");
  EXPECT_OK(table.edit_server(web, rs(3), weighing(5)));
  EXPECT_EQ(picks(web, 1), "1");
  EXPECT_OK(table.edit_service(web, scheduled("rr")));  // the same scheduler is not bound again
  EXPECT_EQ(picks(web, 1), "3");
  EXPECT_OK(table.add_server(web, rs(4), weighing(1)));
  EXPECT_EQ(picks(web, 5), "2 1 4 3 2");
}

// Packets do not wait for an edit: while it is written they take turns from the old schedule.
TEST_F(ScheduleTest, TurnsTakenDuringAnEditAreNotTakenAgain) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  for (const int i : {1, 2, 3, 4, 5}) EXPECT_OK(table.add_server(web, rs(i), weighing(1)));
  EXPECT_EQ(picks(web, 1), "5");
  std::string during;
  Table slow(memory.view(), host, [&] {
    if (during.empty()) during = picks(web, 2);
  });
  EXPECT_OK(slow.zero(&web));
  EXPECT_EQ(during, "4 3");
  EXPECT_EQ(picks(web, 3), "2 1 5");
  during.clear();
  EXPECT_OK(slow.begin(false));
  EXPECT_OK(slow.zero(&web));
  EXPECT_OK(slow.add_service(dns, scheduled("rr")));
  EXPECT_EQ(picks(web, 1), "4");
  EXPECT_OK(slow.commit());
  EXPECT_EQ(during, "3 2");
  EXPECT_EQ(picks(web, 2), "1 5");
}

TEST_F(ScheduleTest, AnotherSchedulerStartsAnew) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  for (const int i : {1, 2, 3}) EXPECT_OK(table.add_server(web, rs(i), weighing(i)));
  EXPECT_EQ(picks(web, 2), "3 2");
  EXPECT_OK(table.edit_service(web, scheduled("wrr")));
  EXPECT_EQ(picks(web, 6), "3 3 2 3 2 1");  // bound to a full list: from the top
  EXPECT_OK(table.edit_service(web, scheduled("rr")));
  EXPECT_EQ(picks(web, 2), "3 2");
}

TEST_F(ScheduleTest, NobodyIsPickedWithoutAWeight) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  EXPECT_EQ(picks(web, 1), "-");
  EXPECT_OK(table.add_server(web, rs(1), weighing(0)));
  EXPECT_EQ(picks(web, 1), "-");
  const PacketView view(memory);
  EXPECT_EQ(view.version(view.lookup(to_abi(web))).sched, static_cast<__u32>(XLVS_SCHED_TURN));
}

// ip_vs_schedule() takes nothing for port 0 without persistence.
TEST_F(ScheduleTest, APortZeroServiceNeverPicks) {
  const model::ServiceKey any = service_key("192.0.2.10", 0);
  for (const char* scheduler : {"rr", "wlc"}) {
    EXPECT_OK(table.add_service(any, scheduled(scheduler)));
    EXPECT_OK(table.add_server(any, rs(1), nat()));
    const PacketView view(memory);
    const xlvs_version& v = view.version(view.lookup(to_abi(any)));
    EXPECT_EQ(v.sched, static_cast<__u32>(XLVS_SCHED_NONE));
    EXPECT_EQ(v.slots, 0u);
    EXPECT_OK(table.delete_service(any));
  }
}

TEST_F(ScheduleTest, WlcHasItsServersInGroupsOfNeighbouringRows) {
  EXPECT_OK(table.add_service(web, scheduled("wlc")));
  for (const int i : {1, 2, 3}) EXPECT_OK(table.add_server(web, rs(i), weighing(10 * i)));
  const PacketView view(memory);
  const std::uint32_t row = view.lookup(to_abi(web));
  EXPECT_EQ(view.version(row).sched, static_cast<__u32>(XLVS_SCHED_WLC));
  EXPECT_EQ(view.version(row).state[1], 1u) << "groups";
  const Seen seen = view.read();
  EXPECT_EQ(view.record(row, 0).weight, 30u);
  EXPECT_EQ(view.record(row, 2).weight, 10u);
}

TEST_F(ScheduleTest, AnEndOfOverloadIsNotedForThoseThatRememberWhatTheyFound) {
  EXPECT_OK(table.add_service(web, scheduled("wlc")));
  model::ServerConfig limited = weighing(1);
  limited.upper = 2;
  EXPECT_OK(table.add_server(web, rs(1), limited));
  const PacketView view(memory);
  const std::uint32_t server = view.record(view.lookup(to_abi(web)), 0).server;
  memory.loads[server].flags = XLVS_LOAD_F_OVERLOAD;
  const __u32 before = memory.changes[server / XLVS_GROUP_ROWS].count;
  EXPECT_OK(table.edit_server(web, rs(1), limited));
  EXPECT_EQ(memory.changes[server / XLVS_GROUP_ROWS].count, before);
  limited.upper = 3;
  EXPECT_OK(table.edit_server(web, rs(1), limited));
  EXPECT_EQ(memory.loads[server].flags, 0u);
  EXPECT_EQ(memory.changes[server / XLVS_GROUP_ROWS].count, before + 1);
}

/// The maglev table's digest after random edits that end in one and the same pool.
std::uint64_t digest_of_random_history(const model::ServiceKey& web, std::mt19937& random) {
  OwnedMemory memory({.blocks = 16384});
  FakeHost host(memory.servers.size());
  Table table(memory.view(), host);
  const auto server = [](int i) { return server_key("198.51.100." + std::to_string(i), 80); };
  std::vector<int> order{1, 2, 3, 4, 5, 6, 7, 8};
  std::shuffle(order.begin(), order.end(), random);
  EXPECT_TRUE(table.begin(false));
  EXPECT_TRUE(table.add_service(web, scheduled(random() % 2 == 0 ? "maglev" : "wlc")));
  for (const int i : order) {
    EXPECT_TRUE(table.add_server(web, server(i), weighing(static_cast<int>(random() % 5))));
    if (random() % 2 == 0) {  // somebody who does not stay
      const int guest = 9 + static_cast<int>(random() % 20);
      EXPECT_TRUE(table.add_server(web, server(guest), weighing(3)));
      EXPECT_TRUE(table.delete_server(web, server(guest)));
    }
  }
  std::shuffle(order.begin(), order.end(), random);
  for (const int i : order) EXPECT_TRUE(table.edit_server(web, server(i), weighing(1 + i % 3)));
  EXPECT_TRUE(table.edit_service(web, scheduled("maglev")));
  EXPECT_TRUE(table.commit());
  const auto digests = maglev_digests({memory.view(), host, Writer{}});
  return digests && (*digests).size() == 1 ? (*digests).front().digest : 0;
}

TEST_F(ScheduleTest, OnePoolHasOneMaglevDigestWhateverWasDoneBefore) {
  std::mt19937 random(17);
  const char* all = std::getenv("XLVS_LONG");
  const int orders = all != nullptr && *all == '1' ? 10000 : 60;
  const std::uint64_t want = digest_of_random_history(web, random);
  EXPECT_NE(want, 0u);
  for (int i = 1; i < orders; ++i) ASSERT_EQ(digest_of_random_history(web, random), want) << i;
}

}  // namespace
}  // namespace xlvs::encode
