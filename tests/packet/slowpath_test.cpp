// SPDX-License-Identifier: GPL-2.0-or-later
// The slow path behind the director: live frames into a real interface, and what leaves it.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "abi/control.h"
#include "abi/server.h"
#include "support/director_test.h"
#include "support/slowpath.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv6 kToVip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"};

class SlowpathTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorTest::SetUp();
    auto loaded = Slowpath::load(director());
    ASSERT_TRUE(loaded) << loaded.error().what;
    slowpath_ = std::move(*loaded);
    ASSERT_TRUE(slowpath_->attach(director().network().client));
  }
  void TearDown() override { slowpath_.reset(); }

  void serve(const std::string& vip, const std::string& rip, Forward forward) {
    const auto service = service_key("TCP", vip, 80);
    add_service(service);
    if (!rip.empty()) add_server(service, server_key(rip, 80), forwarded(forward));
  }

  /// The frame as the interface "client" would receive it, on through XDP, TC and stack.
  void receive(const Bytes& frame) {
    xdp_md in{};
    in.data_end = static_cast<std::uint32_t>(frame.size());
    in.ingress_ifindex = director().network().client;
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<std::uint32_t>(frame.size());
    opts.ctx_in = &in;
    opts.ctx_size_in = sizeof in;
    opts.repeat = 1;
    opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    ASSERT_EQ(::bpf_prog_test_run_opts(director().program(), &opts), 0) << std::strerror(errno);
  }

  /// The frame makes the error that the reference names, on the wire that it came by.
  void expect_error(const Bytes& frame) {
    const Expected want = reference_->forward(frame, director().network().client);
    ASSERT_TRUE(want.error);
    const bool v6 = frame[12] == 0x86;
    Wire wire("client-peer");
    receive(frame);
    Bytes got = wire.next([&](const Bytes& f) {
      return v6 ? f.size() > 54 && f[20] == 58 && f[54] < 128
                : f.size() > 34 && f[12] == 8 && f[13] == 0 && f[23] == 1;
    });
    ASSERT_FALSE(got.empty()) << "no error left";
    EXPECT_EQ(wrong_checksum(got), std::nullopt) << hexdump(got);
    Bytes expected = want.error->answer;
    if (!v6)
      for (const std::size_t at : {18u, 19u, 24u, 25u}) got[at] = expected[at] = 0;  // any id
    EXPECT_TRUE(same_bytes(got, expected));
  }

  std::unique_ptr<Slowpath> slowpath_;
};

TEST_F(SlowpathTest, SaysThatNobodyServes) {
  serve("192.0.2.10", "", Forward::kDirect);
  serve("2001:db8::10", "", Forward::kDirect);
  for (const std::size_t size : {0u, 1u, 9u, 600u, 1400u}) {
    expect_error(Eth{} / kToVip / Tcp{} / payload(size));
    expect_error(Eth{} / kToVip6 / Tcp{} / payload(size));
  }
}
TEST_F(SlowpathTest, SaysThatHopsAreUsedUp) {
  serve("192.0.2.10", "192.168.1.10", Forward::kDirect);
  serve("2001:db8::10", "fd00:1::10", Forward::kMasq);
  expect_error(Eth{} / Ipv4{.src = kToVip.src, .dst = kToVip.dst, .ttl = 1} / Tcp{} / payload(3));
  expect_error(Eth{} / Ipv4{.src = kToVip.src, .dst = kToVip.dst, .tos = 0x3d, .ttl = 1} / Tcp{} / payload(3));
  expect_error(Eth{} / Ipv6{.src = kToVip6.src, .dst = kToVip6.dst, .hop_limit = 1} / Tcp{} / payload(3));
}
TEST_F(SlowpathTest, SaysWhatWouldHaveFitted) {
  serve("192.0.2.10", "192.168.2.10", Forward::kTunnel);
  serve("2001:db8::10", "fd00:2::10", Forward::kTunnel);
  expect_error(Eth{} / kToVip / Tcp{} / payload(1300));
  expect_error(Eth{} / kToVip6 / Tcp{} / payload(1300));
}
// Padding behind a short packet is no part of what is quoted.
TEST_F(SlowpathTest, QuotesNoPadding) {
  serve("192.0.2.10", "", Forward::kDirect);
  Bytes frame = Eth{} / kToVip / Tcp{};
  frame.resize(60, 0xee);
  expect_error(frame);
}

