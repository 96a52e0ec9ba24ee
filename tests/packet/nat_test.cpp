// SPDX-License-Identifier: GPL-2.0-or-later
// NAT: addresses, ports and checksums there and back.
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv4 kThere{.src = "198.51.100.7", .dst = "192.168.1.10", .ttl = 63};
const Ipv4 kReply{.src = "192.168.1.10", .dst = "198.51.100.7"};
const Ipv4 kBack{.src = "192.0.2.10", .dst = "198.51.100.7", .ttl = 63};
const Eth kFromServer{.dst = kServerMac, .src = neighbour_mac(1, 10)},
    kToServer{.dst = neighbour_mac(1, 10), .src = kServerMac},
    kToClient{.dst = kGatewayMac, .src = kClientMac};
constexpr std::uint8_t kSynAck = kSyn | kAck;

class NatTest : public DirectorTest {
 protected:
  model::ServiceKey serve(const std::string& protocol, std::uint16_t port, std::uint16_t server_port) {
    const auto service = service_key(protocol, "192.0.2.10", port);
    add_service(service);
    add_server(service, server_key("192.168.1.10", server_port), forwarded(Forward::kMasq));
    return service;
  }
  void expect_out(const Bytes& in, const Bytes& out) {
    const Outcome r = agree(in);
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_TRUE(same_bytes(r.out, out));
  }
  void expect_back(const Bytes& in, const Bytes& out) {
    const Outcome r = agree(in, director().network().server);
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_TRUE(same_bytes(r.out, out));
  }
};

