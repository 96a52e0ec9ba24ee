// SPDX-License-Identifier: GPL-2.0-or-later
// The generator's packets: sound ones, odd ones, fragments, ICMP errors, and all of them spoilt now and then.
#include <algorithm>

#include "support/generator.h"
#include "support/network.h"
#include "support/rewrite.h"

namespace xlvs::support {

using model::Forward;
using model::Protocol;

namespace {

std::uint8_t number_of(Protocol p) { return p == Protocol::kTcp ? 6 : p == Protocol::kSctp ? 132 : 17; }

/// The IPv4 header's checksum made right.
void sum_header(Bytes& frame) {
  const std::size_t header = std::min<std::size_t>((frame[14] & 15u) * 4u, frame.size() - 14);
  set_word(frame, 24, 0);
  set_word(frame, 24, internet_checksum({frame.data() + 14, header}));
}

}  // namespace

std::string Generator::odd_source(bool v6) {
  const std::vector<std::string> v4s{"127.0.0.1",       "127.255.0.9", "0.0.0.0",   "0.0.0.1",
                                     "224.0.0.1",       "239.1.2.3",   "240.0.0.1", "255.255.255.255",
                                     "223.255.255.255", client_flow().dst};
  const std::vector<std::string> v6s{"::", "::1", "::2", "ff02::1", "fe80::1", "::ffff:127.0.0.1"};
  if (plan_.as_kernel) return v6 ? client(true) : any(std::vector<std::string>(v4s.begin(), v4s.begin() + 8));
  if (v6) return any(v6s);
  if (one_in(4)) return one_in(2) ? plan_.director4 : "203.0.113.255";
  const std::string& odd = any(v4s);
  return odd.find(':') == std::string::npos ? odd : v4s[0];
}

/// Mostly `own`; sometimes another host's, a group's or VRRP's.
Mac Generator::destination(const Mac& own) {
  if (!plan_.odd_frames || !one_in(30)) return own;
  const Mac others[] = {{0x02, 0, 0, 0, 0x99, 0x99},       {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                        {0x01, 0x00, 0x5e, 0, 0, 1},       {0x33, 0x33, 0, 0, 0, 1},
                        {0x00, 0x00, 0x5e, 0, 0x01, 0x33}, {0x00, 0x00, 0x5e, 0, 0x02, 0x33},
                        {0x00, 0x00, 0x5e, 0, 0x03, 0x33}};
  return others[below(std::size(others))];
}

std::uint8_t Generator::tcp_flags() {
  const std::vector<std::uint8_t> flags{kSyn,        kSyn,        kAck, kAck,        kAck,
                                        kAck | kPsh, kFin | kAck, kRst, kSyn | kAck, 0};
  return any(flags);
}

Frame Generator::ip_header(const Flow& f) {
  const auto hops = static_cast<std::uint8_t>(one_in(40) ? below(3) : 2 + below(250));
  // a mark of congestion inside is one outside: RFC 6040, and not what the kernel does
  const auto tos = static_cast<std::uint8_t>(plan_.as_kernel ? below(64) << 2 | below(3) : below(256));
  if (f.v6)
    return Eth{.dst = destination(f.to)} /
           Ipv6{.src = f.src, .dst = f.dst, .tclass = tos, .flow_label = below(1u << 20), .hop_limit = hops};
  return Eth{.dst = destination(f.to)} /
         Ipv4{.src = f.src,
              .dst = f.dst,
              .tos = tos,
              .id = 0x5a5a,
              .fragment = static_cast<std::uint16_t>(one_in(4) ? 0 : 0x4000),
              .ttl = hops};
}

Frame Generator::transport(Frame frame, const Flow& f, std::uint8_t flags) {
  std::optional<std::uint16_t> checksum;
  if (one_in(15)) checksum = static_cast<std::uint16_t>(one_in(2) ? 0 : below(65536));
  // kernel IPVS sums anew what has no sum, and SCTP whatever stands there
  if (plan_.as_kernel && (f.protocol != Protocol::kTcp)) checksum.reset();
  if (f.protocol == Protocol::kSctp) return chunks(frame / Sctp{.sport = f.sport, .dport = f.dport, .checksum = checksum});
  if (f.protocol == Protocol::kTcp)
    return frame / Tcp{.sport = f.sport, .dport = f.dport, .flags = flags, .checksum = checksum};
  return frame / Udp{.sport = f.sport, .dport = f.dport, .checksum = checksum};
}

/// One chunk or two; of any type now and then, with any length.
Frame Generator::chunks(Frame f) {
  const std::vector<std::uint8_t> usual{kInit,      kInit, kInit, kInitAck,  kCookieEcho,  kCookieEcho,
                                        kCookieAck, kData, kData, kShutdown, kShutdownAck, kShutdownComplete,
                                        kError,     kAbort, kSack};
  for (std::uint32_t n = one_in(3) ? 2 : 1; n > 0; --n) {
    Chunk c{.type = one_in(20) ? byte() : any(usual)};
    if (one_in(20)) c.length = static_cast<std::uint16_t>(one_in(2) ? below(40) : below(65536));
    f = f / c;
  }
  return f;
}

Bytes Generator::plain(const Flow& f) {
  const std::size_t size = one_in(60) ? 1470 + below(1500) : one_in(20) ? 1200 + below(260) : below(64);
  return transport(ip_header(f), f, tcp_flags()) / payload(size);
}

/// Cut off, a bit turned round, padded: each now and then.
Bytes Generator::spoilt(Bytes frame) {
  if (plan_.odd_frames) {
    if (one_in(30)) frame.resize(14 + below(static_cast<std::uint32_t>(frame.size()) - 13));
    if (one_in(30))
      frame[12 + below(static_cast<std::uint32_t>(frame.size()) - 12)] ^= static_cast<std::uint8_t>(1u << below(8));
    if (one_in(10)) frame.resize(frame.size() + below(30), 0xee);
    return frame;
  }
  if (one_in(30)) return cut_short(std::move(frame));
  return frame;
}

/// Ends anywhere behind its IP header, and says so.
Bytes Generator::cut_short(Bytes frame) {
  const bool v6 = frame[12] == 0x86;
  const std::size_t least = v6 ? 54 : 14 + (frame[14] & 15u) * 4u;
  if (frame.size() <= least) return frame;
  frame.resize(least + below(static_cast<std::uint32_t>(frame.size() - least)));
  set_word(frame, v6 ? 18 : 16, static_cast<std::uint16_t>(frame.size() - (v6 ? 54 : 14)));
  if (!v6) sum_header(frame);
  return frame;
}

/// Options of IPv4 of every kind: no operation, record route, time stamps, source routes, broken ones.
Bytes Generator::with_options(const Flow& f) {
  const std::vector<Bytes> sound{{1, 1, 1, 1}, {148, 4, 0, 0}, {1, 148, 4, 0, 0, 0, 0, 0}, Bytes(40, 1), {0, 0, 0, 0}};
  const std::vector<Bytes> odd{{7, 7, 4, 0, 0, 0, 0, 0}, {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {131, 7, 4, 10, 0, 0, 9, 0},
                               {137, 7, 4, 10, 0, 0, 9, 0}, {7, 0, 0, 0}, {7, 1, 0, 0}, {1, 1, 1, 7}, {7, 40, 4, 0},
                               {200, 3, 9, 1}, {200, 255, 9, 1}};
  Frame head = ip_header(f);
  auto& ip = std::get<Ipv4>(head.layers[1]);
  // the kernel writes its address into those that ask for it, where the packet does not pass it by
  ip.options = plan_.as_kernel || one_in(2) ? any(sound) : any(odd);
  if (!plan_.as_kernel && one_in(4)) {
    ip.options = Bytes(4u * below(11));
    for (auto& b : ip.options) b = byte();
  }
  Bytes frame = transport(head, f, tcp_flags()) / payload(below(100));
  return one_in(4) ? cut_short(std::move(frame)) : spoilt(std::move(frame));
}

/// One extension header behind another: hop-by-hop, routing, destination options, atomic fragment, authentication.
Bytes Generator::with_extensions(const Flow& f) {
  const std::vector<std::uint8_t> kinds{60, 60, 60, 0, 43, 44, 51, 59};
  Frame head = ip_header(f);
  Bytes upper = Bytes(transport(Frame{head.layers}, f, tcp_flags()) / payload(below(100)));
  upper.erase(upper.begin(), upper.begin() + 54);
  std::uint8_t next = number_of(f.protocol);
  // others than destination options are for the host itself to judge, which kernel IPVS lets it
  for (std::uint32_t n = 1 + below(plan_.as_kernel ? 4 : 10); n > 0; --n) {
    const std::uint8_t kind = plan_.as_kernel ? 60 : any(kinds);
    const std::uint8_t words = kind == 44 ? 0 : byte(3);
    Bytes header(kind == 51 ? (words + 2u) * 4u : (words + 1u) * 8u);
    header[0] = next;
    header[1] = words;
    if (kind == 44) set_word(header, 2, 0);
    else if (kind != 51 && header.size() > 2) header[2] = 1, header[3] = static_cast<std::uint8_t>(header.size() - 4);
    upper.insert(upper.begin(), header.begin(), header.end());
    next = kind;
  }
  auto& ip = std::get<Ipv6>(head.layers[1]);
  ip.next = next;
  if (plan_.odd_frames && one_in(30)) ip.length = static_cast<std::uint16_t>(one_in(2) ? 0 : below(65536));
  Bytes frame = head / Raw{upper};
  return one_in(4) ? cut_short(std::move(frame)) : spoilt(std::move(frame));
}

/// A protocol that is not balanced, or ICMP of any type.
Bytes Generator::other_protocol(const Flow& f) {
  const std::vector<std::uint8_t> protocols{1, 2, 4, 33, 41, 46, 47, 50, 58, 59, 103, 115, 136, 253, 255};
  Frame head = ip_header(f);
  if (one_in(2)) {
    const std::uint8_t type = plan_.as_kernel ? (f.v6 ? 128 : 8) : one_in(2) ? byte(16) : byte();
    return spoilt(head / Icmp{.type = type, .code = byte(5)} / payload(below(60)));
  }
  if (plan_.as_kernel) return plain(f);
  const std::uint8_t proto = any(protocols);
  if (f.v6)
    std::get<Ipv6>(head.layers[1]).next = proto;
  else
    std::get<Ipv4>(head.layers[1]).protocol = proto;
  return spoilt(head / payload(below(100)));
}

/// A datagram in two to five pieces, in any order; now and then one is missing, comes twice, or reaches into another.
std::vector<Bytes> Generator::fragments(const Flow& f) {
  Frame head = ip_header(f);
  const Bytes whole = transport(head, f, one_in(2) ? kSyn : kAck) / payload(8 + below(600));
  const std::size_t header = f.v6 ? 54 : 34;
  const Bytes upper(whole.begin() + static_cast<std::ptrdiff_t>(header), whole.end());
  const std::uint32_t id = ++datagrams_;
  const std::uint32_t count = 2 + below(4);
  const bool overlaps = !plan_.as_kernel && one_in(10);  // the kernel throws such a datagram away
  std::vector<Bytes> pieces;
  std::size_t from = 0;
  for (std::uint32_t n = 0; n < count && from < upper.size(); ++n) {
    std::size_t to = n + 1 == count ? upper.size() : from + 8 * (1 + below(static_cast<std::uint32_t>(upper.size() / 8)));
    if (n == 0 && !(plan_.odd_frames && one_in(10))) to = std::max<std::size_t>(to, 24);  // the ports, and all of TCP's header
    to = std::min(to, upper.size());
    const bool more = to < upper.size();
    Frame piece{head.layers};
    Bytes body = cut(upper, from, to - from);
    if (f.v6) {
      Bytes fragment{number_of(f.protocol), 0, 0, 0, 0, 0, 0, 0};
      set_word(fragment, 2, static_cast<std::uint16_t>(from | (more ? 1 : 0)));
      set_word(fragment, 4, static_cast<std::uint16_t>(id >> 16));
      set_word(fragment, 6, static_cast<std::uint16_t>(id));
      std::get<Ipv6>(piece.layers[1]).next = 44;
      body.insert(body.begin(), fragment.begin(), fragment.end());
    } else {
      auto& ip = std::get<Ipv4>(piece.layers[1]);
      ip.id = static_cast<std::uint16_t>(id);
      ip.protocol = number_of(f.protocol);
      ip.fragment = static_cast<std::uint16_t>(from / 8 | (more ? 0x2000 : 0));
    }
    pieces.push_back(piece / Raw{body});
    from = overlaps && to >= 16 ? to - 8 : to;
    if (!more) break;
  }
  if (one_in(3)) std::shuffle(pieces.begin(), pieces.end(), random_);
  if (one_in(8)) pieces.pop_back();
  if (!pieces.empty() && one_in(10)) pieces.push_back(pieces.front());
  return pieces;
}

/// An error of a type that is looked into, mostly. Not "too big" about tunnels: what a packet may be from then on
/// depends on the time.
Icmp Generator::any_error(bool v6) {
  const std::vector<std::uint8_t> types4{3, 3, 3, 11, 4}, types6{1, 1, 3};
  Icmp icmp{.type = any(v6 ? types6 : types4), .code = byte(5), .rest = 0};
  if (plan_.as_kernel && icmp.type == 4) icmp.type = 3;
  if (!v6 && icmp.type == 3 && icmp.code == 4) icmp.code = 1;
  return icmp;
}

/// About a packet that the client (or, from_server, the server) of this flow may have got.
Bytes Generator::error_about(const Flow& f, bool from_server) {
  Flow error = f, quoted = f;
  std::swap(quoted.src, quoted.dst);
  std::swap(quoted.sport, quoted.dport);
  if (!from_server && one_in(6)) error.src = client(f.v6);
  Icmp icmp = any_error(f.v6);
  if (one_in(4)) {  // too big, for a packet that is in no tunnel
    icmp.type = f.v6 ? 2 : 3;
    icmp.code = f.v6 ? 0 : 4;
    icmp.rest = 1000 + below(500);
  }
  if (one_in(20)) icmp.checksum = static_cast<std::uint16_t>(below(65536));
  Frame frame = ip_header(error) / icmp;
  for (const Layer& layer : transport(Frame{{ip_header(quoted).layers[1]}}, quoted, kAck).layers) frame = frame / layer;
  Bytes bytes = frame / payload(below(64));
  if (!one_in(6)) return spoilt(std::move(bytes));
  // the quote ends anywhere; the sum agrees
  bytes = cut_short(std::move(bytes));
  const std::size_t l4 = f.v6 ? 54 : 34;
  if (bytes.size() < l4 + 4) return bytes;
  set_word(bytes, l4 + 2, 0);
  set_word(bytes, l4 + 2,
           internet_checksum({bytes.data() + l4, bytes.size() - l4},
                             f.v6 ? pseudo_header_sum(cut(bytes, 22, 16), cut(bytes, 38, 16), 58, bytes.size() - l4) : 0));
  return bytes;
}

/// A router says that a packet in one of our tunnels did not arrive.
Bytes Generator::error_about_tunnel() {
  const std::uint32_t i = below(static_cast<std::uint32_t>(services_.size()));
  const Service& s = services_[i];
  if (s.servers.empty()) return plain(client_flow());
  const Server& server = any(s.servers);
  const bool v6 = server.key.address.family == model::Family::kInet6, inner6 = s.key.family == model::Family::kInet6;
  // kernel IPVS relays none of those that are IPv6, or hold it
  if (plan_.as_kernel && (v6 || inner6)) return plain(client_flow());
  Flow error{.v6 = v6, .src = server.key.address.text(), .dst = v6 ? plan_.director6 : plan_.director4, .to = kServerMac};
  const Flow outer{.v6 = v6, .src = error.dst, .dst = error.src, .to = kServerMac};
  const Flow inner{.v6 = inner6, .protocol = s.key.protocol, .src = client(inner6), .dst = s.key.address.text(),
                   .sport = client_port(i), .dport = s.key.port, .to = kServerMac};
  Icmp icmp = any_error(v6);
  if (one_in(20)) icmp.checksum = static_cast<std::uint16_t>(below(65536));
  Frame frame = ip_header(error) / icmp / ip_header(outer).layers[1];
  const std::uint8_t proto = inner6 ? 41 : 4;
  if (server.config.tun_type == model::TunnelType::kGue) {
    Bytes gue{0, proto, 0, 0};
    if (one_in(20)) gue[below(4)] = byte();
    frame = frame / Udp{.sport = 50000, .dport = server.config.tun_port} / Raw{gue};
  } else if (server.config.tun_type == model::TunnelType::kGre) {
    auto& header = frame.layers.back();
    if (v6) std::get<Ipv6>(header).next = 47;
    else std::get<Ipv4>(header).protocol = 47;
    Bytes gre{static_cast<std::uint8_t>(server.config.tun_flags ? 0x80 : 0), 0, static_cast<std::uint8_t>(inner6 ? 0x86 : 0x08),
              static_cast<std::uint8_t>(inner6 ? 0xdd : 0x00)};
    if (server.config.tun_flags) gre.resize(8);
    frame = frame / Raw{gre};
  }
  for (const Layer& layer : transport(Frame{{ip_header(inner).layers[1]}}, inner, kAck).layers) frame = frame / layer;
  return spoilt(frame / payload(below(64)));
}

}  // namespace xlvs::support