// What XDP cannot sum, a UDP packet without a checksum in a tunnel with one, arrives whole and right.
TEST_F(SlowpathTest, SumsWhatHasNoChecksum) {
  for (const char* rip : {"192.168.1.10", "fd00:1::10"})
    for (const auto type : {model::TunnelType::kGue, model::TunnelType::kGre})
      for (const std::size_t size : {0u, 1u, 500u, 503u, 1400u}) {
        DirectorTest::SetUp();
        const auto service = service_key("UDP", "192.0.2.10", 53);
        add_service(service);
        auto config = forwarded(Forward::kTunnel);
        config.tun_type = type;
        config.tun_port = type == model::TunnelType::kGue ? 6080 : 0;
        config.tun_flags = XLVS_TUN_F_CSUM;
        add_server(service, server_key(rip, 53), config);
        const Bytes frame = Eth{} / kToVip / Udp{.checksum = 0} / payload(size);
        const Expected want = reference_->forward(frame, director().network().client);
        ASSERT_EQ(want.reason, XLVS_REASON_BY_HAND);
        Wire wire("server-peer");
        receive(frame);
        const Bytes got = wire.next([&](const Bytes& f) { return f.size() == want.out.size(); });
        ASSERT_FALSE(got.empty()) << "nothing left";
        EXPECT_EQ(wrong_checksum(got), std::nullopt) << hexdump(got);
        Bytes expected = want.out;
        const Eth macs{.dst = neighbour_mac(1, 10), .src = kServerMac};
        std::copy(macs.dst.begin(), macs.dst.end(), expected.begin());
        std::copy(macs.src.begin(), macs.src.end(), expected.begin() + 6);
        const std::size_t l4 = expected[12] == 8 ? 34 : 54;
        const std::size_t check = l4 + (type == model::TunnelType::kGue ? 6 : 4);
        EXPECT_NE(got[check] | got[check + 1], 0);
        EXPECT_TRUE(same_bytes(without(got, want.free), without(expected, want.free)));
      }
}

Ipv4 hop_less(Ipv4 ip) {
  --ip.ttl;
  return ip;
}
Ipv6 hop_less(Ipv6 ip) {
  --ip.hop_limit;
  return ip;
}

/// The frame that leaves on the link "server" (or "client") for the one that came in, whole.
class AgainTest : public SlowpathTest {
 protected:
  void serve_all() {  // direct routing, tunnel and NAT, a port each, in both families
    const struct {
      const char *vip, *rip;
      std::uint16_t port, server_port;
      Forward forward;
    } servers[] = {{"192.0.2.10", "192.168.1.10", 81, 81, Forward::kDirect},
                   {"192.0.2.10", "192.168.1.11", 82, 82, Forward::kTunnel},
                   {"192.0.2.10", "192.168.1.12", 83, 8083, Forward::kMasq},
                   {"2001:db8::10", "fd00:1::10", 81, 81, Forward::kDirect},
                   {"2001:db8::10", "fd00:1::11", 82, 82, Forward::kTunnel},
                   {"2001:db8::10", "fd00:1::12", 83, 8083, Forward::kMasq}};
    for (const auto& s : servers)
      for (const char* protocol : {"TCP", "UDP", "SCTP"}) {
        add_service(service_key(protocol, s.vip, s.port));
        add_server(service_key(protocol, s.vip, s.port), server_key(s.rip, s.server_port), forwarded(s.forward));
      }
  }
  /// Sends `frame` in and looks for `want` from its IP header on, an IPv4 id of the outer header apart.
  void expect_sent(const Bytes& frame, const Bytes& want, bool any_id = false, const char* peer = "server-peer") {
    Wire wire(peer);
    receive(frame);
    Bytes got = wire.next([&](const Bytes& f) { return f.size() == want.size() && f[12] == want[12]; });
    ASSERT_FALSE(got.empty()) << "nothing left for" << hexdump(frame);
    const std::vector<std::size_t> free = any_id ? std::vector<std::size_t>{18, 24} : std::vector<std::size_t>{};
    EXPECT_TRUE(same_bytes(rest_of(without(got, free), 12).bytes, rest_of(without(want, free), 12).bytes));
    EXPECT_EQ(wrong_checksum(got), wrong_checksum(want));
  }
  /// Nothing leaves before the frame that came in behind it.
  void expect_nothing(const Bytes& frame) {
    Wire wire("server-peer");
    receive(frame);
    receive(last());
    const Bytes got = wire.next([](const Bytes& f) { return f.size() > 34 && f[12] == 8; });
    EXPECT_TRUE(is_last(got)) << "something left" << hexdump(got);
  }
  static Bytes last() {
    Ipv4 ip = kToVip;
    ip.options = Bytes(4, 1);
    return Eth{} / ip / Udp{.sport = 9, .dport = 81};
  }
  static bool is_last(const Bytes& frame) { return frame.size() == last().size() && frame[14] == 0x46; }
};

