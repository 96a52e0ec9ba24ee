// SPDX-License-Identifier: GPL-2.0-or-later
// Stage 5: each forwarding method, byte for byte, and what becomes of packets that cannot go on.
#include <cstring>
#include <set>

#include "abi/server.h"
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv6 kToVip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"};
const Eth kToServer{.dst = neighbour_mac(1, 10), .src = kServerMac};

Ipv4 hop_less(Ipv4 ip) {
  --ip.ttl;
  return ip;
}
Ipv6 hop_less(Ipv6 ip) {
  --ip.hop_limit;
  return ip;
}
Ipv4 may_fragment(Ipv4 ip) {
  ip.fragment = 0;
  return ip;
}

class ForwardTest : public DirectorTest {
 protected:
  /// One service of one real server, the only one of the table.
  void serve(const std::string& protocol, const std::string& vip, std::uint16_t port, const std::string& rip,
             Forward forward) {
    SetUp();
    const auto service = service_key(protocol, vip, port);
    add_service(service);
    add_server(service, server_key(rip, port), forwarded(forward));
  }
  void expect_out(const Bytes& in, const Bytes& out, std::uint32_t action = XDP_REDIRECT) {
    const Outcome r = agree(in);
    EXPECT_EQ(r.action, action);
    EXPECT_TRUE(same_bytes(r.out, out));
  }
};

TEST_F(ForwardTest, DirectRoutingChangesMacsAndHopsAlone) {
  serve("TCP", "192.0.2.10", 80, "192.168.1.10", Forward::kDirect);
  expect_out(Eth{} / kToVip / Tcp{} / payload(9), kToServer / hop_less(kToVip) / Tcp{} / payload(9));
}
TEST_F(ForwardTest, DirectRoutingOverIpv6) {
  serve("UDP", "2001:db8::10", 53, "fd00:1::10", Forward::kDirect);
  expect_out(Eth{} / kToVip6 / Udp{} / payload(9), kToServer / hop_less(kToVip6) / Udp{} / payload(9));
}
// A server behind the interface that the packet came in by: no redirect, the frame turns round.
TEST_F(ForwardTest, SendsBackOutOfTheSameInterface) {
  serve("TCP", "192.0.2.10", 80, "198.51.100.99", Forward::kDirect);
  expect_out(Eth{} / kToVip / Tcp{}, Eth{.dst = kGatewayMac, .src = kClientMac} / hop_less(kToVip) / Tcp{},
             XDP_TX);
}
TEST_F(ForwardTest, RoutesThroughAGateway) {
  serve("TCP", "192.0.2.10", 80, "192.168.3.5", Forward::kDirect);
  expect_out(Eth{} / kToVip / Tcp{},
             Eth{.dst = neighbour_mac(1, 30), .src = kServerMac} / hop_less(kToVip) / Tcp{});
}

TEST_F(ForwardTest, TunnelsIpv4InIpv4) {
  serve("TCP", "192.0.2.10", 80, "192.168.1.10", Forward::kTunnel);
  Ipv4 inner = kToVip;
  inner.tos = 0xb9;  // class of service and congestion marks go out too
  inner.ttl = 17;
  const Ipv4 outer{.src = "192.168.1.1", .dst = "192.168.1.10", .tos = 0xb9, .id = 0, .ttl = 16};
  expect_out(Eth{} / inner / Tcp{} / payload(9), kToServer / outer / hop_less(inner) / Tcp{} / payload(9));
}
TEST_F(ForwardTest, TunnelsIpv6InIpv6) {
  serve("TCP", "2001:db8::10", 80, "fd00:1::10", Forward::kTunnel);
  Ipv6 inner = kToVip6;
  inner.tclass = 0xb9;
  inner.flow_label = 0x12345;
  const Ipv6 outer{.src = "fd00:1::1", .dst = "fd00:1::10", .tclass = 0xb9, .hop_limit = 63};
  expect_out(Eth{} / inner / Tcp{} / payload(9), kToServer / outer / hop_less(inner) / Tcp{} / payload(9));
}
TEST_F(ForwardTest, TunnelsIpv4InIpv6) {
  serve("UDP", "192.0.2.10", 53, "fd00:1::10", Forward::kTunnel);
  const Ipv6 outer{.src = "fd00:1::1", .dst = "fd00:1::10", .hop_limit = 63};
  expect_out(Eth{} / kToVip / Udp{} / payload(9), kToServer / outer / hop_less(kToVip) / Udp{} / payload(9));
}
TEST_F(ForwardTest, TunnelsIpv6InIpv4) {
  serve("UDP", "2001:db8::10", 53, "192.168.1.10", Forward::kTunnel);
  const Bytes in = Eth{} / kToVip6 / Udp{} / payload(9);
  const Outcome r = agree(in);
  ASSERT_EQ(r.out.size(), in.size() + 20);
  const auto id = static_cast<std::uint16_t>(r.out[18] << 8 | r.out[19]);  // it may be fragmented: any id
  const Ipv4 outer{.src = "192.168.1.1", .dst = "192.168.1.10", .id = id, .fragment = 0, .ttl = 63};
  EXPECT_TRUE(same_bytes(r.out, kToServer / outer / hop_less(kToVip6) / Udp{} / payload(9)));
}
/// All tunnels but IPIP: type, port, flags.
struct Shim {
  model::TunnelType type;
  std::uint16_t port, flags;
  std::uint16_t length;  ///< bytes between outer and inner header
};
const Shim kShims[] = {{model::TunnelType::kGue, 6080, XLVS_TUN_F_NOCSUM, 12},
                       {model::TunnelType::kGue, 6081, XLVS_TUN_F_CSUM, 12},
                       {model::TunnelType::kGue, 6082, XLVS_TUN_F_REMCSUM, 12},
                       {model::TunnelType::kGre, 0, XLVS_TUN_F_NOCSUM, 4},
                       {model::TunnelType::kGre, 0, XLVS_TUN_F_CSUM, 8}};

