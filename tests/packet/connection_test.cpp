// SPDX-License-Identifier: GPL-2.0-or-later
// Connections: picks, states, counts, deletion, and what happens when the table is full.
#include <fmt/format.h>

#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const model::ServiceKey kWeb = service_key("TCP", "192.0.2.10", 80),
                        kDns = service_key("UDP", "192.0.2.10", 53);
const Eth kFrame;

Ipv4 client(int n) {
  return {.src = fmt::format("198.51.{}.{}", 100 + n / 250, n % 250 + 1), .dst = "192.0.2.10"};
}

class ConnectionTest : public DirectorTest {
 protected:
  /// Servers 192.168.1.10, .11 ..., added in this order.
  void serve(const model::ServiceKey& service, const std::string& scheduler, const std::vector<int>& weights,
             Forward forward = Forward::kDirect) {
    add_service(service, scheduler);
    for (std::size_t i = 0; i < weights.size(); ++i)
      add_server(service, server(static_cast<int>(i), service), forwarded(forward, weights[i]));
  }
  static model::ServerKey server(int i, const model::ServiceKey& service) {
    return server_key(fmt::format("192.168.1.{}", 10 + i), service.port);
  }
  /// The last digit of the real server that a packet went to, by its MAC address; -1 = none.
  static int picked(const Outcome& r) { return r.action == XDP_REDIRECT ? r.out[5] - 10 : -1; }
  std::vector<int> picks(const model::ServiceKey& service, int n, std::uint16_t from_port) {
    std::vector<int> all;
    for (int i = 0; i < n; ++i) {
      const auto port = static_cast<std::uint16_t>(from_port + i);
      const Frame ip = kFrame / client(1);
      all.push_back(
          picked(agree(service.protocol == model::Protocol::kTcp ? (ip / Tcp{.sport = port}).bytes()
                                                                 : (ip / Udp{.sport = port}).bytes())));
    }
    return all;
  }
  model::Server listed(const model::ServiceKey& service, std::size_t at = 0) {
    return (*table().servers(service))[at];
  }
};

// Oracle: ipvs-reference.md, part D: added 1, 2, 3, the kernel picked 3 2 1 3 2 1.
TEST_F(ConnectionTest, RoundRobinBeginsWithTheNewestServer) {
  serve(kDns, "rr", {1, 1, 1});
  EXPECT_EQ(picks(kDns, 6, 2000), (std::vector{2, 1, 0, 2, 1, 0}));
}
// Oracle: the same, weights 1, 2, 3: 3 2 1 3 3 2 3 2 1 3 3 2.
TEST_F(ConnectionTest, WeightedRoundRobinHasTheKernelsPhase) {
  serve(kDns, "wrr", {1, 2, 3});
  EXPECT_EQ(picks(kDns, 12, 2030), (std::vector{2, 1, 0, 2, 2, 1, 2, 1, 0, 2, 2, 1}));
}
// Oracle: the same, wlc with SYNs alone: 3 2 1 3 2 3.
TEST_F(ConnectionTest, WeightedLeastConnectionPicksAsTheKernel) {
  serve(kWeb, "wlc", {1, 2, 3});
  EXPECT_EQ(picks(kWeb, 6, 2000), (std::vector{2, 1, 0, 2, 1, 2}));
  expect_equal_counts(kWeb);
}
TEST_F(ConnectionTest, QuiescedServersGetNoNewConnectionsAndKeepOld) {
  serve(kWeb, "rr", {1, 1});
  EXPECT_EQ(picks(kWeb, 2, 3000), (std::vector{1, 0}));
  edit_server(kWeb, server(1, kWeb), forwarded(Forward::kDirect, 0));
  EXPECT_EQ(picks(kWeb, 3, 4000), (std::vector{0, 0, 0}));
  EXPECT_EQ(picked(agree(kFrame / client(1) / Tcp{.sport = 3000, .flags = kAck})), 1);
  expect_equal_counts(kWeb);
}
TEST_F(ConnectionTest, OverloadedServersAreSkipped) {
  add_service(kWeb, "rr");
  model::ServerConfig limited = forwarded(Forward::kDirect);
  limited.upper = 3;
  add_server(kWeb, server(0, kWeb), limited);
  add_server(kWeb, server(1, kWeb), limited);
  picks(kWeb, 6, 3000);
  EXPECT_EQ(listed(kWeb, 0).active, 3u);
  EXPECT_EQ(listed(kWeb, 1).active, 3u);
  agree(kFrame / client(2) / Tcp{});  // both are full
  EXPECT_EQ(director().reasons()[XLVS_REASON_NO_SERVER], 1u);
}
TEST_F(ConnectionTest, NobodyWhoServesOwesAnError) {
  add_service(kWeb);
  EXPECT_EQ(agree(kFrame / client(1) / Tcp{} / payload(9)).meta.size(), sizeof(xlvs_meta));
  const auto web6 = service_key("TCP", "2001:db8::10", 80);
  add_service(web6);
  const Ipv6 to_vip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"};
  EXPECT_EQ(agree(kFrame / to_vip6 / Tcp{}).meta.size(), sizeof(xlvs_meta));
}
TEST_F(ConnectionTest, OnlyFirstPacketsOpenConnections) {
  serve(kWeb, "rr", {1});
  for (const auto flags :
       std::initializer_list<std::uint8_t>{0, kAck, kFin, kRst, kFin | kAck, kRst | kAck, kRst | kSyn}) {
    const Bytes frame = kFrame / client(1) / Tcp{.flags = flags};
    EXPECT_TRUE(same_bytes(agree(frame).out, frame));
  }
  EXPECT_EQ(director().reasons()[XLVS_REASON_NO_CONNECTION], 7u);
  const Bytes from_ftp_data = kFrame / client(1) / Tcp{.sport = 20};
  EXPECT_TRUE(same_bytes(agree(from_ftp_data).out, from_ftp_data));
  EXPECT_EQ(agree(kFrame / client(1) / Tcp{.flags = kSyn | kAck}).action,
            static_cast<std::uint32_t>(XDP_REDIRECT));
}

