// SPDX-License-Identifier: GPL-2.0-or-later
// Full products of headers, lengths and lies about them, through director and slow path: as the reference says, untouched
// where it is passed, and never aborted.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "support/rewrite.h"
#include "support/whole_director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"}, kFromVip{.src = "192.0.2.10", .dst = "198.51.100.7"};
const Ipv6 kToVip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"}, kFromVip6{.src = "2001:db8::10", .dst = "2001:db8:1::7"};
constexpr std::uint16_t kPorts[] = {81, 82, 83, 84};  // direct routing, tunnel, NAT, NAT to the director itself

template <typename Change>
auto with(auto header, Change change) {
  change(header);
  return header;
}

class Sweep : public WholeDirectorTest {
 protected:
  void SetUp() override {
    WholeDirectorTest::SetUp();
    for (const bool v6 : {false, true})
      for (const char* protocol : {"TCP", "UDP", "SCTP"}) {
        const char* vip = v6 ? "2001:db8::10" : "192.0.2.10";
        const auto serve = [&](std::uint16_t port, int host, Forward forward) {
          const auto rip = fmt::format(fmt::runtime(v6 ? "fd00:1::{}" : "192.168.1.{}"), host);
          const auto server_port = static_cast<std::uint16_t>(forward == Forward::kMasq ? 8000 + port : port);
          add_service(service_key(protocol, vip, port));
          add_server(service_key(protocol, vip, port), server_key(rip, server_port), forwarded(forward));
        };
        serve(81, 10, Forward::kDirect);
        serve(82, 11, Forward::kTunnel);
        serve(83, 12, Forward::kMasq);
        serve(84, 1, Forward::kMasq);
      }
  }
  void TearDown() override { fmt::print("{} cases\n", cases_); }
  /// Both sides must agree; what neither program touches is unchanged.
  void check(const Bytes& frame, std::uint32_t ifindex = 0) {
    if (HasFailure() || frame.size() < 14) return;
    if (++all_ % kStep != 0 && !everything_) return;
    ++cases_;
    const Outcome r = agree(frame, ifindex);
    EXPECT_LE(r.action, static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_NE(r.action, static_cast<std::uint32_t>(XDP_ABORTED));
    if (r.action == XDP_PASS && r.meta.empty()) {
      EXPECT_TRUE(same_bytes(r.out, frame));
    }
  }
  /// Connections of one client with every service, so that more than first packets are forwarded.
  void connect() {
    const auto check = [&](const Bytes& frame) { agree(frame); };
    for (const std::uint16_t port : kPorts) {
      check(Eth{} / kToVip / Tcp{.dport = port});
      check(Eth{} / kToVip6 / Tcp{.dport = port});
      check(Eth{} / kToVip / Udp{.dport = port});
      check(Eth{} / kToVip6 / Udp{.dport = port});
      check(Eth{} / kToVip / Sctp{.dport = port} / Chunk{.type = kInit});
      check(Eth{} / kToVip6 / Sctp{.dport = port} / Chunk{.type = kInit});
    }
  }

  static constexpr std::uint64_t kStep = 7;  // a part, of every product some: prime to the sizes of the loops
  const bool everything_ = std::getenv("XLVS_LONG") != nullptr && *std::getenv("XLVS_LONG") != '0';
  std::uint64_t all_ = 0, cases_ = 0;
};

Frame behind(const Frame& ethernet, bool v6, int kind) {
  const auto port = kPorts[kind % 3];
  Frame ip = ethernet / (v6 ? Layer{kToVip6} : Layer{kToVip});
  const auto proto = [&](std::uint8_t number) {
    Frame f = ip;
    if (v6) std::get<Ipv6>(f.layers.back()).next = number;
    else std::get<Ipv4>(f.layers.back()).protocol = number;
    return f;
  };
  switch (kind) {
    case 0: return ip / Tcp{.dport = port} / payload(160);
    case 1: return ip / Udp{.dport = port} / payload(160);
    case 2: return ip / Sctp{.dport = port} / Chunk{.type = kInit, .body = Bytes(140)};
    case 3: return ip / Icmp{.type = static_cast<std::uint8_t>(v6 ? 128 : 8)} / payload(160);
    case 4: return v6 ? ip / Icmp{.type = 1, .code = 4} / kFromVip6 / Tcp{.sport = 83, .dport = 40000} / payload(60)
                      : ip / Icmp{.type = 3, .code = 1} / kFromVip / Tcp{.sport = 83, .dport = 40000} / payload(60);
    case 5: return proto(58) / payload(160);
    case 6: return proto(1) / payload(160);
    case 7: return v6 ? ip / kToVip6 / Udp{} / payload(60) : ip / kToVip / Udp{} / payload(60);
    case 8: return ip / Udp{.dport = 6080} / Raw{Bytes{0, static_cast<std::uint8_t>(v6 ? 41 : 4), 0, 0}} / kToVip / Tcp{} / payload(60);
    case 9: return proto(47) / Raw{Bytes{0, 0, 8, 0}} / kToVip / Tcp{} / payload(60);
    case 10: return proto(50) / payload(160);
    case 11: return proto(51) / Raw{Bytes{6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}} / Tcp{.dport = 81} / payload(100);
    default: return proto(static_cast<std::uint8_t>(kind * 16 + 7)) / payload(160);
  }
}

// B1: every length of a frame, with and without tags, of every protocol; once as it is cut, once with lengths that agree.
TEST_F(Sweep, EveryLengthOfEveryHeader) {
  connect();
  const Frame ethernets[] = {Frame{{Eth{}}}, Eth{} / Vlan{.id = 7}, Eth{} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8},
                             Eth{} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8} / Vlan{.id = 9}};
  for (const Frame& ethernet : ethernets)
    for (const bool v6 : {false, true})
      for (int kind = 0; kind < 13; ++kind) {
        const Bytes whole = behind(ethernet, v6, kind);
        for (std::size_t n = 14; n <= 200 && n <= whole.size(); ++n) {
          Bytes frame = cut(whole, 0, n);
          check(frame);
          if (ethernet.layers.size() > 1 || n < (v6 ? 54 : 34)) continue;
          set_word(frame, v6 ? 18 : 16, static_cast<std::uint16_t>(n - (v6 ? 54 : 14)));
          check(frame);
        }
      }
}