TEST_F(AgainTest, Ipv4OptionsAreKeptByEveryMethod) {
  serve_all();
  Ipv4 in = kToVip;
  in.options = {0x94, 4, 0, 0, 1, 1, 1, 0};
  Ipv4 to_server = hop_less(in);
  to_server.dst = "192.168.1.12";
  for (const std::size_t size : {0u, 9u, 1000u}) {
    expect_sent(Eth{} / in / Udp{.dport = 81} / payload(size), Eth{} / hop_less(in) / Udp{.dport = 81} / payload(size));
    expect_sent(Eth{} / in / Tcp{.dport = 82} / payload(size),
                Eth{} / Ipv4{.src = "192.168.1.1", .dst = "192.168.1.11", .id = 0, .ttl = 63} / hop_less(in) /
                    Tcp{.dport = 82} / payload(size),
                true);
    expect_sent(Eth{} / in / Tcp{.dport = 83} / payload(size),
                Eth{} / to_server / Tcp{.dport = 8083} / payload(size));
    expect_sent(Eth{} / in / Udp{.dport = 83} / payload(size),
                Eth{} / to_server / Udp{.dport = 8083} / payload(size));
    // no checksum stays none
    expect_sent(Eth{} / in / Udp{.dport = 83, .checksum = 0} / payload(size),
                Eth{} / to_server / Udp{.dport = 8083, .checksum = 0} / payload(size));
  }
}

TEST_F(AgainTest, SctpIsSummedRightByEveryMethod) {
  serve_all();
  Ipv4 in = kToVip;
  in.options = {1, 1, 1, 1};
  Ipv4 to_server = hop_less(in);
  to_server.dst = "192.168.1.12";
  const Chunk init{.type = kInit};
  for (const std::size_t size : {0u, 9u, 1000u}) {
    const Chunk data{.type = kData, .body = payload(size).bytes};
    for (const Chunk& chunk : {init, data}) {
      expect_sent(Eth{} / in / Sctp{.dport = 81} / chunk, Eth{} / hop_less(in) / Sctp{.dport = 81} / chunk);
      expect_sent(Eth{} / in / Sctp{.dport = 82} / chunk,
                  Eth{} / Ipv4{.src = "192.168.1.1", .dst = "192.168.1.11", .id = 0, .ttl = 63} / hop_less(in) /
                      Sctp{.dport = 82} / chunk,
                  true);
      expect_sent(Eth{} / in / Sctp{.dport = 83} / chunk, Eth{} / to_server / Sctp{.dport = 8083} / chunk);
    }
    expect_sent(Eth{} / in / Sctp{.dport = 83, .checksum = 0} / data,
                Eth{} / to_server / Sctp{.dport = 8083, .checksum = 0} / data);
  }
  // an ABORT behind a cookie ends the connection, as in the director
  expect_sent(Eth{} / in / Sctp{.dport = 81} / Chunk{.type = kCookieEcho, .body = Bytes(7)} / Chunk{.type = kAbort},
              Eth{} / hop_less(in) / Sctp{.dport = 81} / Chunk{.type = kCookieEcho, .body = Bytes(7)} /
                  Chunk{.type = kAbort});
  const auto listed = table().servers(service_key("SCTP", "192.0.2.10", 81));
  EXPECT_EQ((*listed)[0].active, 0u);
  EXPECT_EQ((*listed)[0].inactive, 1u);
  expect_nothing(Eth{} / in / Sctp{.sport = 7, .dport = 81});  // without a chunk
  EXPECT_EQ(director().reasons()[XLVS_REASON_MALFORMED], 1u);
}

