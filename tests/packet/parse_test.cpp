// SPDX-License-Identifier: GPL-2.0-or-later
// Stage 1: what concerns us, what is left to the stack, and frames cut at every byte.
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const model::ServiceKey kWeb = service_key("TCP", "192.0.2.10", 80),
                        kWeb6 = service_key("TCP", "2001:db8::10", 80);
const model::ServiceKey kDns = service_key("UDP", "192.0.2.10", 53),
                        kDns6 = service_key("UDP", "2001:db8::10", 53);
const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv6 kToVip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"};

template <typename Change>
auto with(auto header, Change change) {
  change(header);
  return header;
}

class ParseTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorTest::SetUp();
    for (const auto& key : {kWeb, kDns, kWeb6, kDns6}) {
      const bool v6 = key.family == model::Family::kInet6;
      add_service(key);
      add_server(key, server_key(v6 ? "fd00:1::10" : "192.168.1.10", key.port), forwarded(Forward::kDirect));
      add_server(key, server_key(v6 ? "fd00:1::11" : "192.168.1.11", key.port), forwarded(Forward::kMasq));
      add_server(key, server_key(v6 ? "192.168.1.12" : "fd00:1::12", key.port), forwarded(Forward::kTunnel));
    }
  }
  void expect_passed(const Bytes& frame, xlvs_reason reason) {
    const std::uint64_t before = director().reasons()[reason];
    const Outcome r = agree(frame);
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS)) << hexdump(frame);
    EXPECT_TRUE(same_bytes(r.out, frame));
    EXPECT_EQ(director().reasons()[reason] - before, 1u) << hexdump(frame);
  }
};

TEST_F(DirectorTest, PassesEverythingWhileNoServiceIsDefined) {
  const Bytes frame = Eth{} / kToVip / Tcp{};
  EXPECT_TRUE(same_bytes(agree(frame).out, frame));
  EXPECT_EQ(director().reasons()[XLVS_REASON_OFF], 1u);
}

TEST_F(DirectorTest, LeavesATableOfAnotherAbiAlone) {
  add_service(kWeb);
  director().memory().control->abi = XLVS_ABI_VERSION + 1;
  const Bytes frame = Eth{} / kToVip / Tcp{};
  const Outcome r = send(frame);
  EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_TRUE(same_bytes(r.out, frame));
  EXPECT_EQ(director().reasons()[XLVS_REASON_ABI], 1u);
}

// IPVS takes PACKET_HOST only: on a flooded network two directors would pass a packet to and fro.
TEST_F(ParseTest, PassesFramesForOtherHostsAndGroups) {
  for (const Mac& dst : {Mac{0x02, 0, 0, 0, 0xc0, 0x02}, Mac{0x03, 0, 0, 0, 0xc0, 0x01},
                         Mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Mac{0x01, 0x00, 0x5e, 0, 0, 1},
                         Mac{0x00, 0x00, 0x5e, 0, 0x03, 0x01}}) {
    expect_passed(Eth{.dst = dst} / kToVip / Tcp{}, XLVS_REASON_OTHER_HOST);
    expect_passed(Eth{.dst = dst} / kToVip6 / Tcp{}, XLVS_REASON_OTHER_HOST);
  }
  for (const std::uint8_t family : {std::uint8_t{1}, std::uint8_t{2}})
    EXPECT_EQ(agree(Eth{.dst = {0x00, 0x00, 0x5e, 0, family, 0x33}} / kToVip / Tcp{}).action,
              static_cast<std::uint32_t>(XDP_REDIRECT));
}

TEST_F(ParseTest, PassesOtherAddressesUntouched) {
  for (const char* dst : {"192.0.2.11", "224.0.0.1", "255.255.255.255", "0.0.0.0"})
    expect_passed(Eth{} / Ipv4{.src = "198.51.100.7", .dst = dst} / Tcp{}, XLVS_REASON_NOT_OURS);
  for (const char* dst : {"2001:db8::11", "ff02::1", "::"})
    expect_passed(Eth{} / Ipv6{.src = "2001:db8:1::7", .dst = dst} / Udp{}, XLVS_REASON_NOT_OURS);
}

TEST_F(ParseTest, PassesOtherPortsOfAVirtualAddress) {
  expect_passed(Eth{} / kToVip / Tcp{.dport = 81}, XLVS_REASON_NOT_OURS);
  expect_passed(Eth{} / kToVip / Tcp{.dport = 53}, XLVS_REASON_NOT_OURS);
  expect_passed(Eth{} / kToVip6 / Udp{.dport = 80}, XLVS_REASON_NOT_OURS);
}

TEST_F(ParseTest, PassesOtherEtherTypes) {
  expect_passed(Eth{.type = 0x0806} / payload(46), XLVS_REASON_NOT_IP);
  expect_passed(Eth{} / Vlan{.id = 7} / kToVip / Tcp{}, XLVS_REASON_NOT_IP);
  expect_passed(Eth{.type = 0x88a8} / Vlan{} / Vlan{} / kToVip6 / Tcp{}, XLVS_REASON_NOT_IP);
}

TEST_F(ParseTest, PassesOtherProtocolsToAVirtualAddress) {
  expect_passed(Eth{} / kToVip / Icmp{} / payload(56), XLVS_REASON_PROTOCOL);
  expect_passed(Eth{} / kToVip6 / Icmp{.type = 128} / payload(56), XLVS_REASON_PROTOCOL);
  for (const auto proto : std::initializer_list<std::uint8_t>{4, 41, 47, 50, 253}) {
    expect_passed(Eth{} / with(kToVip, [&](auto& ip) { ip.protocol = proto; }) / payload(64),
                  XLVS_REASON_PROTOCOL);
    expect_passed(Eth{} / with(kToVip6, [&](auto& ip) { ip.next = proto; }) / payload(64),
                  XLVS_REASON_PROTOCOL);
  }
}