// B2: lengths that lie.
TEST_F(Sweep, LengthsThatLie) {
  connect();
  for (int first = 0; first < 256; ++first)
    for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 1, 19, 20, 24, 39, 40, 60, 61, 100, 1500, 65535})
      for (const std::size_t padded : {0u, 60u}) {
        const auto lie = [&](auto& ip) {
          ip.first_byte = static_cast<std::uint8_t>(first);
          ip.length = length;
        };
        Bytes tcp = Eth{} / with(kToVip, lie) / Tcp{.dport = 83} / payload(20), udp = Eth{} / with(kToVip, lie) / Udp{.dport = 83} / payload(20);
        tcp.resize(std::max(tcp.size(), padded));
        udp.resize(std::max(udp.size(), padded));
        check(tcp);
        check(udp);
        if (first >> 4 == 6) check(Eth{} / with(kToVip6, lie) / Udp{.dport = 83} / payload(20));
      }
  for (const std::uint16_t port : kPorts)
    for (std::uint8_t offset = 0; offset < 16; ++offset)
      for (const std::uint8_t flags : {kSyn, kAck, kFin, kRst, std::uint8_t{0}, std::uint8_t{0xff}}) {
        check(Eth{} / kToVip / Tcp{.dport = port, .flags = flags, .offset = offset} / payload(9));
        check(Eth{} / kToVip6 / Tcp{.dport = port, .flags = flags, .offset = offset} / payload(9));
      }
  for (const std::uint16_t port : kPorts)
    for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 1, 7, 8, 9, 20, 28, 29, 1000, 65535}) {
      check(Eth{} / kToVip / Udp{.dport = port, .length = length} / payload(20));
      check(Eth{} / kToVip6 / Udp{.dport = port, .length = length} / payload(20));
    }
}

// B3: options of IPv4, sound ones and broken ones, to every method.
TEST_F(Sweep, OptionsOfIpv4) {
  connect();
  for (const std::uint16_t port : kPorts)
    for (int type = 0; type < 256; ++type)
      for (const std::uint8_t length : std::initializer_list<std::uint8_t>{0, 1, 2, 3, 4, 7, 8, 9, 40, 255}) {
        const Bytes options{static_cast<std::uint8_t>(type), length, 4, 0, 0, 0, 0, 0};
        check(Eth{} / with(kToVip, [&](auto& ip) { ip.options = options; }) / Udp{.dport = port} / payload(5));
      }
}