// NAT to another port cannot sum up what a first fragment does not hold.
TEST_F(AgainTest, SctpFragmentsPassWherePortsStay) {
  serve_all();
  const Bytes sctp = rest_of(Eth{} / kToVip / Sctp{.dport = 81} / Chunk{.type = kInit, .body = Bytes(60)}, 34).bytes;
  const auto part = [&](Ipv4 ip, std::uint16_t port, std::size_t from, std::size_t to) -> Bytes {
    Bytes some(sctp.begin() + static_cast<std::ptrdiff_t>(from), sctp.begin() + static_cast<std::ptrdiff_t>(to));
    if (from == 0) some[3] = static_cast<std::uint8_t>(port);
    ip.protocol = 132;
    ip.fragment = static_cast<std::uint16_t>(from / 8 | (to < sctp.size() ? 0x2000 : 0));
    return Eth{} / ip / Raw{some};
  };
  expect_sent(part(kToVip, 81, 0, 40), part(hop_less(kToVip), 81, 0, 40));
  expect_sent(part(kToVip, 81, 40, 76), part(hop_less(kToVip), 81, 40, 76));
  Ipv4 other = kToVip;
  other.id = 0x4321;
  expect_nothing(part(other, 83, 0, 40));
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_SUM], 1u);
}

// Source routes and broken options are for the stack to refuse.
TEST_F(AgainTest, OptionsForTheStackAreLeftToIt) {
  serve_all();
  for (const Bytes& options : {Bytes{131, 7, 4, 10, 0, 0, 9, 0}, Bytes{137, 7, 4, 10, 0, 0, 9, 0},
                               Bytes{1, 1, 131, 3, 4, 0, 0, 0}, Bytes{7, 0, 0, 0}, Bytes{7, 40, 4, 0}}) {
    Ipv4 in = kToVip;
    in.options = options;
    expect_nothing(Eth{} / in / Udp{.dport = 81});
  }
}

/// Hop-by-hop, destination options and routing headers: next header, length in 8 bytes less one, padding.
Raw extension(std::uint8_t next, std::uint8_t words) {
  Bytes b{next, words, 1, static_cast<std::uint8_t>(4 + 8 * words)};
  b.resize(8u + 8u * words);
  return Raw{b};
}

TEST_F(AgainTest, Ipv6ExtensionHeadersAreWalkedAndKept) {
  serve_all();
  const Bytes udp = rest_of(Eth{} / kToVip6 / Udp{.dport = 81} / payload(9), 54).bytes;
  Ipv6 in = kToVip6;
  in.next = 60;
  for (const auto words : std::initializer_list<std::uint8_t>{0, 1, 5}) {
    const Frame one = Eth{} / in / extension(17, words) / Raw{udp};
    expect_sent(one, Eth{} / hop_less(in) / extension(17, words) / Raw{udp});
    const Frame two = Eth{} / in / extension(43, words) / extension(17, 0) / Raw{udp};
    expect_sent(two, Eth{} / hop_less(in) / extension(43, words) / extension(17, 0) / Raw{udp});
  }
  Frame seven = Eth{} / in, out = Eth{} / hop_less(in);
  for (int i = 0; i < 7; ++i) {
    seven = seven / extension(i < 6 ? 60 : 17, 0);
    out = out / extension(i < 6 ? 60 : 17, 0);
  }
  expect_sent(seven / Raw{udp}, out / Raw{udp});
}