TEST_F(ConnectionTest, UdpIsInactive) {
  serve(kDns, "rr", {1});
  for (int i = 0; i < 3; ++i) agree(kFrame / client(1) / Udp{});
  EXPECT_EQ(listed(kDns).active, 0u);
  EXPECT_EQ(listed(kDns).inactive, 1u);
  EXPECT_EQ(listed(kDns).stats.in_pkts, 3u);
  EXPECT_EQ(listed(kDns).stats.in_bytes, 3u * 28);
  expect_equal_counts(kDns);
}
TEST_F(ConnectionTest, TcpMovesBetweenActiveAndInactive) {
  serve(kWeb, "rr", {1});
  const struct {
    std::uint8_t flags;
    std::uint32_t active, inactive;
  } steps[] = {{kSyn, 1, 0}, {kAck, 1, 0}, {kAck | kPsh, 1, 0}, {kFin | kAck, 0, 1},
               {kAck, 0, 1}, {kRst, 0, 1}, {kSyn, 1, 0}};
  for (const auto& s : steps) {
    agree(kFrame / client(1) / Tcp{.flags = s.flags});
    EXPECT_EQ(listed(kWeb).active, s.active) << "after flags " << int{s.flags};
    EXPECT_EQ(listed(kWeb).inactive, s.inactive) << "after flags " << int{s.flags};
  }
  expect_equal_counts(kWeb);
}
// Every sequence of four packets by the client, and for NAT of client and server, against the kernel's
// tables.
TEST_F(ConnectionTest, EverySequenceOfFlagsEndsInTheKernelsState) {
  constexpr std::uint8_t kEvents[] = {kSyn, kFin | kAck, kAck, kRst, 0};
  serve(kWeb, "rr", {1});
  const auto nat = service_key("TCP", "192.0.2.10", 8080);
  serve(nat, "rr", {1}, Forward::kMasq);
  std::uint16_t port = 1024;
  for (int sequence = 0; sequence < 5 * 5 * 5 * 5 && !HasFailure(); ++sequence, ++port) {
    agree(kFrame / client(1) / Tcp{.sport = port});
    agree(kFrame / client(1) / Tcp{.sport = port, .dport = 8080});
    for (int step = 0, rest = sequence; step < 4; ++step, rest /= 5) {
      const std::uint8_t flags = kEvents[rest % 5];
      agree(kFrame / client(1) / Tcp{.sport = port, .flags = flags});
      if ((sequence + step) % 2)
        agree(kFrame / client(1) / Tcp{.sport = port, .dport = 8080, .flags = flags});
      else
        agree(Eth{.dst = kServerMac} / Ipv4{.src = "192.168.1.10", .dst = client(1).src} /
                  Tcp{.sport = 8080, .dport = port, .flags = flags},
              director().network().server);
    }
    expect_equal_counts(kWeb);
    expect_equal_counts(nat);
  }
  expect_equal_connections();
}

