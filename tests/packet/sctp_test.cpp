// SPDX-License-Identifier: GPL-2.0-or-later
// SCTP: which chunks open and move connections, and the CRC32c under NAT, through tunnels and on the slow path.
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv4 kThere{.src = "198.51.100.7", .dst = "192.168.1.10", .ttl = 63};
const Ipv4 kReply{.src = "192.168.1.10", .dst = "198.51.100.7"};
const Eth kFromServer{.dst = kServerMac, .src = neighbour_mac(1, 10)},
    kToServer{.dst = neighbour_mac(1, 10), .src = kServerMac};
const auto kService = service_key("SCTP", "192.0.2.10", 36412);

class SctpTest : public DirectorTest {
 protected:
  void serve(Forward forward, std::uint16_t port = 36412) {
    add_service(kService);
    add_server(kService, server_key("192.168.1.10", port), forwarded(forward));
  }
  static Bytes from_client(std::uint16_t port, std::uint8_t chunk) {
    return Eth{} / kToVip / Sctp{.sport = port} / Chunk{.type = chunk};
  }
};

// Oracle: RFC 3720, B.4: CRC32c of 32 zero bytes.
TEST_F(SctpTest, TheTestsOwnChecksumIsCrc32c) { EXPECT_EQ(sctp_checksum(Bytes(32)), 0x8a9136aau); }
TEST_F(SctpTest, OnlyAnInitOpensAConnection) {
  serve(Forward::kDirect);
  for (int type = 0; type < 256; ++type) {
    const Bytes frame = from_client(static_cast<std::uint16_t>(2000 + type), static_cast<std::uint8_t>(type));
    EXPECT_EQ(agree(frame).action, static_cast<std::uint32_t>(type == kInit ? XDP_REDIRECT : XDP_PASS)) << type;
  }
  agree(from_client(20, kInit));  // FTP's data port
  EXPECT_EQ(director().reasons()[XLVS_REASON_NO_CONNECTION], 256u);
  expect_equal_counts(kService);
}
TEST_F(SctpTest, SloppySctpOpensByAllButAnAbort) {
  serve(Forward::kDirect);
  director().memory().control->settings[XLVS_SET_SLOPPY_SCTP] = 1;
  for (int type = 0; type < 256; ++type) {
    const Bytes frame = from_client(static_cast<std::uint16_t>(2000 + type), static_cast<std::uint8_t>(type));
    EXPECT_EQ(send(frame).action, static_cast<std::uint32_t>(type == kAbort ? XDP_PASS : XDP_REDIRECT)) << type;
  }
}
// Every sequence of three chunks by the client after its INIT, and under NAT of client and server.
TEST_F(SctpTest, EverySequenceOfChunksEndsInTheKernelsState) {
  constexpr std::uint8_t kTypes[] = {kData,     kInit,        kInitAck,          kCookieEcho, kCookieAck,
                                     kShutdown, kShutdownAck, kShutdownComplete, kError,      kAbort};
  serve(Forward::kDirect);
  const auto nat = service_key("SCTP", "192.0.2.10", 80);
  add_service(nat);
  add_server(nat, server_key("192.168.1.10", 80), forwarded(Forward::kMasq));
  std::uint16_t port = 1024;
  for (int sequence = 0; sequence < 2000 && !HasFailure(); ++sequence, ++port) {
    agree(from_client(port, kInit));
    agree(Eth{} / kToVip / Sctp{.sport = port, .dport = 80} / Chunk{.type = kInit});
    for (int step = 0, rest = sequence; step < 3; ++step, rest /= 10) {
      const Chunk chunk{.type = kTypes[rest % 10]};
      agree(Eth{} / kToVip / Sctp{.sport = port} / chunk);
      if ((sequence >> step) % 2)
        agree(Eth{} / kToVip / Sctp{.sport = port, .dport = 80} / chunk);
      else
        agree(kFromServer / kReply / Sctp{.sport = 80, .dport = port} / chunk, director().network().server);
    }
  }
  expect_equal_counts(kService);
  expect_equal_counts(nat);
  expect_equal_connections();
}
TEST_F(SctpTest, AnAbortBehindACookieCounts) {
  serve(Forward::kDirect);
  std::uint16_t port = 3000;
  for (const std::uint8_t first : {kCookieEcho, kCookieAck, kData, kShutdown})
    for (const std::size_t body : {0u, 1u, 4u, 1000u}) {
      agree(from_client(++port, kInit));
      agree(Eth{} / kToVip / Sctp{.sport = port} / Chunk{.type = first, .body = Bytes(body)} / Chunk{.type = kAbort});
    }
  expect_equal_counts(kService);
  expect_equal_connections();
}
// From 0 bytes behind the IP header on, with the frame padded or not; first without a connection.
TEST_F(SctpTest, TruncatedPacketsMoveNothing) {
  serve(Forward::kMasq, 8080);
  for (const bool known : {false, true}) {
    if (known) agree(from_client(40000, kInit));
    for (std::size_t n = 0; n < 40; ++n) {
      const Bytes whole = Frame{{Sctp{}}} / Chunk{.type = kCookieEcho, .body = Bytes(5)} / Chunk{.type = kAbort};
      Bytes body(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(std::min(n, whole.size())));
      Ipv4 ip = kToVip;
      ip.protocol = 132;
      Bytes frame = Eth{} / ip / Raw{body};
      agree(frame);
      frame.resize(frame.size() + 30, 0xee);
      agree(frame);
    }
  }
  expect_equal_connections();
}