TEST_F(AgainTest, FragmentsFollowTheirFirst) {
  serve_all();
  const Bytes udp = rest_of(Eth{} / kToVip / Udp{.dport = 83} / payload(100), 34).bytes;
  Ipv4 to_server = hop_less(kToVip);
  to_server.dst = "192.168.1.12";
  const Bytes translated = rest_of(Eth{} / to_server / Udp{.dport = 8083} / payload(100), 34).bytes;
  const auto part = [](Ipv4 ip, const Bytes& whole, std::size_t from, std::size_t to) -> Bytes {
    ip.protocol = 17;
    ip.fragment = static_cast<std::uint16_t>(from / 8 | (to < whole.size() ? 0x2000 : 0));
    return Eth{} / ip /
           Raw{Bytes(whole.begin() + static_cast<std::ptrdiff_t>(from), whole.begin() + static_cast<std::ptrdiff_t>(to))};
  };
  Ipv4 other = kToVip;
  other.id = 0x4321;
  expect_nothing(part(other, udp, 40, 72));  // its first one has not come
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_HELD], 1u);
  for (const auto& [from, to] : std::initializer_list<std::pair<std::size_t, std::size_t>>{{0, 40}, {80, 108}, {40, 80}})
    expect_sent(part(kToVip, udp, from, to), part(to_server, translated, from, to));
  expect_nothing(part(other, udp, 72, 108));  // another datagram of the same two hosts
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_HELD], 2u);
  // its first one: and those that waited go the same way
  Ipv4 other_out = to_server;
  other_out.id = other.id;
  Wire wire("server-peer");
  receive(part(other, udp, 0, 40));
  std::vector<Bytes> got;
  for (int i = 0; i < 3; ++i) got.push_back(rest_of(wire.next([](const Bytes& f) { return f.size() > 34 && f[12] == 8; }), 12).bytes);
  std::vector<Bytes> want;
  for (const auto& [from, to] : std::initializer_list<std::pair<std::size_t, std::size_t>>{{0, 40}, {40, 72}, {72, 108}})
    want.push_back(rest_of(part(other_out, translated, from, to), 12).bytes);
  std::sort(got.begin(), got.end());
  std::sort(want.begin(), want.end());
  EXPECT_EQ(got, want);
}

// Nobody can make more of them wait than there is room for.
TEST_F(AgainTest, FragmentsThatWaitAreBounded) {
  serve_all();
  Ipv4 ip = kToVip;
  ip.protocol = 17;
  for (std::uint16_t i = 1; i <= 20; ++i) {
    ip.fragment = static_cast<std::uint16_t>(0x2000 | i);
    receive(Eth{} / ip / payload(8));
  }
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_HELD], 8u);  // of one datagram
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_EARLY], 12u);
  for (std::uint16_t i = 1; i <= 3000; ++i) {
    ip.id = i;
    receive(Eth{} / ip / payload(8));
  }
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_HELD], 3008u);
  EXPECT_EQ(director().reasons()[XLVS_REASON_FRAGMENT_EARLY], 12u);
}

/// Puts the IPv4 fragments of one datagram together, as they left; empty if they do not fit.
Bytes joined(const std::vector<Bytes>& fragments) {
  Bytes whole;
  for (const Bytes& f : fragments) {
    const std::size_t offset = (f[20] << 8 | f[21]) & 0x1fff, length = static_cast<std::size_t>(f[16] << 8 | f[17]);
    if (offset * 8 + 34 != (whole.empty() ? 34 : whole.size()) || f.size() != 14 + length) return {};
    if (whole.empty()) whole.assign(f.begin(), f.begin() + 34);
    whole.insert(whole.end(), f.begin() + 34, f.end());
  }
  return whole;
}