// What agree() compares: headers, lengths, and every checksum computed anew over the whole frame.
TEST_F(ForwardTest, GueAndGreInAllMixturesOfFamilies) {
  for (const Shim& shim : kShims)
    for (const char* vip : {"192.0.2.10", "2001:db8::10"})
      for (const char* rip : {"192.168.1.10", "fd00:1::10"})
        for (const bool tcp : {true, false}) {
          SetUp();
          const bool v6 = std::strchr(vip, ':');
          const auto service = service_key(tcp ? "TCP" : "UDP", vip, 80);
          add_service(service);
          auto config = forwarded(Forward::kTunnel);
          config.tun_type = shim.type;
          config.tun_port = shim.port;
          config.tun_flags = shim.flags;
          add_server(service, server_key(rip, 80), config);
          const Frame ip = v6 ? Eth{} / kToVip6 : Eth{} / kToVip;
          for (const std::size_t size : {0u, 1u, 9u, 1201u}) {
            const Outcome r = tcp ? agree(ip / Tcp{} / payload(size)) : agree(ip / Udp{.dport = 80} / payload(size));
            EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_REDIRECT));
            const std::size_t outer = std::strchr(rip, ':') ? 54 : 34;
            if (shim.type == model::TunnelType::kGue) {
              EXPECT_GE(r.out[outer], 0xc0) << "a source port of the dynamic range";
            }
          }
          const std::size_t room = kMtu - (std::strchr(rip, ':') ? 40 : 20) - shim.length;
          const std::size_t headers = (v6 ? 40 : 20) + (tcp ? 20 : 8);
          const auto sized = [&](std::size_t n) -> Bytes {
            return tcp ? ip / Tcp{.flags = kAck} / payload(n) : ip / Udp{.dport = 80} / payload(n);
          };
          EXPECT_EQ(agree(sized(room - headers)).action, static_cast<std::uint32_t>(XDP_REDIRECT));
          const Outcome r = agree(sized(room - headers + 1));
          ASSERT_EQ(r.meta.size(), sizeof(xlvs_meta));
          xlvs_meta m{};
          std::memcpy(&m, r.meta.data(), sizeof m);
          EXPECT_EQ(m.info, room);
        }
}
// A flow keeps its port, flows differ.
TEST_F(ForwardTest, GueSpreadsFlowsBySourcePort) {
  const auto service = service_key("UDP", "192.0.2.10", 53);
  add_service(service);
  auto config = forwarded(Forward::kTunnel);
  config.tun_type = model::TunnelType::kGue;
  config.tun_port = 6080;
  add_server(service, server_key("192.168.1.10", 53), config);
  std::set<int> ports;
  for (std::uint16_t i = 0; i < 64; ++i) {
    const Bytes frame = Eth{} / kToVip / Udp{.sport = static_cast<std::uint16_t>(2000 + i)};
    const Outcome first = agree(frame), second = agree(frame);
    EXPECT_EQ(first.out[34] << 8 | first.out[35], second.out[34] << 8 | second.out[35]);
    ports.insert(first.out[34] << 8 | first.out[35]);
  }
  EXPECT_GT(ports.size(), 55u);
}
// A packet without a checksum of its own cannot lend it to the tunnel's.
TEST_F(ForwardTest, UdpWithoutAChecksumIsSummedByTheSlowPath) {
  for (const Shim& shim : kShims) {
    SetUp();
    const auto service = service_key("UDP", "192.0.2.10", 53);
    add_service(service);
    auto config = forwarded(Forward::kTunnel);
    config.tun_type = shim.type;
    config.tun_port = shim.port;
    config.tun_flags = shim.flags;
    add_server(service, server_key("192.168.1.10", 53), config);
    const Outcome r = agree(Eth{} / kToVip / Udp{.checksum = 0} / payload(9));
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(shim.flags ? XDP_PASS : XDP_REDIRECT));
  }
}