TEST_F(NatTest, TranslatesTcpThereAndBack) {
  const auto service = serve("TCP", 80, 8080);
  expect_out(Eth{} / kToVip / Tcp{} / payload(9), kToServer / kThere / Tcp{.dport = 8080} / payload(9));
  expect_back(kFromServer / kReply / Tcp{.sport = 8080, .dport = 40000, .flags = kSynAck},
              kToClient / kBack / Tcp{.sport = 80, .dport = 40000, .flags = kSynAck});
  expect_equal_counts(service);
}
TEST_F(NatTest, TranslatesUdpThereAndBack) {
  const auto service = serve("UDP", 53, 5353);
  expect_out(Eth{} / kToVip / Udp{} / payload(9), kToServer / kThere / Udp{.dport = 5353} / payload(9));
  expect_back(kFromServer / kReply / Udp{.sport = 5353, .dport = 40000} / payload(3),
              kToClient / kBack / Udp{.sport = 53, .dport = 40000} / payload(3));
  expect_equal_counts(service);
}
TEST_F(NatTest, TranslatesIpv6ThereAndBack) {
  const auto service = service_key("TCP", "2001:db8::10", 80);
  add_service(service);
  add_server(service, server_key("fd00:1::10", 8080), forwarded(Forward::kMasq));
  expect_out(Eth{} / Ipv6{.src = "2001:db8:1::7", .dst = "2001:db8::10"} / Tcp{} / payload(9),
             kToServer / Ipv6{.src = "2001:db8:1::7", .dst = "fd00:1::10", .hop_limit = 63} /
                 Tcp{.dport = 8080} / payload(9));
  expect_back(
      kFromServer / Ipv6{.src = "fd00:1::10", .dst = "2001:db8:1::7"} / Tcp{.sport = 8080, .dport = 40000},
      kToClient / Ipv6{.src = "2001:db8::10", .dst = "2001:db8:1::7", .hop_limit = 63} /
          Tcp{.sport = 80, .dport = 40000});
  expect_equal_counts(service);
}
// As kernel IPVS, whose newer connections stand in front (tests/e2e/same_port.sh runs on both).
TEST_F(NatTest, RepliesBelongToTheNewestConnectionOfAPort) {
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 81, 82}) {
    serve("TCP", port, 8080);
    const auto v6 = service_key("TCP", "2001:db8::10", port);
    add_service(v6);
    add_server(v6, server_key("fd00:1::10", 8080), forwarded(Forward::kMasq));
  }
  const Ipv6 to_vip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"},
      reply6{.src = "fd00:1::10", .dst = "2001:db8:1::7"};
  const auto answer = [&](std::uint16_t client) {
    const Tcp tcp{.sport = 8080, .dport = client, .flags = kSynAck};
    for (const Bytes& frame : {(kFromServer / kReply / tcp).bytes(), (kFromServer / reply6 / tcp).bytes()}) {
      const Outcome r = agree(frame, director().network().server);
      EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    }
  };
  const auto ask = [&](std::uint16_t client, std::uint16_t port, std::uint8_t flags) {
    agree(Eth{} / kToVip / Tcp{.sport = client, .dport = port, .flags = flags});
    agree(Eth{} / to_vip6 / Tcp{.sport = client, .dport = port, .flags = flags});
    answer(client);
  };
  for (std::uint16_t client = 20000; client < 20100; ++client) {
    ask(client, 80, kSyn);
    ask(client, 81, kSyn);
    ask(client, 80, kAck);  // an old one stays old
    ask(client, 82, kSyn);
    ask(client, 80, kRst);
    ask(client, 80, kSyn);  // opens anew
  }
}
TEST_F(NatTest, KeepsAnAbsentUdpChecksumAbsent) {
  serve("UDP", 53, 5353);
  expect_out(Eth{} / kToVip / Udp{.checksum = 0} / payload(9),
             kToServer / kThere / Udp{.dport = 5353, .checksum = 0} / payload(9));
}
// A payload whose new checksum comes out as 0 must say ffff; found by trying all of two bytes.
TEST_F(NatTest, WritesAZeroUdpChecksumAsOnes) {
  serve("UDP", 53, 5353);
  int found = 0;
  for (std::uint32_t word = 0; word < 65536; ++word) {
    const Raw data{{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)}};
    const Bytes out = kToServer / kThere / Udp{.dport = 5353} / data;
    if (out[40] != 0xff || out[41] != 0xff) continue;
    ++found;
    expect_out(Eth{} / kToVip / Udp{} / data, out);
  }
  EXPECT_GE(found, 1);
}
// The other way round: what comes in as ffff.
TEST_F(NatTest, TakesAUdpChecksumOfOnes) {
  serve("UDP", 53, 5353);
  for (std::uint32_t word = 0; word < 65536; ++word) {
    const Raw data{{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)}};
    const Bytes in = Eth{} / kToVip / Udp{} / data;
    if (in[40] == 0xff && in[41] == 0xff) expect_out(in, kToServer / kThere / Udp{.dport = 5353} / data);
  }
}
TEST_F(NatTest, LeavesAWrongChecksumWrongByTheSame) {
  serve("TCP", 80, 8080);
  for (const auto wrong : std::initializer_list<std::uint16_t>{0x0000, 0x0001, 0x1234, 0xfffe, 0xffff})
    EXPECT_NE(wrong_checksum(agree(Eth{} / kToVip / Tcp{.checksum = wrong}).out), std::nullopt);
}
TEST_F(NatTest, PassesWhatAServerSendsOnItsOwn) {
  serve("TCP", 80, 8080);
  agree(Eth{} / kToVip / Tcp{});
  for (const Bytes& frame : {(kFromServer / kReply / Tcp{.sport = 8081, .dport = 40000}).bytes(),
                             (kFromServer / kReply / Tcp{.sport = 8080, .dport = 40001}).bytes(),
                             (kFromServer / kReply / Udp{.sport = 8080, .dport = 40000}).bytes()}) {
    const Outcome r = agree(frame, director().network().server);
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_TRUE(same_bytes(r.out, frame));
  }
}
// A client behind the director's other legs: the reply leaves by the client's route.
TEST_F(NatTest, SendsRepliesByTheClientsRoute) {
  serve("TCP", 80, 8080);
  const Ipv4 from_narrow{.src = "192.168.2.11", .dst = "192.0.2.10"};
  agree(Eth{.dst = kNarrowMac} / from_narrow / Tcp{}, director().network().narrow);
  const Ipv4 reply{.src = "192.168.1.10", .dst = "192.168.2.11"},
      back{.src = "192.0.2.10", .dst = "192.168.2.11", .ttl = 63};
  const Eth to_narrow{.dst = neighbour_mac(2, 11), .src = kNarrowMac};
  expect_back(kFromServer / reply / Tcp{.sport = 8080, .dport = 40000, .flags = kSynAck},
              to_narrow / back / Tcp{.sport = 80, .dport = 40000, .flags = kSynAck});
}
// What the stack must answer itself stays as it came: hops used up, too big for the client's leg.
TEST_F(NatTest, LeavesRepliesThatNeedAnErrorToTheStack) {
  serve("TCP", 80, 8080);
  agree(Eth{.dst = kNarrowMac} / Ipv4{.src = "192.168.2.11", .dst = "192.0.2.10"} / Tcp{},
        director().network().narrow);
  const Ipv4 reply{.src = "192.168.1.10", .dst = "192.168.2.11"};
  Ipv4 last = reply;
  last.ttl = 1;
  for (const Bytes& frame :
       {(kFromServer / last / Tcp{.sport = 8080, .dport = 40000, .flags = kAck}).bytes(),
        (kFromServer / reply / Tcp{.sport = 8080, .dport = 40000, .flags = kAck} / payload(1300)).bytes()}) {
    const Outcome r = agree(frame, director().network().server);
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_TRUE(same_bytes(r.out, frame));
  }
  EXPECT_EQ(director().reasons()[XLVS_REASON_REPLY], 2u);
}

}  // namespace
}  // namespace xlvs::support
