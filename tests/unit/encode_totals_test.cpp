// SPDX-License-Identifier: GPL-2.0-or-later
// Totals of services and servers, and what the trash keeps.
#include <gmock/gmock.h>

#include "encode_seen.h"

namespace xlvs::encode {
namespace {

struct TotalsTest : TableTest {
  void SetUp() override {
    for (xlvs_counters& line : host.lines) line = {1000, 1000, 1000, 1000, 1000};  // rows have a past
    EXPECT_OK(table.add_service(web, scheduled("rr")));
    for (const int i : {1, 2}) EXPECT_OK(table.add_server(web, rs(i), weighing(1)));
  }
  void traffic(int server, std::uint64_t conns) {
    xlvs_counters& line = host.lines[row_of(server)];
    line.conns += conns;
    line.in_pkts += 2 * conns;
    line.in_bytes += 3 * conns;
    line.out_pkts += 4 * conns;
    line.out_bytes += 5 * conns;
  }
  std::uint64_t total() { return (*table.service(web)).stats.conns; }
  std::uint64_t total_of(std::size_t at) { return (*table.servers(web))[at].stats.conns; }
};

TEST_F(TotalsTest, BeginAtZeroAndShowEveryCounterInItsPlace) {
  EXPECT_EQ(total(), 0u);
  EXPECT_EQ(total_of(0), 0u);
  traffic(1, 10);
  traffic(2, 7);
  const model::Counters stats = (*table.service(web)).stats;
  EXPECT_EQ(stats.conns, 17u);
  EXPECT_EQ(stats.in_pkts, 34u);
  EXPECT_EQ(stats.in_bytes, 51u);
  EXPECT_EQ(stats.out_pkts, 68u);
  EXPECT_EQ(stats.out_bytes, 85u);
  EXPECT_EQ(total_of(0), 7u);
  EXPECT_EQ(total_of(1), 10u);
  EXPECT_EQ((*table.services())[0].stats.conns, 17u);
}

TEST_F(TotalsTest, AServiceKeepsWhatServersThatLeftServed) {
  traffic(1, 10);
  EXPECT_OK(table.delete_server(web, rs(1)));
  EXPECT_EQ(total(), 10u);
  EXPECT_OK(table.add_server(web, rs(3), weighing(1)));
  EXPECT_EQ(total(), 10u);
  traffic(3, 5);
  EXPECT_EQ(total(), 15u);
}

// ip_vs_trash_get_dest(): the same structure comes back, and its statistics are of the same service.
TEST_F(TotalsTest, AServerThatComesBackToItsServiceHasItsTotals) {
  traffic(1, 10);
  EXPECT_OK(table.delete_server(web, rs(1)));
  EXPECT_OK(table.add_server(web, rs(1), weighing(1)));
  EXPECT_EQ(total_of(0), 10u);
  EXPECT_EQ(total(), 10u);
}

// __ip_vs_update_dest(): another service structure, so ip_vs_zero_stats().
TEST_F(TotalsTest, AServerThatComesBackToANewServiceBeginsAtZero) {
  traffic(1, 10);
  EXPECT_OK(table.delete_server(web, rs(1)));
  EXPECT_OK(table.delete_service(web));
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  for (const int i : {1, 2}) EXPECT_OK(table.add_server(web, rs(i), weighing(1)));
  EXPECT_EQ(total(), 0u);
  EXPECT_EQ(total_of(0), 0u);
  EXPECT_EQ(total_of(1), 0u);
}

TEST_F(TotalsTest, ZeroIsForOneServiceOrAll) {
  EXPECT_OK(table.add_service(dns, scheduled("rr")));
  EXPECT_OK(table.add_server(dns, rs(3), weighing(1)));
  traffic(1, 10);
  traffic(3, 4);
  EXPECT_OK(table.zero(&web));
  EXPECT_EQ(total(), 0u);
  EXPECT_EQ(total_of(1), 0u);
  EXPECT_EQ((*table.service(dns)).stats.conns, 4u);
  traffic(1, 1);
  EXPECT_OK(table.zero(nullptr));
  EXPECT_EQ(total(), 0u);
  EXPECT_EQ((*table.service(dns)).stats.conns, 0u);
}

TEST_F(TotalsTest, ConnectionCountsComeBackWithAServerEvenThroughAFlush) {
  memory.loads[row_of(1)].active = 3;
  memory.loads[row_of(1)].inactive = 175;
  memory.loads[row_of(1)].persistent = 2;
  const std::uint32_t row = row_of(1);
  EXPECT_OK(table.flush());
  EXPECT_EQ(memory.servers[row].flags & XLVS_SERVER_F_AVAILABLE, 0u);
  EXPECT_EQ(memory.control.trash, 2u);
  EXPECT_OK(table.add_service(web, scheduled("wlc")));
  EXPECT_OK(table.add_server(web, rs(1), nat()));
  EXPECT_OK(table.add_server(web, rs(9), nat()));
  EXPECT_EQ(row_of(1), row);
  EXPECT_EQ(memory.control.trash, 1u);
  const model::Server back = (*table.servers(web))[1];
  EXPECT_EQ(back.active, 3u);
  EXPECT_EQ(back.inactive, 175u);
  EXPECT_EQ(back.persistent, 2u);
  EXPECT_EQ((*table.servers(web))[0].inactive, 0u);
}

TEST_F(TotalsTest, TheTrashIsForTheSameServiceOnly) {
  memory.loads[row_of(1)].inactive = 5;
  EXPECT_OK(table.delete_server(web, rs(1)));
  EXPECT_OK(table.add_service(dns, scheduled("rr")));
  EXPECT_OK(table.add_server(dns, rs(1, 80), nat()));
  EXPECT_EQ((*table.servers(dns))[0].inactive, 0u);
  EXPECT_OK(table.add_server(web, rs(1, 8080), nat()));
  EXPECT_EQ((*table.servers(web))[0].inactive, 0u);
  EXPECT_EQ(memory.control.trash, 1u);
}

TEST_F(TotalsTest, ARowIsFreeAfterItsTimeAndItsLastConnection) {
  const std::uint32_t row = row_of(1);
  memory.loads[row].inactive = 1;
  EXPECT_OK(table.delete_server(web, rs(1)));
  host.ticks += xlvs_seconds_to_ticks(kTrashPeriod_s);
  EXPECT_OK(table.zero(&web));
  EXPECT_EQ(memory.control.trash, 1u) << "its connection would lead nowhere";
  memory.loads[row].inactive = 0;
  EXPECT_OK(table.zero(&web));
  EXPECT_EQ(memory.control.trash, 0u);
  EXPECT_EQ(memory.servers[row].flags, 0u);

  EXPECT_OK(table.delete_server(web, rs(2)));
  host.ticks += xlvs_seconds_to_ticks(kTrashPeriod_s) - 1;
  EXPECT_OK(table.zero(&web));
  EXPECT_EQ(memory.control.trash, 1u);
}

TEST_F(TotalsTest, OverloadIsLiftedWhenTheUpperThresholdGrowsOrGoes) {
  EXPECT_OK(table.edit_server(web, rs(1), {.upper = 10}));
  xlvs_load& load = memory.loads[row_of(1)];
  load.flags = XLVS_LOAD_F_OVERLOAD;
  EXPECT_OK(table.edit_server(web, rs(1), {.weight = 3, .upper = 10}));
  EXPECT_OK(table.edit_server(web, rs(1), {.upper = 5}));
  EXPECT_EQ(load.flags, XLVS_LOAD_F_OVERLOAD);
  EXPECT_OK(table.edit_server(web, rs(1), {.upper = 6}));
  EXPECT_EQ(load.flags, 0u);
  load.flags = XLVS_LOAD_F_OVERLOAD;
  EXPECT_OK(table.edit_server(web, rs(1), {}));
  EXPECT_EQ(load.flags, 0u);
}

TEST_F(TotalsTest, TheFilterForgetsOnlyWhatNobodyNeeds) {
  const auto abi = [](const char* text) {
    xlvs_addr a{};
    std::memcpy(a.word, model::Address::parse(text)->bytes.data(), 4);
    return a;
  };
  const PacketView view(memory);
  EXPECT_OK(table.add_server(web, rs(7, 8080), nat()));
  EXPECT_TRUE(view.admits_nat(abi("198.51.100.7"), XLVS_AF_INET));
  EXPECT_FALSE(view.admits_nat(abi("198.51.100.1"), XLVS_AF_INET));
  memory.loads[row_of(7)].active = 1;
  EXPECT_OK(table.flush());
  EXPECT_TRUE(view.admits_vip(abi("192.0.2.10"), XLVS_AF_INET)) << "its connection's packets are ours to drop";
  EXPECT_TRUE(view.admits_nat(abi("198.51.100.7"), XLVS_AF_INET)) << "its connection may still be answered";
  memory.loads[row_of(7)].active = 0;
  host.ticks += xlvs_seconds_to_ticks(kTrashPeriod_s);
  EXPECT_OK(table.add_service(web, {}));
  EXPECT_FALSE(view.admits_nat(abi("198.51.100.7"), XLVS_AF_INET));
}

TEST_F(TotalsTest, AServerThatWasNatKeepsItsBitWhileInUse) {
  const model::ServerKey key = rs(8, 80);
  xlvs_addr a{};
  std::memcpy(a.word, key.address.bytes.data(), 4);
  EXPECT_OK(table.add_server(web, key, nat()));
  EXPECT_OK(table.edit_server(web, key, {}));  // now direct
  EXPECT_OK(table.add_service(dns, {}));
  EXPECT_OK(table.delete_service(dns));  // rebuilds the filter
  EXPECT_TRUE(PacketView(memory).admits_nat(a, XLVS_AF_INET));
}

}  // namespace
}  // namespace xlvs::encode