// Packets that may be fragmented on the way need ids that differ (RFC 6864).
TEST_F(ForwardTest, GivesFragmentableTunnelPacketsIdsOfTheirOwn) {
  serve("UDP", "192.0.2.10", 53, "192.168.1.10", Forward::kTunnel);
  std::set<int> ids;
  for (int i = 0; i < 16; ++i) {
    const Outcome r = agree(Eth{} / may_fragment(kToVip) / Udp{});
    ids.insert(r.out[18] << 8 | r.out[19]);
  }
  EXPECT_GT(ids.size(), 8u);
}

TEST_F(ForwardTest, UnknownNeighboursGoToTheSlowPathRewritten) {
  for (const Forward forward : {Forward::kDirect, Forward::kTunnel, Forward::kMasq})
    for (const bool v6 : {false, true}) {
      serve("TCP", v6 ? "2001:db8::10" : "192.0.2.10", 80, v6 ? "fd00:1::200" : "192.168.1.200", forward);
      const Frame ip = v6 ? Eth{} / kToVip6 : Eth{} / kToVip;
      for (const Bytes& frame : {(ip / Tcp{} / payload(1300)).bytes(), (ip / Tcp{.flags = kAck}).bytes()}) {
        const Outcome r = agree(frame);
        EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS));
        EXPECT_EQ(r.meta.size(), sizeof(xlvs_meta));
      }
      EXPECT_EQ(director().reasons()[XLVS_REASON_NEIGHBOUR], 2u);
    }
}
TEST_F(ForwardTest, AServerOnThisHostIsLeftToTheStack) {
  serve("TCP", "192.0.2.10", 80, "192.168.1.1", Forward::kDirect);
  const Bytes frame = Eth{} / kToVip / Tcp{};
  EXPECT_TRUE(same_bytes(agree(frame).out, frame));
  EXPECT_EQ(director().reasons()[XLVS_REASON_SERVER_LOCAL], 1u);
}
TEST_F(ForwardTest, SaysSoWhenThereIsNoRoute) {
  for (const Forward forward : {Forward::kDirect, Forward::kTunnel, Forward::kMasq}) {
    serve("TCP", "192.0.2.10", 80, "192.168.9.5", forward);
    EXPECT_EQ(agree(Eth{} / kToVip / Tcp{}).meta.size(), sizeof(xlvs_meta));
    EXPECT_EQ(director().reasons()[XLVS_REASON_NO_ROUTE], 1u);
  }
}

// What the client is told is in the metadata, which agree() compares; slowpath_test.cpp sees it sent.
TEST_F(ForwardTest, HopsUsedUpOweAnError) {
  for (const auto ttl : std::initializer_list<std::uint8_t>{0, 1}) {
    serve("TCP", "192.0.2.10", 80, "192.168.1.10", Forward::kDirect);
    Ipv4 last = kToVip;
    last.ttl = ttl;
    EXPECT_EQ(agree(Eth{} / last / Tcp{} / payload(9)).meta.size(), sizeof(xlvs_meta));
    EXPECT_EQ(director().reasons()[XLVS_REASON_TTL], 1u);
    serve("TCP", "2001:db8::10", 80, "fd00:1::10", Forward::kTunnel);
    Ipv6 last6 = kToVip6;
    last6.hop_limit = ttl;
    EXPECT_EQ(agree(Eth{} / last6 / Tcp{} / payload(9)).meta.size(), sizeof(xlvs_meta));
  }
}
TEST_F(ForwardTest, PacketsTooBigOweAnErrorWithWhatFits) {
  const struct {
    Forward forward;
    const char* rip;
    std::uint16_t room;  // the narrow network takes 1300 bytes
  } cases[] = {{Forward::kDirect, "192.168.2.10", 1300},
               {Forward::kMasq, "192.168.2.10", 1300},
               {Forward::kTunnel, "192.168.2.10", 1280},
               {Forward::kTunnel, "fd00:2::10", 1260}};
  for (const auto& c : cases) {
    serve("TCP", "192.0.2.10", 80, c.rip, c.forward);
    const std::size_t fits = c.room - 40u;
    EXPECT_EQ(agree(Eth{} / kToVip / Tcp{} / payload(fits)).action, static_cast<std::uint32_t>(XDP_REDIRECT));
    const Outcome r = agree(Eth{} / kToVip / Tcp{.flags = kAck} / payload(fits + 1));
    ASSERT_EQ(r.meta.size(), sizeof(xlvs_meta));
    xlvs_meta m{};
    std::memcpy(&m, r.meta.data(), sizeof m);
    EXPECT_EQ(m.info, c.room);
    const Bytes may_be_cut = Eth{} / may_fragment(kToVip) / Tcp{.flags = kAck} / payload(fits + 1);
    EXPECT_TRUE(same_bytes(agree(may_be_cut).out, may_be_cut));  // the slow path's
  }
}

}  // namespace
}  // namespace xlvs::support
