// SPDX-License-Identifier: GPL-2.0-or-later
// Tables that are full: which edits are refused, with which words, and what gives way.
#include "encode_memory.h"
#include "encode_seen.h"

namespace xlvs::encode {
namespace {

constexpr std::size_t kServers = 10;

struct FullTest : ::testing::Test {
  OwnedMemory memory{{.services = 4, .servers = kServers}};
  FakeHost host{kServers};
  Table table{memory.view(), host};
  const model::ServiceKey web = service_key("192.0.2.10", 80);
  const model::ServiceKey dns = service_key("192.0.2.10", 53, model::Protocol::kUdp);

  void SetUp() override { EXPECT_OK(table.add_service(web, scheduled("rr"))); }
  static model::ServerKey rs(std::size_t n) { return server_key("198.51.100." + std::to_string(n), 80); }
  void add(std::size_t first, std::size_t end) {
    for (std::size_t n = first; n < end; ++n) EXPECT_OK(table.add_server(web, rs(n), weighing(1)));
  }
  void remove(std::size_t first, std::size_t end) {
    for (std::size_t n = first; n < end; ++n) EXPECT_OK(table.delete_server(web, rs(n)));
  }
  [[nodiscard]] std::size_t listed() { return (*table.servers(web)).size(); }
  xlvs_server& row(std::size_t n) {
    for (xlvs_server& server : memory.servers)
      if ((server.flags & XLVS_SERVER_F_USED) != 0 &&
          reinterpret_cast<const std::uint8_t*>(server.addr.word)[3] == n)
        return server;
    ADD_FAILURE() << "server " << n << " has no row";
    return memory.servers[0];
  }
  xlvs_load& load_of(std::size_t n) {
    return memory.loads[static_cast<std::size_t>(&row(n) - memory.servers.data())];
  }
  std::string refusal(const model::ServiceKey& key, std::size_t n) {
    const Status s = table.add_server(key, rs(n), weighing(1));
    return s ? "" : s.error().what.substr(s.error().what.find(": ") + 2);
  }
};

TEST_F(FullTest, DeletedServersWithoutConnectionsGiveWay) {
  add(1, 11);
  remove(1, 11);
  EXPECT_EQ(memory.control.trash, 10u);
  add(11, 21);
  EXPECT_EQ(listed(), 10u);
  EXPECT_EQ(memory.control.trash, 0u);
  EXPECT_EQ(memory.control.dirty, 0u);
  EXPECT_EQ(refusal(web, 30), "the table is full (10 real servers)");
}

TEST_F(FullTest, TheOldestGivesWayFirstAndWhoReturnsHasItsTotals) {
  add(1, 11);
  for (const std::size_t n : {3, 1, 2}) {
    host.ticks += 1;
    remove(n, n + 1);
  }
  add(11, 12);
  EXPECT_EQ(memory.control.trash, 2u);
  for (const std::size_t n : {1, 2}) EXPECT_NE(row(n).flags & XLVS_SERVER_F_KEPT, 0u) << n;
  add(12, 13);
  add(2, 3);
  EXPECT_EQ(memory.control.trash, 0u);
  EXPECT_EQ(listed(), 10u);
}

TEST_F(FullTest, ARowThatIsUsedAgainStartsWithoutCounters) {
  add(1, 11);
  for (xlvs_counters& line : host.lines) line.conns = 7;
  remove(5, 6);
  add(20, 21);
  const auto servers = table.servers(web);
  ASSERT_TRUE(servers);
  EXPECT_EQ((*servers).front().key, rs(20));
  EXPECT_EQ((*servers).front().stats.conns, 0u);
  EXPECT_EQ((*table.service(web)).stats.conns, 10u * 7u) << "nothing is lost from the service's totals";
}

TEST_F(FullTest, BusyOnesStayAndAreNamed) {
  add(1, 11);
  load_of(1).active = 1;
  load_of(2).inactive = 1;
  load_of(3).persistent = 1;
  remove(1, 5);
  add(11, 12);  // in the place of 4
  const Seen before = PacketView(memory).read();
  EXPECT_EQ(refusal(web, 12),
            "the table is full (10 real servers); 3 of them are deleted, but have connections");
  EXPECT_EQ(PacketView(memory).read(), before);
  EXPECT_EQ(memory.control.trash, 3u);
  EXPECT_OK(table.add_server(web, rs(1), weighing(1)));
}

TEST_F(FullTest, AConnectionThatIsBeingOpenedKeepsItsServer) {
  add(1, 11);
  remove(1, 3);
  host.while_waiting = [this] { load_of(1).inactive = 1; };
  add(11, 12);
  EXPECT_EQ(row(1).flags & XLVS_SERVER_F_USED, XLVS_SERVER_F_USED);
  EXPECT_EQ(memory.control.trash, 1u);
  host.while_waiting = [] {};
  EXPECT_EQ(refusal(web, 12),
            "the table is full (10 real servers); 1 of them are deleted, but have connections");
}

TEST_F(FullTest, ServicesCanBeRenamedAgainAndAgain) {
  for (std::uint16_t round = 0; round < 5; ++round) {
    const model::ServiceKey key = service_key("192.0.2.10", static_cast<std::uint16_t>(1000 + round));
    EXPECT_OK(table.begin(true));
    EXPECT_OK(table.add_service(key, scheduled("rr")));
    for (std::size_t n = 1; n <= kServers / 2; ++n) EXPECT_OK(table.add_server(key, rs(n), weighing(1)));
    EXPECT_OK(table.commit());
    EXPECT_EQ((*table.servers(key)).size(), kServers / 2);
  }
}

TEST_F(FullTest, WhatTheTableHoldsIsCountedLineByLine) {
  EXPECT_OK(table.begin(true));
  for (std::uint32_t mark = 1; mark <= 4; ++mark)
    EXPECT_OK(table.add_service(mark_key(mark), scheduled("rr")));
  const Status fifth = table.add_service(web, scheduled("rr"));
  EXPECT_ERRC(fifth, Errc::kNoSpace);
  EXPECT_EQ(fifth.error().what, "cannot add service TCP 192.0.2.10:80: the table is full (4 services)");
  EXPECT_ERRC(table.add_service(mark_key(4), scheduled("rr")), Errc::kExists);
  for (std::size_t n = 1; n <= kServers; ++n) EXPECT_OK(table.add_server(mark_key(1), rs(n), weighing(1)));
  EXPECT_EQ(refusal(mark_key(2), 1), "the table is full (10 real servers)");
  EXPECT_ERRC(table.add_server(mark_key(1), rs(1), weighing(1)), Errc::kExists);
  EXPECT_OK(table.delete_server(mark_key(1), rs(1)));
  EXPECT_OK(table.add_server(mark_key(2), rs(1), weighing(1)));
  EXPECT_OK(table.delete_service(mark_key(3)));
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  EXPECT_OK(table.delete_service(mark_key(1)));
  for (std::size_t n = 1; n < kServers; ++n) EXPECT_OK(table.add_server(web, rs(n), weighing(1)));
  EXPECT_EQ(refusal(web, 50), "the table is full (10 real servers)");
  EXPECT_OK(table.commit());
  EXPECT_EQ(listed(), kServers - 1);
}

TEST_F(FullTest, APublishedTableCountsToo) {
  add(1, 11);
  for (std::uint32_t mark = 1; mark <= 3; ++mark)
    EXPECT_OK(table.add_service(mark_key(mark), scheduled("rr")));
  EXPECT_OK(table.begin(false));
  EXPECT_OK(table.edit_server(web, rs(1), weighing(5)));
  EXPECT_ERRC(table.add_service(dns, scheduled("rr")), Errc::kNoSpace);
  EXPECT_EQ(refusal(mark_key(1), 1), "the table is full (10 real servers)");
  EXPECT_OK(table.delete_server(web, rs(1)));
  // its row is in use until all this is published
  EXPECT_OK(table.add_server(mark_key(1), rs(1), weighing(1)));
  const Status s = table.commit();
  EXPECT_ERRC(s, Errc::kNoSpace);
  EXPECT_EQ(s.error().what,
            "cannot publish the table: the table is full (10 real servers); 1 of them go only when this edit "
            "is made");
}

}  // namespace
}  // namespace xlvs::encode
