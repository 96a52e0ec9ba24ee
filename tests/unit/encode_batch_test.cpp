// SPDX-License-Identifier: GPL-2.0-or-later
// Batches: unseen until commit, then visible at once; and what a large restore costs.
#include <gmock/gmock.h>

#include <chrono>

#include "encode/convert.h"
#include "encode_seen.h"

namespace xlvs::encode {
namespace {

struct BatchTest : TableTest {
  void SetUp() override {
    EXPECT_OK(table.add_service(web, scheduled("rr")));
    EXPECT_OK(table.add_service(dns, scheduled("wlc")));
    for (const int i : {1, 2}) EXPECT_OK(table.add_server(web, rs(i), weighing(1)));
    EXPECT_OK(table.add_server(dns, rs(5, 53), weighing(1)));
  }
  Seen seen() { return PacketView(memory).read(); }
};

TEST_F(BatchTest, IsUnseenByPacketsUntilCommitButSeenByItsWriter) {
  const Seen before = seen();
  EXPECT_OK(table.begin(false));
  EXPECT_OK(table.add_server(web, rs(3), weighing(1)));
  EXPECT_OK(table.delete_service(dns));
  EXPECT_OK(table.add_service(mark_key(1), scheduled("rr")));
  EXPECT_EQ(seen(), before);
  EXPECT_EQ(listed(web), "3 2 1");
  EXPECT_ERRC(table.service(dns), Errc::kNoService);
  EXPECT_EQ((*table.services()).size(), 2u);
  EXPECT_OK(table.commit());
  EXPECT_EQ(listed(web), "3 2 1");
  EXPECT_EQ(seen().size(), 2u);
  EXPECT_FALSE(host.locked);
}

TEST_F(BatchTest, LeavesServicesThatItDoesNotTouchAsTheyAre) {
  const std::uint32_t row = PacketView(memory).lookup(to_abi(dns));
  const std::uint32_t version = memory.services[row].version;
  const std::uint32_t half = memory.control.half;
  EXPECT_OK(table.begin(false));
  EXPECT_OK(table.add_server(web, rs(3), weighing(1)));
  EXPECT_OK(table.add_service(mark_key(1), scheduled("rr")));
  EXPECT_OK(table.commit());
  EXPECT_NE(memory.control.half, half);
  EXPECT_EQ(PacketView(memory).lookup(to_abi(dns)), row);
  EXPECT_EQ(memory.services[row].version, version);
}

TEST_F(BatchTest, GoesOnAfterALineThatFails) {
  EXPECT_OK(table.begin(false));
  EXPECT_ERRC(table.add_server(web, rs(1), weighing(1)), Errc::kExists);
  EXPECT_ERRC(table.add_service(service_key("192.0.2.10", 81), {.pe_name = "sip"}), Errc::kUnsupported);
  EXPECT_ERRC(table.begin(false), Errc::kInvalidArgument);
  EXPECT_OK(table.add_server(web, rs(3), weighing(1)));
  EXPECT_OK(table.commit());
  EXPECT_EQ(listed(web), "3 2 1");
  EXPECT_ERRC(table.commit(), Errc::kInvalidArgument);
}

TEST_F(BatchTest, IsUndoneWhenDropped) {
  const Seen before = seen();
  {
    Table other(memory.view(), host);
    EXPECT_OK(other.begin(true));
    EXPECT_OK(other.add_service(mark_key(1), scheduled("rr")));
  }
  EXPECT_FALSE(host.locked);
  EXPECT_EQ(seen(), before);
  EXPECT_EQ(memory.control.dirty, 0u);
}

TEST_F(BatchTest, ReplaceKeepsRowsAndCountsOfServersInBothTables) {
  const std::uint32_t row = row_of(1);
  memory.loads[row].active = 7;
  host.lines[row].conns = 9;
  EXPECT_EQ((*table.service(web)).stats.conns, 9u);
  EXPECT_OK(table.begin(true));
  EXPECT_EQ((*table.services()).size(), 0u);
  EXPECT_OK(table.add_service(web, scheduled("wrr")));
  EXPECT_OK(table.add_server(web, rs(1), weighing(3)));
  EXPECT_OK(table.commit());
  EXPECT_EQ(row_of(1), row);
  EXPECT_EQ((*table.servers(web))[0].active, 7u);
  EXPECT_EQ((*table.servers(web))[0].stats.conns, 0u) << "a new service counts from zero";
  EXPECT_EQ((*table.service(web)).stats.conns, 0u);
  EXPECT_EQ((*table.services()).size(), 1u);
  EXPECT_EQ(memory.control.trash, 2u);
}

TEST_F(BatchTest, ACommitThatFindsNoRoomChangesNothing) {
  const Seen before = seen();
  OwnedMemory small({.blocks = 64});
  Table other(small.view(), host);
  EXPECT_OK(other.begin(true));
  EXPECT_OK(other.add_service(web, scheduled("sh")));
  EXPECT_OK(other.add_server(web, rs(1), weighing(1)));
  EXPECT_OK(other.add_service(dns, scheduled("mh")));
  EXPECT_OK(other.add_server(dns, rs(1), weighing(1)));
  const Status s = other.commit();
  EXPECT_ERRC(s, Errc::kNoSpace);
  EXPECT_EQ(s.error().what, "cannot publish the table: the table's memory is full (64 blocks)");
  EXPECT_EQ(PacketView(small).read().size(), 0u);
  EXPECT_EQ(small.control.dirty, 0u);
  EXPECT_FALSE(host.locked);
  EXPECT_EQ(seen(), before);
}

TEST_F(BatchTest, AFullTableCanBeReplacedWhole) {
  const std::uint32_t most = memory.control.max_services;
  for (int round = 0; round < 3; ++round) {
    EXPECT_OK(table.begin(true));
    for (std::uint32_t mark = 1; mark <= most; ++mark)
      EXPECT_OK(table.add_service(mark_key(mark), scheduled(round % 2 == 0 ? "rr" : "wlc")));
    EXPECT_OK(table.commit());
    EXPECT_EQ(seen().size(), most);
  }
}

// Two choices of eight slots each, the emptier one taken: far above the half filling that tables are sized
// for.
TEST(Index, TakesThreeQuartersOfItsSlotsAtLeast) {
  OwnedMemory memory(
      {.services = 2048, .index_buckets = 128, .servers = 1, .blocks = 8192, .buckets4 = 1, .buckets6 = 1});
  FakeHost host(1);
  Table table(memory.view(), host);
  std::uint32_t mark = 1;
  while (table.add_service(mark_key(mark), {})) ++mark;
  EXPECT_ERRC(table.add_service(mark_key(mark), {}), Errc::kNoSpace);
  EXPECT_GT(mark, 128 * XLVS_INDEX_WAYS * 3 / 4);
  EXPECT_EQ(PacketView(memory).read().size(), mark - 1);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// 4,545 services of 10 servers are 50,000 lines. Printed, for machines differ.
TEST(Timing, OfLargeTables) {
  constexpr std::uint32_t kServices = 10000, kServers = 10;
  OwnedMemory memory({.services = kServices,
                      .index_buckets = 4096,
                      .servers = 2 * kServices * kServers,
                      .blocks = 600000,
                      .buckets4 = 1,
                      .buckets6 = 1});
  FakeHost host(memory.servers.size());
  const auto restore = [&](Table& table, std::uint32_t services) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_OK(table.begin(true));
    for (std::uint32_t s = 0; s < services; ++s) {
      const model::ServiceKey key = mark_key(s + 1);
      EXPECT_OK(table.add_service(key, scheduled(s % 2 == 0 ? "wrr" : "wlc")));
      for (std::uint32_t r = 0; r < kServers; ++r)
        EXPECT_OK(table.add_server(
            key, {.address = {.bytes = {10, 0, 0, static_cast<std::uint8_t>(r + 1)}}, .port = 80},
            weighing(static_cast<int>(r % 4) + 1)));
    }
    EXPECT_OK(table.commit());
    std::printf("restore of %u lines: %.3f s\n", services * (kServers + 1), seconds_since(start));
  };
  Table table(memory.view(), host);
  restore(table, 50000 / (kServers + 1));
  restore(table, kServices);

  auto start = std::chrono::steady_clock::now();
  EXPECT_OK(Table(memory.view(), host)
                .add_server(mark_key(77), {.address = {.bytes = {10, 0, 1, 1}}, .port = 80}, {}));
  std::printf("one server more among %u x %u: %.4f s\n", kServices, kServers, seconds_since(start));
  start = std::chrono::steady_clock::now();
  EXPECT_OK(Table(memory.view(), host).delete_service(mark_key(78)));
  std::printf("one service less: %.4f s\n", seconds_since(start));
  start = std::chrono::steady_clock::now();
  EXPECT_OK(Table(memory.view(), host)
                .add_server(mark_key(79), {.address = {.bytes = {10, 0, 1, 1}}, .port = 80}, {}));
  std::printf("one server more, with a trash: %.4f s\n", seconds_since(start));
  start = std::chrono::steady_clock::now();
  std::size_t listed = 0;
  const auto services = table.services();
  for (const model::Service& s : *services) listed += (*table.servers(s.key)).size();
  std::printf("listing of %zu services, %zu servers: %.3f s\n", (*services).size(), listed,
              seconds_since(start));
  EXPECT_EQ(listed, (kServices - 1) * kServers + 2);
}

TEST(Timing, OfOneLargeService) {
  OwnedMemory memory(
      {.services = 2, .index_buckets = 1, .servers = 8192, .blocks = 60000, .buckets4 = 1, .buckets6 = 1});
  FakeHost host(memory.servers.size());
  Table table(memory.view(), host);
  const model::ServiceKey key = mark_key(1);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_OK(table.begin(true));
  EXPECT_OK(table.add_service(key, scheduled("wrr")));
  for (int r = 0; r <= XLVS_MAX_SERVERS_PER_SERVICE; ++r) {
    const Status s = table.add_server(
        key,
        {.address = {.bytes = {10, 0, static_cast<std::uint8_t>(r >> 8), static_cast<std::uint8_t>(r)}},
         .port = 80},
        weighing(r % 16));
    EXPECT_EQ(static_cast<bool>(s), r < XLVS_MAX_SERVERS_PER_SERVICE);
    EXPECT_TRUE(s || s.error().code == Errc::kUnsupported);
  }
  EXPECT_OK(table.commit());
  std::printf("one service of %d servers: %.3f s\n", XLVS_MAX_SERVERS_PER_SERVICE, seconds_since(start));
}

}  // namespace
}  // namespace xlvs::encode
