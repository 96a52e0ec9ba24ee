// SPDX-License-Identifier: GPL-2.0-or-later
// Rates: the estimator's arithmetic, and what edits do to the rows that the timer keeps.
#include "abi/rate.h"

#include "encode_memory.h"

namespace xlvs::encode {
namespace {

/// Listed connections, packets and bytes a second, tick after tick of what each interval brought.
struct Brought {
  std::uint64_t conns, pkts, bytes;
};

std::vector<model::Rates> listed(const std::vector<Brought>& intervals) {
  xlvs_counters average{};
  std::vector<model::Rates> all;
  for (const Brought& b : intervals) {
    const xlvs_counters brought{
        .conns = b.conns, .in_pkts = b.pkts, .in_bytes = b.bytes, .out_pkts = b.pkts, .out_bytes = b.bytes};
    xlvs_rate_step(&average, &brought);
    EXPECT_EQ(average.in_pkts, average.out_pkts);
    EXPECT_EQ(average.in_bytes, average.out_bytes);
    all.push_back({.cps = xlvs_rate_of_packets(average.conns),
                   .in_pps = xlvs_rate_of_packets(average.in_pkts),
                   .in_bps = xlvs_rate_of_bytes(average.in_bytes)});
  }
  return all;
}

// Oracle: tests/oracle/rates4.rec, 192.168.1.3: 4 connections of 160 bytes in one interval, and how they fade.
TEST(Estimator, FadesAsTheKernels) {
  const auto rates = listed({{4, 4, 160}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}});
  std::vector<std::uint64_t> bytes;
  for (const auto& r : rates) bytes.push_back(r.in_bps);
  EXPECT_EQ(bytes, (std::vector<std::uint64_t>{20, 15, 11, 8, 6, 5, 4, 3, 2, 1, 1, 1, 1, 0}));
}

TEST(Estimator, ComesToWhatIsSteady) {
  const auto rates = listed(std::vector<Brought>(120, {2000, 20000, 3000000000}));
  EXPECT_EQ(rates.back().cps, 1000u);
  EXPECT_EQ(rates.back().in_pps, 10000u);
  EXPECT_EQ(rates.back().in_bps, 1500000000u);
}

struct RatesTest : TableTest {
  void SetUp() override {
    EXPECT_OK(table.add_service(web, scheduled("rr")));
    EXPECT_OK(table.add_server(web, rs(1), weighing(1)));
    EXPECT_OK(table.add_server(web, rs(2), weighing(1)));
  }
  xlvs_rate& rate_of(int n) { return memory.rates[row_of(n)]; }
  xlvs_rate& rate_of_service() {
    return memory.rates[memory.servers.size() + memory.servers[row_of(1)].service];
  }
  /// What the timer would have made of some traffic.
  void flow() {
    for (xlvs_rate* r : {&rate_of(1), &rate_of(2), &rate_of_service()}) {
      r->average = {.conns = 7 << 10, .in_pkts = 8 << 10, .in_bytes = 9 << 5, .out_pkts = 0, .out_bytes = 0};
      r->seen.conns = 1000;
    }
  }
  /// Connections a second of the service, then of its servers in list order.
  std::vector<std::uint64_t> cps() {
    std::vector<std::uint64_t> all{table.service(web)->rates.cps};
    const auto servers = table.servers(web);
    for (const auto& s : *servers) all.push_back(s.rates.cps);
    return all;
  }
  using Cps = std::vector<std::uint64_t>;
};

TEST_F(RatesTest, AreListedOfServiceAndServers) {
  flow();
  EXPECT_EQ(cps(), (Cps{7, 7, 7}));
  EXPECT_EQ(table.service(web)->rates.in_pps, 8u);
  EXPECT_EQ(table.service(web)->rates.in_bps, 9u);
}

TEST_F(RatesTest, StayThroughEdits) {
  flow();
  EXPECT_OK(table.edit_server(web, rs(1), weighing(3)));
  EXPECT_OK(table.edit_service(web, scheduled("wlc")));
  EXPECT_EQ(cps(), (Cps{7, 7, 7}));
}

TEST_F(RatesTest, MoveWithAServiceThatABatchMoves) {
  flow();
  const __u32 before = memory.servers[row_of(1)].service;
  EXPECT_OK(table.begin(false));
  EXPECT_OK(table.edit_server(web, rs(1), weighing(3)));
  EXPECT_OK(table.add_service(dns, scheduled("rr")));
  EXPECT_OK(table.commit());
  EXPECT_NE(memory.servers[row_of(1)].service, before);
  EXPECT_EQ(memory.servers[row_of(1)].service, memory.servers[row_of(2)].service);
  EXPECT_EQ(cps(), (Cps{7, 7, 7}));
}

TEST_F(RatesTest, BeginAtZeroAfterZeroAndGoOnFromWhatWasSeen) {
  flow();
  EXPECT_OK(table.zero(&web));
  EXPECT_EQ(cps(), (Cps{0, 0, 0}));
  EXPECT_EQ(rate_of(1).seen.conns, 1000u);
}

TEST_F(RatesTest, OfAServerThatComesBackGoOn) {
  flow();
  EXPECT_OK(table.delete_server(web, rs(2)));
  EXPECT_OK(table.add_server(web, rs(2), weighing(1)));
  EXPECT_EQ(cps(), (Cps{7, 7, 7}));
}

TEST_F(RatesTest, BeginAtZeroInAServicesNextLife) {
  flow();
  EXPECT_OK(table.delete_service(web));
  SetUp();
  EXPECT_EQ(cps(), (Cps{0, 0, 0}));
}

TEST_F(RatesTest, OfANewServerInAnOldRowBeginAtZero) {
  flow();
  EXPECT_OK(table.delete_server(web, rs(2)));
  host.ticks += 1u << 20;  // long enough to be taken out of the trash
  memory.control.server_cursor = 0;
  for (int n = 3; n < 12; ++n) EXPECT_OK(table.add_server(web, rs(n), weighing(1)));
  const auto servers = table.servers(web);
  for (const auto& server : *servers) EXPECT_EQ(server.rates.cps, server.key == rs(1) ? 7u : 0u);
  EXPECT_GE(memory.control.server_end, 10u);
}

}  // namespace
}  // namespace xlvs::encode