// B4: fragments at every offset, first, middle, last, tiny, overlapping, atomic.
TEST_F(Sweep, Fragments) {
  std::uint16_t id = 0;
  for (const std::uint16_t port : kPorts)
    for (const bool v6 : {false, true})
      for (std::size_t first = 8; first <= 64; first += 8)
        for (const int order : {0, 1, 2, 3, 4, 5}) {
          const Bytes whole = v6 ? Eth{} / kToVip6 / Udp{.dport = port} / payload(100) : Eth{} / kToVip / Udp{.dport = port} / payload(100);
          const Bytes upper(whole.begin() + (v6 ? 54 : 34), whole.end());
          ++id;
          const auto piece = [&](std::size_t from, std::size_t to) -> Bytes {
            const bool more = to < upper.size();
            if (!v6) {
              Ipv4 ip = kToVip;
              ip.id = id;
              ip.protocol = 17;
              ip.fragment = static_cast<std::uint16_t>(from / 8 | (more ? 0x2000 : 0));
              return Eth{} / ip / Raw{cut(upper, from, to - from)};
            }
            Bytes body{17, 0, static_cast<std::uint8_t>(from >> 8), static_cast<std::uint8_t>(from | (more ? 1u : 0u)), 0, 0,
                       static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
            body.insert(body.end(), upper.begin() + static_cast<std::ptrdiff_t>(from), upper.begin() + static_cast<std::ptrdiff_t>(to));
            return Eth{} / with(kToVip6, [](auto& ip) { ip.next = 44; }) / Raw{body};
          };
          std::vector<Bytes> pieces{piece(0, first), piece(first, 80), piece(order == 5 ? 72 : 80, upper.size())};
          for (int n = 0; n < order; ++n) std::next_permutation(pieces.begin(), pieces.end());
          for (const Bytes& p : pieces) check(p);
          check(piece(0, upper.size()));  // atomic
        }
}

// B5: extension headers of IPv6 by kind and number, and payloads of no length.
TEST_F(Sweep, ExtensionHeaders) {
  connect();
  const std::vector<std::uint8_t> kinds{0, 43, 44, 51, 60, 59};
  for (const std::uint16_t port : kPorts)
    for (const std::uint8_t kind : kinds)
      for (const std::uint8_t other : kinds)
        for (int count = 1; count <= 10; ++count)
          for (const std::uint8_t words : std::initializer_list<std::uint8_t>{0, 2}) {
            Bytes upper = Bytes(Eth{} / kToVip6 / Udp{.dport = port} / payload(9));
            upper.erase(upper.begin(), upper.begin() + 54);
            std::uint8_t next = 17;
            for (int n = 0; n < count; ++n) {
              const std::uint8_t type = n % 2 ? other : kind, size = type == 44 ? std::uint8_t{0} : words;
              Bytes header(type == 51 ? (size + 2u) * 4u : (size + 1u) * 8u);
              header[0] = next;
              header[1] = size;
              upper.insert(upper.begin(), header.begin(), header.end());
              next = type;
            }
            check(Eth{} / with(kToVip6, [&](auto& ip) { ip.next = next; }) / Raw{upper});
            check(Eth{} / with(kToVip6, [&](auto& ip) { ip.next = next, ip.length = 0; }) / Raw{upper});
          }
}

// B6: checksums that are wrong or left out stay so.
TEST_F(Sweep, Checksums) {
  connect();
  for (const std::uint16_t port : kPorts)
    for (unsigned sum = 0; sum < 65536; sum += sum < 4 || sum > 65530 ? 1 : 997)
      for (const std::uint16_t sport : std::initializer_list<std::uint16_t>{40000, 40001}) {
        const auto wrong = static_cast<std::uint16_t>(sum);
        check(Eth{} / kToVip / Tcp{.sport = sport, .dport = port, .checksum = wrong});
        check(Eth{} / kToVip6 / Tcp{.sport = sport, .dport = port, .checksum = wrong});
        check(Eth{} / kToVip / Udp{.sport = sport, .dport = port, .checksum = wrong});
        check(Eth{} / kToVip6 / Udp{.sport = sport, .dport = port, .checksum = wrong});
        check(Eth{} / kToVip / Sctp{.sport = sport, .dport = port, .checksum = wrong} / Chunk{.type = kInit});
        check(Eth{} / with(kToVip, [&](auto& ip) { ip.checksum = wrong; }) / Udp{.sport = sport, .dport = port});
      }
}

// B7: errors whose quote ends at every byte, from every side, of every type.
TEST_F(Sweep, ErrorsCutAtEveryByte) {
  connect();
  const Ipv4 router{.src = "192.168.1.99", .dst = "192.168.1.1"}, outer{.src = "192.168.1.1", .dst = "192.168.1.11"};
  const Ipv6 router6{.src = "fd00:1::99", .dst = "fd00:1::1"}, outer6{.src = "fd00:1::1", .dst = "fd00:1::11"};
  for (int type = 0; type < 16; ++type)
    for (const std::uint8_t code : std::initializer_list<std::uint8_t>{0, 1, 3}) {
      const Icmp error{.type = static_cast<std::uint8_t>(type), .code = code};
      std::vector<std::pair<Bytes, bool>> wholes;
      for (const std::uint16_t port : kPorts) {
        const auto inside = static_cast<std::uint16_t>(8000 + port);
        const std::string server = port == 83 ? "192.168.1.12" : "192.168.1.10", server6 = port == 83 ? "fd00:1::12" : "fd00:1::10";
        wholes.push_back({Eth{} / kToVip / error / kFromVip / Udp{.sport = port, .dport = 40000} / payload(9), false});
        wholes.push_back({Eth{} / kToVip6 / error / kFromVip6 / Udp{.sport = port, .dport = 40000} / payload(9), false});
        wholes.push_back({Eth{.dst = kServerMac} / Ipv4{.src = server, .dst = kToVip.src} / error /
                              Ipv4{.src = kToVip.src, .dst = server} / Udp{.sport = 40000, .dport = inside} / payload(9), true});
        wholes.push_back({Eth{.dst = kServerMac} / Ipv6{.src = server6, .dst = kToVip6.src} / error /
                              Ipv6{.src = kToVip6.src, .dst = server6} / Udp{.sport = 40000, .dport = inside} / payload(9), true});
      }
      wholes.push_back({Eth{.dst = kServerMac} / router / error / outer / kToVip / Tcp{.dport = 82} / payload(9), true});
      if (type != 2)  // "too big" is remembered for the packets to come, and the reference has no such memory: icmp-tunnel6 has it
        wholes.push_back({Eth{.dst = kServerMac} / router6 / error / outer6 / kToVip6 / Tcp{.dport = 82} / payload(9), true});
      wholes.push_back({Eth{} / kToVip / error / kFromVip / error / kToVip / Udp{.dport = 83}, false});  // nested
      for (const auto& [whole, from_server] : wholes)
        for (std::size_t n = 34; n <= whole.size(); n += n < 80 ? 1 : 5) {
          Bytes frame = cut(whole, 0, n);
          const bool v6 = frame[12] == 0x86;
          const std::size_t l4 = v6 ? 54 : 34;
          if (n < l4 + 8) continue;
          set_word(frame, v6 ? 18 : 16, static_cast<std::uint16_t>(n - (v6 ? 54 : 14)));
          set_word(frame, l4 + 2, 0);
          set_word(frame, l4 + 2, internet_checksum({frame.data() + l4, n - l4}, v6 ? pseudo_header_sum(cut(frame, 22, 16), cut(frame, 38, 16), 58, n - l4) : 0));
          check(frame, from_server ? director().network().server : 0);
        }
    }
}

// B9: sources and destinations that nobody has, or everybody.
TEST_F(Sweep, AddressesOfNobody) {
  for (const std::uint16_t port : kPorts) {
    for (const char* src : {"192.0.2.10", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.168.1.10", "192.168.1.1", "203.0.113.1"})
      for (const char* dst : {"192.0.2.10", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.168.1.10", "192.168.1.1"})
        for (const std::uint16_t sport : {std::uint16_t{0}, std::uint16_t{20}, port}) {
          check(Eth{} / Ipv4{.src = src, .dst = dst} / Udp{.sport = sport, .dport = port});
          check(Eth{} / Ipv4{.src = src, .dst = dst} / Tcp{.sport = sport, .dport = port});
          check(Eth{} / Ipv4{.src = src, .dst = dst, .options = Bytes(4, 1)} / Udp{.sport = sport, .dport = port});
          check(Eth{} / Ipv4{.src = "192.168.1.1", .dst = dst} / Ipv4{.src = src, .dst = "192.0.2.10"} / Udp{.dport = port});
        }
    for (const char* src : {"2001:db8::10", "::1", "::", "ff02::1", "fe80::1", "fd00:1::10", "fd00:1::1"})
      for (const char* dst : {"2001:db8::10", "::1", "::", "ff02::1", "fd00:1::10", "fd00:1::1"})
        for (const std::uint16_t sport : {std::uint16_t{0}, std::uint16_t{20}, port}) {
          check(Eth{} / Ipv6{.src = src, .dst = dst} / Udp{.sport = sport, .dport = port});
          check(Eth{} / Ipv6{.src = src, .dst = dst} / Tcp{.sport = sport, .dport = port});
        }
  }
}

}  // namespace
}  // namespace xlvs::support