TEST_F(AgainTest, PacketsThatMayBeCutAreCut) {
  const struct {
    Forward forward;
    std::size_t overhead;
  } methods[] = {{Forward::kDirect, 0}, {Forward::kMasq, 0}, {Forward::kTunnel, 20}};
  for (const auto& method : methods)
    for (const std::size_t size : {1253u, 1270u, 1273u, 1400u, 1472u}) {
      DirectorTest::SetUp();
      const auto service = service_key("UDP", "192.0.2.10", 81);
      add_service(service);
      add_server(service, server_key("192.168.2.10", 81), forwarded(method.forward));
      const Ipv4 in{.src = kToVip.src, .dst = kToVip.dst, .id = 0x7777, .fragment = 0};
      Ipv4 out = hop_less(in);
      if (method.forward == Forward::kMasq) out.dst = "192.168.2.10";
      const Bytes want = out.dst == kToVip.dst && method.overhead
                             ? Eth{} / Ipv4{.src = "192.168.2.1", .dst = "192.168.2.10", .id = 0, .fragment = 0, .ttl = 63} /
                                   out / Udp{.dport = 81} / payload(size)
                             : Eth{} / out / Udp{.dport = 81} / payload(size);
      Wire wire("narrow-peer");
      receive(Eth{} / in / Udp{.dport = 81} / payload(size));
      std::vector<Bytes> parts;
      bool more = size + 28 + method.overhead > kNarrowMtu;
      if (!more) continue;  // it fits: XDP sends it
      while (more) {
        parts.push_back(wire.next([](const Bytes& f) { return f[12] == 8 && f[0] == 2; }));
        ASSERT_FALSE(parts.back().empty()) << "a fragment is missing";
        EXPECT_LE(parts.back().size(), 14u + kNarrowMtu);
        EXPECT_EQ(internet_checksum({parts.back().data() + 14, 20}), 0);
        EXPECT_TRUE(same_bytes(Bytes(parts.back().begin(), parts.back().begin() + 6),
                               Bytes{0x02, 0, 0, 0, 0x52, 10}));
        more = parts.back()[20] & 0x20;
      }
      EXPECT_EQ(parts.size(), 2u);
      Bytes got = joined(parts);
      ASSERT_EQ(got.size(), want.size());
      const std::vector<std::size_t> lengths{0, 2, 4, 6, 8, 10, 14 + 2, 14 + 4, 14 + 6, 14 + 10};
      EXPECT_TRUE(same_bytes(without(got, lengths), without(want, lengths)));
      EXPECT_EQ((*table().servers(service)).front().stats.in_pkts, 1u);
    }
}

TEST_F(AgainTest, ErrorsFromTheClientsSideGoToTheServer) {
  serve_all();
  const Ipv4 back{.src = kToVip.dst, .dst = kToVip.src};
  const Ipv6 back6{.src = kToVip6.dst, .dst = kToVip6.src};
  receive(Eth{} / kToVip / Tcp{.dport = 83});
  receive(Eth{} / kToVip6 / Tcp{.dport = 83});
  Ipv4 to_server = hop_less(kToVip), quoted = back;
  to_server.dst = quoted.src = "192.168.1.12";
  Ipv6 to_server6 = hop_less(kToVip6), quoted6 = back6;
  to_server6.dst = quoted6.src = "fd00:1::12";
  for (const std::size_t size : {0u, 1u, 500u}) {
    const Tcp tcp{.sport = 83, .dport = 40000, .flags = kAck, .checksum = 0x1234};
    const Tcp tcp_in{.sport = 8083, .dport = 40000, .flags = kAck, .checksum = 0x1234};
    const Icmp error{.type = 3, .code = 4, .rest = 1400}, error6{.type = 2, .rest = 1400};
    expect_sent(Eth{} / kToVip / error / back / tcp / payload(size),
                Eth{} / to_server / error / quoted / tcp_in / payload(size));
    expect_sent(Eth{} / kToVip6 / error6 / back6 / tcp / payload(size),
                Eth{} / to_server6 / error6 / quoted6 / tcp_in / payload(size));
  }
  const Icmp wrong{.type = 3, .code = 4, .rest = 1400, .checksum = 1};
  expect_nothing(Eth{} / kToVip / wrong / back / Tcp{.sport = 83, .dport = 40000});
  EXPECT_EQ(director().reasons()[XLVS_REASON_MALFORMED], 1u);
}