TEST_F(ConnectionTest, DropsPacketsToADeletedServerUntilItComesBack) {
  serve(kWeb, "rr", {1, 1});
  EXPECT_EQ(picks(kWeb, 2, 3000), (std::vector{1, 0}));
  delete_server(kWeb, server(1, kWeb));
  const Bytes established = kFrame / client(1) / Tcp{.sport = 3000, .flags = kAck};
  EXPECT_EQ(agree(established).action, static_cast<std::uint32_t>(XDP_DROP));
  EXPECT_EQ(director().reasons()[XLVS_REASON_SERVER_GONE], 1u);
  EXPECT_EQ(picks(kWeb, 2, 4000), (std::vector{0, 0}));
  add_server(kWeb, server(1, kWeb), forwarded(Forward::kDirect));
  EXPECT_EQ(picked(agree(established)), 1);
  EXPECT_EQ(listed(kWeb).active, 1u) << "its count came back from the trash";
  expect_equal_counts(kWeb);
}
/// A service that kernel IPVS has taken over: XDP goes on with the connections that it has, and with no others.
TEST_F(ConnectionTest, GoesOnWithConnectionsOfAServiceThatMoved) {
  serve(kWeb, "rr", {1, 1});
  EXPECT_EQ(picks(kWeb, 2, 3000), (std::vector{1, 0}));
  const Bytes first = kFrame / client(1) / Tcp{.sport = 3000, .flags = kAck};
  const Bytes second = kFrame / client(1) / Tcp{.sport = 3001, .flags = kAck};
  const Bytes fresh = kFrame / client(1) / Tcp{.sport = 3002, .flags = kSyn};
  EXPECT_TRUE(table().hand_over(kWeb));
  EXPECT_EQ(director().memory().control->services, XLVS_SERVICES_IPV4);
  EXPECT_EQ(send(first).action, static_cast<std::uint32_t>(XDP_REDIRECT));
  EXPECT_EQ(send(second).action, static_cast<std::uint32_t>(XDP_REDIRECT));
  const Outcome passed = send(fresh);
  EXPECT_EQ(passed.action, static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_TRUE(same_bytes(passed.out, fresh));
  EXPECT_TRUE(table().linger([](const auto&, const model::ServerKey& s) { return s == server(0, kWeb); }));
  EXPECT_EQ(send(first).action, static_cast<std::uint32_t>(XDP_DROP));
  EXPECT_EQ(send(second).action, static_cast<std::uint32_t>(XDP_REDIRECT));
  EXPECT_TRUE(table().linger([](const auto&, const auto&) { return false; }));
  EXPECT_EQ(send(second).action, static_cast<std::uint32_t>(XDP_PASS)) << "the table is off";
}
TEST_F(ConnectionTest, AnEditOfTheMethodLeavesOldConnectionsTheirs) {
  serve(kWeb, "rr", {1});
  agree(kFrame / client(1) / Tcp{});
  edit_server(kWeb, server(0, kWeb), forwarded(Forward::kTunnel));
  EXPECT_EQ(agree(kFrame / client(1) / Tcp{.flags = kAck}).out.size(), 54u);
  EXPECT_EQ(agree(kFrame / client(2) / Tcp{}).out.size(), 74u);
}
TEST_F(ConnectionTest, ExpiredConnectionsAreNoConnections) {
  serve(kWeb, "rr", {1, 1});
  const Bytes ack = kFrame / client(1) / Tcp{.flags = kAck};
  agree(kFrame / client(1) / Tcp{});
  for (auto& bucket : director().memory().conns4)
    for (auto& way : bucket.way)
      if (way.c.meta & XLVS_CONN_F_LIVE) way.c.expires -= 0x40000000;
  const Outcome r = send(ack);
  EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_TRUE(same_bytes(r.out, ack));
}

class FullTableTest : public ConnectionTest {
 protected:
  static int places() { return static_cast<int>(director().memory().conns4.size()) * XLVS_CONN_WAYS; }
  Bytes packet(int flow, std::uint8_t flags) {
    return kFrame / client(flow % 5000) /
           Tcp{.sport = static_cast<std::uint16_t>(1024 + flow / 5000), .flags = flags};
  }
  template <typename F>
  void each_live(F f) {
    for (auto& bucket : director().memory().conns4)
      for (auto& way : bucket.way)
        if ((way.c.meta & XLVS_CONN_F_LIVE) != 0) f(way.c);
  }
  std::uint32_t live() {
    std::uint32_t n = 0;
    each_live([&n](const xlvs_conn&) { ++n; });
    return n;
  }
  /// Opens these flows up to the client's ACK.
  void establish(int first, int end) {
    for (int flow = first; flow < end; ++flow) {
      const int server = picked(send(packet(flow, kSyn)));
      ASSERT_GE(server, 0);
      ASSERT_EQ(picked(send(packet(flow, kAck))), server);
    }
  }
};

// Who has nothing more to say may still listen: a flood takes no download from under a client that closed its side.
TEST_F(FullTableTest, AFloodTakesNoDownloadWhoseClientHasClosed) {
  serve(kWeb, "rr", {1, 1, 1});
  constexpr int kDownloads = 2000;
  establish(0, kDownloads);
  std::vector<int> servers;
  for (int flow = 0; flow < kDownloads; ++flow) servers.push_back(picked(send(packet(flow, kFin | kAck))));
  int next = kDownloads;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < places() / 5; ++i) ASSERT_GE(picked(send(packet(next++, kSyn))), 0);
    for (int flow = 0; flow < kDownloads; ++flow)
      ASSERT_EQ(picked(send(packet(flow, kAck))), servers[static_cast<std::size_t>(flow)]);
  }
  EXPECT_GT(director().reasons()[XLVS_REASON_EVICTED], 1000u);
}