TEST_F(ParseTest, PassesIpv4OptionsAndIpv6ExtensionHeaders) {
  expect_passed(Eth{} / with(kToVip, [](auto& ip) { ip.options = Bytes(4, 1); }) / Tcp{},
                XLVS_REASON_IP_OPTIONS);
  for (const auto next : std::initializer_list<std::uint8_t>{0, 43, 51, 60})
    expect_passed(Eth{} / with(kToVip6, [&](auto& ip) { ip.next = next; }) / payload(64),
                  XLVS_REASON_IP_OPTIONS);
}

TEST_F(ParseTest, PassesFragments) {
  for (const auto fragment : std::initializer_list<std::uint16_t>{0x2000, 0x2010, 0x0010, 0x1fff})
    expect_passed(Eth{} / with(kToVip, [&](auto& ip) { ip.fragment = fragment; }) / Tcp{},
                  XLVS_REASON_FRAGMENT);
  expect_passed(Eth{} / with(kToVip6, [](auto& ip) { ip.next = 44; }) / payload(64), XLVS_REASON_FRAGMENT);
}

TEST_F(ParseTest, PassesHeadersWhoseLengthsLie) {
  for (int b = 0; b < 256; ++b) {
    const auto first = static_cast<std::uint8_t>(b);
    if (b != 0x45) agree(Eth{} / with(kToVip, [&](auto& ip) { ip.first_byte = first; }) / Tcp{});
    if (b >> 4 != 6) agree(Eth{} / with(kToVip6, [&](auto& ip) { ip.first_byte = first; }) / Tcp{});
  }
  for (const auto length : std::initializer_list<std::uint16_t>{0, 1, 19, 20, 27, 39, 41, 61, 1500, 65535}) {
    agree(Eth{} / with(kToVip, [&](auto& ip) { ip.length = length; }) / Tcp{} / payload(20));
    agree(Eth{} / with(kToVip, [&](auto& ip) { ip.length = length; }) / Udp{} / payload(20));
    agree(Eth{} / with(kToVip6, [&](auto& ip) { ip.length = length; }) / Tcp{} / payload(20));
  }
  for (std::uint8_t offset = 0; offset < 16; ++offset)
    agree(Eth{} / kToVip / Tcp{.sport = static_cast<std::uint16_t>(50000 + offset), .offset = offset});
}

// A short IP packet in a frame padded to Ethernet's least length.
TEST_F(ParseTest, ForwardsThePaddingOfShortFramesWithThem) {
  for (std::uint16_t port = 40000; port < 40003; ++port) {  // one packet a server
    Bytes frame = Eth{} / kToVip / Udp{.sport = port};
    frame.resize(60, 0xee);
    EXPECT_EQ(agree(frame).action, static_cast<std::uint32_t>(XDP_REDIRECT));
  }
}

// Every length of every kind of frame: never aborted, never changed when passed, and as the reference says.
TEST_F(ParseTest, EveryTruncationIsHandled) {
  const Frame frames[] = {
      Eth{} / kToVip / Tcp{} / payload(40),
      Eth{} / kToVip / Udp{.dport = 53} / payload(40),
      Eth{} / kToVip6 / Tcp{} / payload(40),
      Eth{} / kToVip6 / Udp{.dport = 53} / payload(40),
      Eth{} / kToVip / Icmp{.type = 3, .code = 4} / kToVip / Tcp{},
      Eth{} / kToVip6 / Icmp{.type = 2} / kToVip6 / Tcp{},
      Eth{} / kToVip / kToVip / Tcp{},
      Eth{} / kToVip6 / kToVip6 / Udp{},
      Eth{} / Vlan{} / kToVip / Tcp{},
      Eth{.type = 0x88a8} / Vlan{} / Vlan{} / kToVip6 / Tcp{},
      Eth{} / Ipv4{.src = "192.168.1.11", .dst = "198.51.100.7"} / Tcp{.sport = 80, .dport = 40000},
      Eth{} / Ipv6{.src = "fd00:1::11", .dst = "2001:db8:1::7"} / Udp{.sport = 53, .dport = 40000},
      Eth{.type = 0x0806} / payload(28)};
  for (const Frame& frame : frames) {
    const Bytes whole = frame;
    for (std::size_t n = 14; n <= whole.size(); ++n) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      const Outcome r = agree(cut);
      if (r.action == XDP_PASS && r.meta.empty()) {
        EXPECT_TRUE(same_bytes(r.out, cut));
      }
      if (HasFailure()) return;
    }
  }
}

// The same with lengths that agree with the cut: transport headers cut short in sound IP headers.
TEST_F(ParseTest, EveryShortTransportHeaderIsHandled) {
  for (std::size_t n = 0; n <= 40 && !HasFailure(); ++n)
    for (const auto proto : std::initializer_list<std::uint8_t>{6, 17, 1, 58}) {
      agree(Eth{} / with(kToVip, [&](auto& ip) { ip.protocol = proto; }) / payload(n));
      agree(Eth{} / with(kToVip6, [&](auto& ip) { ip.next = proto; }) / payload(n));
    }
}

}  // namespace
}  // namespace xlvs::support