TEST_F(AgainTest, ErrorsFromTheServersSideGoToTheClientAsFromTheVirtualAddress) {
  serve_all();
  receive(Eth{} / kToVip / Udp{.dport = 83});
  receive(Eth{} / kToVip6 / Udp{.dport = 83});
  Ipv4 seen = kToVip, in{.src = "192.168.1.99", .dst = kToVip.src}, out = hop_less(in);  // a router on the way says it
  seen.dst = "192.168.1.12";
  out.src = kToVip.dst;
  Ipv6 seen6 = kToVip6, in6{.src = "fd00:1::12", .dst = kToVip6.src}, out6 = hop_less(in6);
  seen6.dst = "fd00:1::12";
  out6.src = kToVip6.dst;
  for (const std::size_t size : {0u, 1u, 500u}) {
    const Udp udp{.sport = 40000, .dport = 8083, .checksum = 7}, udp_out{.sport = 40000, .dport = 83, .checksum = 7};
    const Icmp error{.type = 3, .code = 3}, error6{.type = 1, .code = 4};
    expect_sent(Eth{} / in / error / seen / udp / payload(size), Eth{} / out / error / kToVip / udp_out / payload(size),
                false, "client-peer");
    expect_sent(Eth{} / in6 / error6 / seen6 / udp / payload(size),
                Eth{} / out6 / error6 / kToVip6 / udp_out / payload(size), false, "client-peer");
  }
}

// From a router on the way to the real server, or from the server: the client hears about its own packet.
TEST_F(AgainTest, ErrorsAboutTunnelsAreRelayedToTheClient) {
  serve_all();
  receive(Eth{} / kToVip / Tcp{.dport = 82});
  receive(Eth{} / kToVip6 / Tcp{.dport = 82});
  const Ipv4 in{.src = "192.168.1.99", .dst = "192.168.1.1"}, outer{.src = "192.168.1.1", .dst = "192.168.1.11"};
  const Ipv4 out{.src = kToVip.dst, .dst = kToVip.src, .tos = 0xc0, .fragment = 0, .ttl = 64};
  const Ipv6 in6{.src = "fd00:1::99", .dst = "fd00:1::1"}, outer6{.src = "fd00:1::1", .dst = "fd00:1::11"};
  const Ipv6 out6{.src = kToVip6.dst, .dst = kToVip6.src, .hop_limit = 64};
  const Tcp tcp{.dport = 82, .flags = kAck};
  for (const std::size_t size : {0u, 1u, 400u}) {
    const Icmp error{.type = 11}, error6{.type = 3};
    expect_sent(Eth{} / in / error / outer / hop_less(kToVip) / tcp / payload(size),
                Eth{} / out / error / hop_less(kToVip) / tcp / payload(size), true, "client-peer");
    expect_sent(Eth{} / in6 / error6 / outer6 / hop_less(kToVip6) / tcp / payload(size),
                Eth{} / out6 / error6 / hop_less(kToVip6) / tcp / payload(size), false, "client-peer");
  }
  // too big: what is left for the client, and for its next packet
  expect_sent(Eth{} / in / Icmp{.type = 3, .code = 4, .rest = 1000} / outer / kToVip / tcp,
              Eth{} / out / Icmp{.type = 3, .code = 4, .rest = 980} / kToVip / tcp, true, "client-peer");
  expect_sent(Eth{} / in6 / Icmp{.type = 2, .rest = 1300} / outer6 / kToVip6 / tcp,
              Eth{} / out6 / Icmp{.type = 2, .rest = 1260} / kToVip6 / tcp, false, "client-peer");
  const Ipv4 elsewhere{.src = "192.168.1.1", .dst = "192.168.1.10"};
  expect_nothing(Eth{} / in / Icmp{.type = 11} / elsewhere / kToVip / tcp);
}