// What is over gives way to new connections, in each state that says so, and one that goes on does not.
TEST_F(FullTableTest, ConnectionsThatAreOverGiveWay) {
  serve(kWeb, "rr", {1});
  const int flows = places() + places() / 10;
  establish(0, flows);
  int next = flows;
  for (const xlvs_tcp_state state : {XLVS_TCP_ESTABLISHED, XLVS_TCP_CLOSE_WAIT, XLVS_TCP_FIN_WAIT,
                                     XLVS_TCP_TIME_WAIT, XLVS_TCP_CLOSE, XLVS_TCP_LAST_ACK}) {
    const bool over = state != XLVS_TCP_ESTABLISHED && state != XLVS_TCP_CLOSE_WAIT;
    const std::uint32_t ago = state == XLVS_TCP_FIN_WAIT ? xlvs_seconds_to_ticks(4) : 0;  // quiet since
    const auto* control = director().memory().control;
    each_live([&](xlvs_conn& c) {
      const std::uint32_t fresh = c.expires - control->timeouts[XLVS_TIMEOUT_TCP][XLVS_CONN_STATE(c.meta)];
      c.meta = (c.meta & ~XLVS_CONN_STATE_MASK) | static_cast<std::uint32_t>(state) << 8;
      c.expires = fresh + control->timeouts[XLVS_TIMEOUT_TCP][state] - ago;
    });
    const std::uint64_t stateless = director().reasons()[XLVS_REASON_STATELESS];
    establish(next, next + 1000);
    next += 1000;
    const std::uint64_t without = director().reasons()[XLVS_REASON_STATELESS] - stateless;
    if (over)
      EXPECT_EQ(without, 0u) << state;
    else
      EXPECT_GT(without, 1000u) << state;
  }
}

// A flood of SYNs over a third of the table established: not one of those is lost, no SYN is dropped, and
// the counts are those of the table.
TEST_F(FullTableTest, AFloodTakesNoEstablishedConnection) {
  serve(kWeb, "rr", {1, 1, 1});
  std::vector<int> servers;
  for (int flow = 0; flow < 7000; ++flow) {
    servers.push_back(picked(send(packet(flow, kSyn))));
    EXPECT_EQ(picked(send(packet(flow, kAck))), servers.back());
  }
  for (int flow = 7000; flow < 7000 + 2 * places(); ++flow) ASSERT_GE(picked(send(packet(flow, kSyn))), 0);
  for (int flow = 0; flow < 7000; ++flow)
    ASSERT_EQ(picked(send(packet(flow, kAck))), servers[static_cast<std::size_t>(flow)]);
  EXPECT_GT(director().reasons()[XLVS_REASON_EVICTED], 1000u);
  std::uint32_t counted = 0;
  for (std::size_t i = 0; i < 3; ++i) counted += listed(kWeb, i).active + listed(kWeb, i).inactive;
  EXPECT_EQ(counted, live());
}

// A table full of established connections: new ones are forwarded by hash, each packet to the same server.
TEST_F(FullTableTest, WithoutRoomFlowsAreForwardedWithoutState) {
  serve(kWeb, "rr", {1, 1, 1});
  const int flows = places() + places() / 10;
  for (int flow = 0; flow < flows; ++flow) {
    const int server = picked(send(packet(flow, kSyn)));
    ASSERT_GE(server, 0);
    ASSERT_EQ(picked(send(packet(flow, kAck))), server);
  }
  const std::uint64_t stateless = director().reasons()[XLVS_REASON_STATELESS];
  EXPECT_GE(stateless, static_cast<std::uint64_t>(2 * (flows - places())));
  EXPECT_EQ(director().reasons()[XLVS_REASON_EVICTED], 0u);
  EXPECT_EQ(live() + stateless / 2, static_cast<std::uint64_t>(flows));
  std::uint32_t active = 0;
  for (std::size_t i = 0; i < 3; ++i) active += listed(kWeb, i).active;
  EXPECT_EQ(active, live());
}

}  // namespace
}  // namespace xlvs::support