// Each length that fits, so that every digit of a length is seen in the sum.
TEST_F(SctpTest, NatKeepsTheChecksumOfEveryLength) {
  serve(Forward::kMasq, 8080);
  agree(from_client(40000, kInit));
  for (std::size_t n = 0; n <= 1450 && !HasFailure(); ++n) {
    const Raw data = payload(n);
    const Outcome there = agree(Eth{} / kToVip / Sctp{} / data);
    EXPECT_TRUE(n < 4 || same_bytes(there.out, kToServer / kThere / Sctp{.dport = 8080} / data)) << n;
    const Outcome back =
        agree(kFromServer / kReply / Sctp{.sport = 8080, .dport = 40000} / data, director().network().server);
    EXPECT_EQ(wrong_checksum(back.out), std::nullopt) << n;
  }
}
TEST_F(SctpTest, NatKeepsTheChecksumBetweenAnyPorts) {
  add_service(kService);
  for (std::uint16_t port = 1; port < 0x8000; port = static_cast<std::uint16_t>(port * 2 + 1)) {
    const auto server = server_key("192.168.1.10", port);
    add_server(kService, server, forwarded(Forward::kMasq));
    const Outcome r = agree(from_client(static_cast<std::uint16_t>(port + 5000), kInit));
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_EQ(wrong_checksum(r.out), std::nullopt) << port;
    delete_server(kService, server);
  }
}
TEST_F(SctpTest, NatKeepsAnAbsentChecksumAbsentAndAWrongOneWrong) {
  serve(Forward::kMasq, 8080);
  agree(from_client(40000, kInit));
  const Chunk data{.type = kData};
  EXPECT_TRUE(same_bytes(agree(Eth{} / kToVip / Sctp{.checksum = 0} / data).out,
                         kToServer / kThere / Sctp{.dport = 8080, .checksum = 0} / data));
  for (const std::uint32_t wrong : {1u, 0x80000000u, 0x12345678u, 0xffffffffu})
    EXPECT_EQ(wrong_checksum(agree(Eth{} / kToVip / Sctp{.checksum = wrong} / data).out), "SCTP checksum");
}
TEST_F(SctpTest, NatTranslatesIpv6) {
  const auto service = service_key("SCTP", "2001:db8::10", 36412);
  add_service(service);
  add_server(service, server_key("fd00:1::10", 8080), forwarded(Forward::kMasq));
  const Chunk init{.type = kInit, .body = Bytes(16)};
  EXPECT_TRUE(same_bytes(agree(Eth{} / Ipv6{.src = "2001:db8:1::7", .dst = "2001:db8::10"} / Sctp{} / init).out,
                         kToServer / Ipv6{.src = "2001:db8:1::7", .dst = "fd00:1::10", .hop_limit = 63} /
                             Sctp{.dport = 8080} / init));
}
// A tunnel's own checksum cannot be derived from a CRC: the slow path sums all bytes.
TEST_F(SctpTest, TunnelsWithAChecksumAreSummedByHand) {
  add_service(kService);
  auto config = forwarded(Forward::kTunnel);
  config.tun_type = model::TunnelType::kGue;
  config.tun_port = 6080;
  add_server(kService, server_key("192.168.1.10", 36412), config);
  EXPECT_EQ(agree(from_client(40000, kInit)).action, static_cast<std::uint32_t>(XDP_REDIRECT));
  config.tun_flags = 1;
  edit_server(kService, server_key("192.168.1.10", 36412), config);
  EXPECT_EQ(agree(from_client(40000, kCookieEcho)).action, static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_EQ(director().reasons()[XLVS_REASON_BY_HAND], 1u);
}

}  // namespace
}  // namespace xlvs::support