// Whatever is cut off, wherever: no crash, and nothing that is not sound leaves.
TEST_F(AgainTest, EveryTruncationIsHandled) {
  serve_all();
  receive(Eth{} / kToVip / Tcp{.dport = 83});
  const Ipv4 back{.src = kToVip.dst, .dst = kToVip.src};
  Ipv4 options = kToVip;
  options.options = Bytes(12, 1);
  Ipv6 in6 = kToVip6;
  in6.next = 60;
  receive(Eth{} / kToVip / Tcp{.dport = 82});
  const Frame frames[] = {Eth{} / Ipv4{.src = "192.168.1.99", .dst = "192.168.1.1"} / Icmp{.type = 3, .code = 4} /
                              Ipv4{.src = "192.168.1.1", .dst = "192.168.1.11"} / kToVip / Tcp{.dport = 82},
                          Eth{} / kToVip / Icmp{.type = 3, .code = 4} / back / Tcp{.sport = 83, .dport = 40000},
                          Eth{} / options / Tcp{.dport = 83}, Eth{} / in6 / extension(60, 3) / extension(17, 1) / Udp{}};
  Wire wire("server-peer");
  for (const Frame& frame : frames) {
    const Bytes whole = frame;
    for (std::size_t n = 14; n < whole.size(); ++n) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      receive(cut);
      if (n > 34 && cut[12] == 8) {  // the same with a length that agrees
        cut[16] = static_cast<std::uint8_t>((n - 14) >> 8);
        cut[17] = static_cast<std::uint8_t>(n - 14);
        cut[24] = cut[25] = 0;
        const std::uint16_t sum = internet_checksum({cut.data() + 14, std::min<std::size_t>(n - 14, (cut[14] & 15u) * 4u)});
        cut[24] = static_cast<std::uint8_t>(sum >> 8);
        cut[25] = static_cast<std::uint8_t>(sum);
        receive(cut);
      }
    }
  }
  receive(last());
  for (int i = 0; i < 100; ++i) {  // what leaves is sound: a quote may end anywhere behind the ports
    const Bytes got = wire.next([](const Bytes& f) { return f.size() > 34 && f[12] == 8; });
    ASSERT_FALSE(got.empty());
    if (is_last(got)) return;
    EXPECT_EQ(wrong_checksum(got), std::nullopt) << hexdump(got);
  }
  FAIL() << "too much left";
}

// The first packet to a neighbour that nobody knows waits in the kernel until it is known.
TEST_F(SlowpathTest, LosesNothingForWantOfANeighbour) {
  const struct {
    const char *vip, *rip;
    Forward forward;
  } cases[] = {
      {"192.0.2.10", "192.168.1.150", Forward::kDirect},  {"192.0.2.10", "192.168.1.150", Forward::kTunnel},
      {"192.0.2.10", "192.168.1.150", Forward::kMasq},    {"192.0.2.10", "fd00:1::150", Forward::kTunnel},
      {"2001:db8::10", "fd00:1::150", Forward::kDirect},  {"2001:db8::10", "fd00:1::150", Forward::kTunnel},
      {"2001:db8::10", "192.168.1.150", Forward::kTunnel}};
  for (const auto& c : cases) {
    DirectorTest::SetUp();
    serve(c.vip, c.rip, c.forward);
    const bool v6 = std::strchr(c.vip, ':') != nullptr;
    const Bytes frame = (v6 ? Eth{} / kToVip6 : Eth{} / kToVip) / Tcp{} / payload(9);
    const Expected want = reference_->forward(frame, director().network().client);
    ASSERT_TRUE(want.slow);
    Wire wire("server-peer");
    receive(frame);
    ASSERT_EQ(
        std::system(fmt::format("ip neigh replace {} lladdr 02:00:00:00:51:96 dev server", c.rip).c_str()),
        0);
    Bytes expected = want.out;
    const Eth macs{.dst = neighbour_mac(1, 150), .src = kServerMac};
    std::copy(macs.dst.begin(), macs.dst.end(), expected.begin());
    std::copy(macs.src.begin(), macs.src.end(), expected.begin() + 6);
    Bytes got = wire.next([&](const Bytes& f) { return f.size() >= frame.size() && f[5] == 0x96; });
    EXPECT_EQ(std::system(fmt::format("ip neigh del {} dev server", c.rip).c_str()), 0);
    ASSERT_EQ(got.size(), expected.size()) << c.vip << " to " << c.rip;
    EXPECT_TRUE(same_bytes(without(got, want.free), without(expected, want.free)));
  }
}

}  // namespace
}  // namespace xlvs::support
