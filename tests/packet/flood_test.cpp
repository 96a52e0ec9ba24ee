// SPDX-License-Identifier: GPL-2.0-or-later
// Floods: what they cost established flows, and what becomes of new ones. L1 to L6 are docs/testing.md's.
#include "packet/load.h"

namespace xlvs::support {
namespace {

// Ten times as many packets from random sources as the table has slots, while 20,000 established flows are
// touched once per ten packets.
TEST_F(LoadTest, AFloodOfSynsLosesNoEstablishedFlow) {
  serve("TCP", "rr");
  establish(kEstablished);
  const auto before = homes();
  ASSERT_EQ(before.size(), kEstablished);
  Flood flood(*director_, tcp(kAck), 7);
  flood.state().attack_flags = kSyn;
  const double ns = flood.run(FLOOD_ATTACK, kEstablished, effort(10 * 2 * kConns));
  expect_nothing_lost(before, homes());
  EXPECT_EQ(reason(XLVS_REASON_NO_CONNECTION), 0u);  // each ACK found its connection
  EXPECT_GT(reason(XLVS_REASON_EVICTED), 0u);        // the table was full indeed
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("after the flood");
  fmt::print("{:.0f} ns per packet\n", ns);
}

// Strangers that finish the handshake, as many as there is room for and more: they are established, too, and take all
// that is free, but nothing of what others have; whoever comes then is forwarded by hash.
TEST_F(LoadTest, AFloodOfHandshakesLosesNoEstablishedFlow) {
  serve("TCP", "rr");
  establish(kEstablished);
  const auto before = homes();
  Flood flood(*director_, tcp(kAck), 13);
  flood.state().attack_flags = kSyn;
  flood.run(FLOOD_PROMOTE, kEstablished, effort(10 * 2 * kConns));
  expect_nothing_lost(before, homes());
  EXPECT_GT(reason(XLVS_REASON_STATELESS), 0u);
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("after the flood");
  fmt::print("{} of {} slots taken, {} packets forwarded by hash\n", live(), 2 * kConns,
             reason(XLVS_REASON_STATELESS));
}

// Shows what a SYN of a new flow costs in a full table, beside one that has room; the least of some turns of each. A figure, no
// judgement: machines change their speed between two turns.
TEST_F(LoadTest, AFullTableTakesNewFlows) {
  constexpr std::uint32_t kTurn = 4000;  // fills an eighth of the table
  serve("TCP", "rr");
  Flood source(*director_, tcp(kSyn), 17);
  double empty = 1e9, full = 1e9;
  for (int turn = 0; turn < 4; ++turn) {
    ASSERT_TRUE(director_->reset());
    serve("TCP", "rr");
    source.run(FLOOD_INORDER, 1, 1000);  // finds the way to the servers
    source.state().first = 0;
    empty = std::min(empty, source.run(FLOOD_INORDER, kTurn, kTurn));
    source.state().first = kTurn;
    source.run(FLOOD_INORDER, 8 * kConns, 8 * kConns);
    source.state().first = 9 * kConns;
    const std::uint64_t evicted = reason(XLVS_REASON_EVICTED);
    full = std::min(full, source.run(FLOOD_INORDER, kTurn, kTurn));
    ASSERT_GT(reason(XLVS_REASON_EVICTED) - evicted, kTurn * 9 / 10);
  }
  fmt::print("{:.0f} ns in an empty table, {:.0f} in a full one: {:.2f} times as much\n", empty, full, full / empty);
}

TEST_F(LoadTest, AFloodWithoutSynsEntersNothing) {
  serve("TCP", "rr");
  establish(kEstablished);
  const auto before = homes();
  for (const std::uint8_t flags : {kAck, kRst, std::uint8_t(kFin | kAck)}) {
    Flood flood(*director_, tcp(kAck), 9);
    flood.state().attack_flags = flags;
    flood.run(FLOOD_ATTACK, kEstablished, effort(5 * 2 * kConns));
  }
  EXPECT_EQ(live(), kEstablished);
  expect_nothing_lost(before, homes());
  expect_exact_counts("after the flood");
}

TEST_F(LoadTest, AFloodOfDatagramsLosesNoEstablishedFlow) {
  serve("UDP", "rr");
  establish(kEstablished);
  const auto before = homes();
  Flood flood(*director_, udp(), 11);
  // a datagram has no flags, but its checksum stands where they would: any value will do
  flood.run(FLOOD_ATTACK, kEstablished, effort(10 * 2 * kConns));
  expect_nothing_lost(before, homes());
  EXPECT_GT(reason(XLVS_REASON_EVICTED), 0u);
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("after the flood");
}

// Nothing but established flows in (nearly) every slot.
TEST_F(LoadTest, AFullTableForwardsNewFlowsByHash) {
  serve("TCP", "rr");
  Flood first(*director_, tcp(kSyn), 1), then(*director_, tcp(kAck), 1);
  for (std::uint32_t done = 0; done < 4 * 2 * kConns; done += kTogether) {  // until no slot is left
    first.state().first = then.state().first = done;
    first.run(FLOOD_INORDER, kTogether, kTogether);
    then.run(FLOOD_INORDER, kTogether, kTogether);
  }
  ASSERT_GT(live(), 2 * kConns * 99 / 100);
  const auto before = homes();
  const std::uint64_t stateless = reason(XLVS_REASON_STATELESS);
  Flood late(*director_, tcp(kSyn), 3);
  late.state().first = 100 * 2 * kConns;
  late.run(FLOOD_INORDER, 10000, 10000);
  expect_nothing_lost(before, homes());
  EXPECT_GT(reason(XLVS_REASON_STATELESS) - stateless, 9000u);
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("full");
}

// Short connections one after another, more than the table has room for within their waiting times.
TEST_F(LoadTest, ClosedConnectionsGiveWay) {
  serve("TCP", "rr");
  for (std::uint32_t first = 0; first < 4 * 2 * kConns; first += kTogether)
    for (const std::uint8_t flags : {kSyn, kAck, std::uint8_t(kFin | kAck), kAck}) {
      Flood flood(*director_, tcp(flags), 1);
      flood.state().first = first;
      flood.run(FLOOD_INORDER, kTogether, kTogether);
      fall_silent();
    }
  EXPECT_EQ(reason(XLVS_REASON_STATELESS), 0u);
  EXPECT_EQ(reason(XLVS_REASON_NO_CONNECTION), 0u);
  EXPECT_GT(reason(XLVS_REASON_EVICTED), 0u);
  expect_exact_counts("after all");
}

// Replies of a NAT server find their way by the connection's entry alone.
TEST_F(LoadTest, AFullTableRefusesNatByName) {
  serve("TCP", "rr", model::Forward::kMasq);
  for (std::uint32_t first = 0; first < 4 * 2 * kConns; first += kTogether)
    for (const std::uint8_t flags : {kSyn, kAck}) {
      Flood flood(*director_, tcp(flags), 1);
      flood.state().first = first;
      flood.run(FLOOD_INORDER, kTogether, kTogether);
    }
  const std::uint64_t refused = reason(XLVS_REASON_NO_ROOM);
  Flood late(*director_, tcp(kSyn), 3);
  late.state().first = 100 * 2 * kConns;
  late.run(FLOOD_INORDER, 10000, 10000);
  EXPECT_GT(reason(XLVS_REASON_NO_ROOM) - refused, 9000u);
}

}  // namespace
}  // namespace xlvs::support
