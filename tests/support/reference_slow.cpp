// SPDX-License-Identifier: GPL-2.0-or-later
// The reference forwarder's slow path: options and extension headers, fragments, ICMP errors, packets to be cut, a real
// server that is this host.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>

#include "support/reference_packet.h"

namespace xlvs::support {
namespace {

constexpr std::size_t kWaiting = 8;       // fragments of one datagram
constexpr std::size_t kWaitingSize = 2048;  // bytes of a frame that may wait
constexpr int kExtensions = 8;            // headers that are walked over

SlowExpected stack(const Bytes& frame) { return {.action = TC_ACT_OK, .out = frame}; }
SlowExpected stack(const Bytes& frame, xlvs_reason reason) {
  return {.action = TC_ACT_OK, .reason = reason, .out = frame};
}
SlowExpected shot(xlvs_reason reason) { return {.action = TC_ACT_SHOT, .reason = reason}; }

bool balanced(std::uint8_t proto) { return proto == 6 || proto == 17 || proto == 132; }
bool extends(std::uint8_t proto) { return proto == 0 || proto == 43 || proto == 51 || proto == 60; }

/// Source routes, and options whose lengths do not fit, are the stack's to refuse.
bool for_stack(const Bytes& frame, std::size_t at, std::size_t end) {
  while (at < end && at + 2 <= frame.size() && frame[at] != 0) {
    if (frame[at] == 1) {
      ++at;
      continue;
    }
    if (frame[at] == 131 || frame[at] == 137 || frame[at + 1] < 2) return true;
    at += frame[at + 1];
    if (at > end) return true;
  }
  return false;
}

/// IPv6 extension headers up to the transport header, or up to what a later fragment carries.
template <typename Packet>
bool walk_extensions(Packet& p) {
  std::size_t at = 54;
  std::uint8_t next = p.frame[20];
  for (int n = 0; n < kExtensions; ++n) {
    if (!extends(next) && next != 44) {
      p.l4 = at;
      p.proto = next;
      return true;
    }
    if (at + 8 > p.frame.size()) return false;
    const std::uint8_t follows = p.frame[at];
    if (next == 44) {
      if (p.part != Part::kWhole) return false;
      const std::uint16_t where = word(p.frame, at + 2);
      p.id = cut(p.frame, at + 4, 4);
      if (where & 0xfff8) {
        p.part = Part::kLater;
        p.l4 = at + 8;
        p.proto = follows;
        return true;
      }
      if (where & 1) p.part = Part::kFirst;
    }
    at += next == 44 ? 8u : next == 51 ? (p.frame[at + 1] + 2) * 4u : (p.frame[at + 1] + 1) * 8u;
    next = follows;
  }
  return false;
}

/// Everything up to the ports; false: the stack's.
template <typename Packet>
bool walk(Packet& p) {
  const Bytes& f = p.frame;
  const bool v6 = f.size() > 13 && f[12] == 0x86;
  if (f.size() < (v6 ? 54u : 34u)) return false;
  p.length = v6 ? 40u + word(f, 18) : word(f, 16);
  p.src = v6 ? cut(f, 22, 16) : cut(f, 26, 4);
  p.dst = v6 ? cut(f, 38, 16) : cut(f, 30, 4);
  p.ttl = f[v6 ? 21 : 22];
  if (p.end() > f.size()) return false;
  if (v6) return walk_extensions(p);
  p.l4 = 14 + (f[14] & 15) * 4u;
  if (p.l4 < 34 || p.l4 > p.end() || for_stack(f, 34, p.l4)) return false;
  p.part = word(f, 20) & 0x1fff ? Part::kLater : word(f, 20) & 0x2000 ? Part::kFirst : Part::kWhole;
  p.id = cut(f, 18, 2);
  p.proto = f[23];
  return true;
}

/// Ports and flags; false: there is no whole transport header of a protocol that is balanced.
template <typename Packet>
bool read_ports(Packet& p) {
  if (!balanced(p.proto) || p.l4 + (p.proto == 6 ? 20 : p.proto == 132 ? 12 : 8) > p.end()) return false;
  p.sport = word(p.frame, p.l4);
  p.dport = word(p.frame, p.l4 + 2);
  if (p.proto == 6) p.flags = p.frame[p.l4 + 13];
  return true;
}

/// A packet in an ICMP error, as far as it is there.
struct Quote {
  bool v6 = false;
  std::size_t at = 0, l4 = 0;
  std::uint8_t proto = 0;
  Bytes src{}, dst{};
  std::uint16_t sport = 0, dport = 0;
};
/// Its IP header; a later fragment has no ports and is nobody's.
std::optional<Quote> read_quote(const Bytes& f, std::size_t at, bool v6) {
  Quote q{.v6 = v6, .at = at};
  if (at + (v6 ? 40 : 20) > f.size() || f[at] >> 4 != (v6 ? 6 : 4)) return std::nullopt;
  if (!v6 && (word(f, at + 6) & 0x1fff || (f[at] & 15) < 5)) return std::nullopt;
  q.proto = f[at + (v6 ? 6 : 9)];
  q.l4 = at + (v6 ? 40u : (f[at] & 15) * 4u);
  q.src = v6 ? cut(f, at + 8, 16) : cut(f, at + 12, 4);
  q.dst = v6 ? cut(f, at + 24, 16) : cut(f, at + 16, 4);
  return q;
}
bool read_ports(const Bytes& f, std::size_t end, Quote& q) {
  if (!balanced(q.proto) || q.l4 + 4 > end || q.l4 + 4 > f.size()) return false;
  q.sport = word(f, q.l4);
  q.dport = word(f, q.l4 + 2);
  return true;
}

/// Where the packet inside a tunnel starts, and of which family it is; `port` of GUE.
struct Inside {
  std::size_t at = 0;
  bool v6 = false;
  std::uint16_t port = 0;
};
std::optional<Inside> inside(const Bytes& f, const Quote& q) {
  Inside in{.at = q.l4};
  std::uint8_t proto = q.proto;
  if (q.proto == 17) {
    if (q.l4 + 12 > f.size() || f[q.l4 + 8] != 0 || word(f, q.l4 + 10) != 0) return std::nullopt;
    in.port = word(f, q.l4 + 2);
    proto = f[q.l4 + 9];
    in.at += 12;
  } else if (q.proto == 47) {
    if (q.l4 + 4 > f.size() || word(f, q.l4) & 0x7fff) return std::nullopt;
    proto = word(f, q.l4 + 2) == 0x0800 ? 4 : word(f, q.l4 + 2) == 0x86dd ? 41 : 0;
    in.at += word(f, q.l4) ? 8 : 4;
  }
  if (proto != 4 && proto != 41) return std::nullopt;
  in.v6 = proto == 41;
  return in;
}

std::uint16_t icmp_sum(const Bytes& ip, std::size_t at, std::size_t end) {
  const bool v6 = ip[0] >> 4 == 6;
  const std::span<const std::uint8_t> icmp{ip.data() + at, end - at};
  return internet_checksum(icmp, v6 ? pseudo_header_sum(cut(ip, 8, 16), cut(ip, 24, 16), 58, icmp.size()) : 0);
}

}  // namespace

/// An error to the sender; none about an error or a later fragment.
SlowExpected Reference::slow_error(const Packet& p, const Way& way, const Bytes& quoted, xlvs_reason reason,
                                   std::uint32_t type_code, std::uint32_t info) {
  SlowExpected e = shot(reason);
  if (p.quoted || p.part == Part::kLater || !may_be_answered(p.frame, p.src)) return e;
  e.action = TC_ACT_REDIRECT;
  e.error = true;
  e.out = icmp_error(p.frame, quoted, static_cast<std::uint8_t>(type_code >> 8), static_cast<std::uint8_t>(type_code),
                     info);
  if (!p.v6()) e.free = {18, 24};
  if (way.server && way.forward != model::Forward::kMasq) e.told = way.server.get();
  return e;
}

/// The rewritten packet on its way out, or up: what has arrived here loses no hop.
SlowExpected Reference::leave(const Packet& p, const Way& way, const Route& route, bool cut_up) {
  SlowExpected e{.action = TC_ACT_REDIRECT, .out = Bytes(p.frame.begin(), p.frame.begin() + 14)};
  Bytes ip = p.ip();
  const model::ServerConfig& config = way.server->config;
  const Bytes server = bytes_of(way.server->key.address);
  const bool tunnel = !way.back && way.forward == model::Forward::kTunnel;
  const Bytes& address = way.back ? way.vaddr : server;
  const std::size_t header = p.l4 - 14;
  if (route.kind != Route::Kind::kLocal) decrease_ttl(ip);
  if (way.forward == model::Forward::kMasq && p.quoted) {
    const std::uint16_t port = way.back ? way.vport : way.server->key.port ? way.server->key.port : word(p.frame, p.quoted_l4);
    Bytes quote(ip.begin() + static_cast<std::ptrdiff_t>(p.quoted - 14), ip.end());
    replace_address(ip, !way.back, address);
    replace_address(quote, way.back, address);
    set_word(quote, p.quoted_l4 - p.quoted + (way.back ? 2 : 0), port);
    std::copy(quote.begin(), quote.end(), ip.begin() + static_cast<std::ptrdiff_t>(p.quoted - 14));
    set_word(ip, header + 2, 0);
    set_word(ip, header + 2, icmp_sum(ip, header, p.length));
  } else if (way.forward == model::Forward::kMasq && p.part == Part::kLater) {
    replace_address(ip, !way.back, address);
  } else if (way.forward == model::Forward::kMasq) {
    const std::uint16_t port = way.back ? way.vport : way.server->key.port ? way.server->key.port : p.dport;
    if (p.proto == 132 && p.part == Part::kFirst && port != (way.back ? p.sport : p.dport))
      return shot(XLVS_REASON_FRAGMENT_SUM);  // the sum covers what is not here
    if (p.proto == 132 && port == (way.back ? p.sport : p.dport))
      replace_address(ip, !way.back, address);
    else
      translate(ip, header, p.proto, !way.back, address, port);
  }
  if (tunnel) {
    const std::size_t shim = shim_before(ip, config, p.length).size(), outer = server.size() == 4 ? 20 : 40;
    ip = encapsulate(ip, route.source, server, config, p.length);
    if (outer == 20) e.free = {14 + 4, 14 + 10};
    if (shim == 12) e.free.push_back(14 + outer);
    if (shim && config.tun_flags) e.free.push_back(14 + outer + (shim == 12 ? 6 : 4));
  }
  if (cut_up && (ip[0] != 0x45 || route.mtu < 576)) return shot(XLVS_REASON_TOO_BIG);
  if (cut_up) e.cut = route.mtu;
  set_word(e.out, 12, ip[0] >> 4 == 6 ? 0x86dd : 0x0800);
  e.out.insert(e.out.end(), ip.begin(), ip.end());
  if (route.kind == Route::Kind::kLocal)
    e.action = TC_ACT_OK;
  else
    e.route = route;
  return e;
}

SlowExpected Reference::carry(const Packet& p, const Way& way) {
  model::Counters& stats = way.server->stats;
  const bool tunnel = !way.back && way.forward == model::Forward::kTunnel;
  const Bytes to = way.back ? p.dst : bytes_of(way.server->key.address);
  if (way.back && p.ttl <= 1) return stack(p.frame);
  if (!way.back) {
    ++stats.in_pkts;
    stats.in_bytes += p.length;
  }
  const Route route = route_to(network_, to);
  if (route.kind == Route::Kind::kLocal && !way.back) {
    if (way.forward != model::Forward::kMasq) return stack(p.frame, XLVS_REASON_SERVER_LOCAL);
    return leave(p, way, route, false);
  }
  if (route.kind == Route::Kind::kNone || route.kind == Route::Kind::kLocal) {
    if (way.back) return stack(p.frame);
    return slow_error(p, way, p.ip(), XLVS_REASON_NO_ROUTE, p.v6() ? 0x0103 : 0x0301, 0);
  }
  if (p.ttl <= 1) return slow_error(p, way, p.ip(), XLVS_REASON_TTL, p.v6() ? 0x0300 : 0x0b00, 0);
  const std::size_t grow =
      tunnel ? (to.size() == 4 ? 20u : 40u) + shim_before(p.ip(), way.server->config, p.length).size() : 0;
  bool cut_up = false;
  if (route.kind == Route::Kind::kForward && p.length + grow > route.mtu) {
    if (!p.v6() && !(p.frame[20] & 0x40)) {
      if (to.size() != 4) return shot(XLVS_REASON_TOO_BIG);
      cut_up = true;
    } else if (way.back) {
      return stack(p.frame);
    } else {
      Bytes quoted = p.ip();
      decrease_ttl(quoted);
      return slow_error(p, way, quoted, XLVS_REASON_TOO_BIG, p.v6() ? 0x0200 : 0x0304,
                        static_cast<std::uint32_t>(route.mtu - grow));
    }
  }
  if (way.back) {
    ++stats.out_pkts;
    stats.out_bytes += p.length;
  }
  return leave(p, way, route, cut_up);
}

/// A packet with ports: its connection, or none.
SlowExpected Reference::match(const Packet& p) {
  Way way;
  const bool to_vip = std::any_of(services_.begin(), services_.end(),
                                  [&](const auto& s) { return bytes_of(s.first.address) == p.dst; });
  if (to_vip) {
    auto found = connection_of(p);
    if (auto* c = std::get_if<Connection*>(&found)) {
      way = {.server = (*c)->server, .forward = (*c)->forward, .vaddr = {}};
    } else {
      const Expected& e = std::get<Expected>(found);
      if (e.reason == XLVS_REASON_NO_SERVER)
        return slow_error(p, way, p.ip(), XLVS_REASON_NO_SERVER, p.v6() ? 0x0104 : 0x0303, 0);
      if (e.action == XDP_DROP) return shot(e.reason);
    }
  }
  if (!way.server && p.ttl > 1)
    if (auto* entry = newest_reply(p.proto, p.src, p.sport, p.dst, p.dport)) {
      Connection& c = entry->second;
      step(c, p, true);
      way = {.server = c.server, .forward = c.forward, .back = true, .vaddr = std::get<3>(entry->first),
             .vport = std::get<4>(entry->first)};
    }
  const bool ours = way.server != nullptr;
  SlowExpected waited;
  if (p.part == Part::kFirst) {
    Datagram& d = datagrams_[{p.src, p.dst, p.id, p.v6() ? 0 : p.proto}];
    d.known = true;
    d.way = ours ? std::optional(way) : std::nullopt;
    waited.anew.swap(d.waiting);
  }
  SlowExpected e = ours ? carry(p, way) : stack(p.frame);
  e.anew = waited.anew;
  return e;
}

/// A fragment that has no ports goes where its datagram's first went, or waits for it.
SlowExpected Reference::later(const Packet& p) {
  if (!balanced(p.proto) && !(p.v6() && extends(p.proto))) return stack(p.frame);
  Datagram& d = datagrams_[{p.src, p.dst, p.id, p.v6() ? 0 : p.proto}];
  if (d.known) return d.way ? carry(p, *d.way) : stack(p.frame);
  if (d.waiting.size() >= kWaiting || p.frame.size() > kWaitingSize) return shot(XLVS_REASON_FRAGMENT_EARLY);
  d.waiting.push_back(p.frame);
  return shot(XLVS_REASON_FRAGMENT_HELD);
}

/// An error about one of our tunnels: the client hears about its own packet.
std::optional<SlowExpected> Reference::relay(const Packet& p) {
  const auto outer = read_quote(p.frame, p.quoted, p.v6());
  const auto in = outer ? inside(p.frame, *outer) : std::nullopt;
  auto q = in ? read_quote(p.frame, in->at, in->v6) : std::nullopt;
  if (!q || !read_ports(p.frame, p.end(), *q)) return std::nullopt;
  const auto found = connections_.find({q->proto, q->src, q->sport, q->dst, q->dport});
  if (found == connections_.end()) return std::nullopt;
  const Connection& c = found->second;
  const model::ServerConfig& config = c.server->config;
  const auto type = outer->proto == 17   ? model::TunnelType::kGue
                    : outer->proto == 47 ? model::TunnelType::kGre
                                         : model::TunnelType::kIpip;
  if (c.forward != model::Forward::kTunnel || bytes_of(c.server->key.address) != outer->dst || config.tun_type != type ||
      (type == model::TunnelType::kGue && config.tun_port != in->port))
    return std::nullopt;
  if (icmp_sum(p.ip(), p.l4 - 14, p.length) != 0) return shot(XLVS_REASON_MALFORMED);
  const std::uint8_t icmp = p.frame[p.l4], code = p.frame[p.l4 + 1];
  const std::uint32_t info = static_cast<std::uint32_t>(word(p.frame, p.l4 + 4)) << 16 | word(p.frame, p.l4 + 6);
  Bytes frame(p.frame.begin(), p.frame.begin() + 14), ip = cut(p.frame, in->at, p.end() - in->at);
  set_word(frame, 12, in->v6 ? 0x86dd : 0x0800);
  frame.insert(frame.end(), ip.begin(), ip.end());
  SlowExpected e{.action = TC_ACT_SHOT};
  const Route route = route_to(network_, q->src);
  if (!may_be_answered(frame, q->src) || route.kind == Route::Kind::kNone || route.kind == Route::Kind::kLocal) return e;
  std::uint8_t said = icmp, detail = code;
  if (p.v6() != in->v6) {
    const bool exceeded = icmp == (p.v6() ? 3 : 11);
    said = exceeded ? (in->v6 ? 3 : 11) : in->v6 ? 1 : 3;
    detail = exceeded ? 0 : in->v6 ? 3 : 1;
  }
  e.action = TC_ACT_REDIRECT;
  e.error = true;
  e.out = icmp_error(frame, ip, said, detail, info);
  e.route = route;
  e.told = c.server.get();
  if (!in->v6) e.free = {18, 24};
  return e;
}

/// An ICMP error: about a tunnel, or about a packet of a connection, from either side.
SlowExpected Reference::about(const Packet& error) {
  Packet p = error;
  const std::uint8_t icmp = p.l4 + 8 <= p.frame.size() ? p.frame[p.l4] : 0;
  const bool is_error = p.v6() ? icmp >= 1 && icmp < 128 : icmp == 3 || icmp == 4 || icmp == 11;
  if (p.part != Part::kWhole || !is_error) return stack(p.frame);
  p.quoted = p.l4 + 8;
  if (auto relayed = relay(p)) return *relayed;
  auto q = read_quote(p.frame, p.quoted, p.v6());
  if (!q || !read_ports(p.frame, p.end(), *q)) return stack(p.frame);
  p.quoted_l4 = q->l4;
  Way way;
  const auto found = connections_.find({q->proto, q->dst, q->dport, q->src, q->sport});
  if (found != connections_.end()) {
    way = {.server = found->second.server, .forward = found->second.forward, .vaddr = {}};
  } else if (auto* entry = newest_reply(q->proto, q->dst, q->dport, q->src, q->sport)) {
    way = {.server = entry->second.server, .forward = entry->second.forward, .back = true,
           .vaddr = std::get<3>(entry->first), .vport = std::get<4>(entry->first)};
  } else {
    return stack(p.frame);
  }
  if (icmp_sum(p.ip(), p.l4 - 14, p.length) != 0) return shot(XLVS_REASON_MALFORMED);
  return carry(p, way);
}

SlowExpected Reference::again(const Bytes& frame, std::uint32_t ifindex) {
  const Mac& own = mac_of(network_, ifindex);
  Packet p{.frame = frame, .ifindex = ifindex};
  if (!std::equal(own.begin(), own.end(), frame.begin()) || !walk(p)) return stack(frame);
  const bool icmp = p.proto == (p.v6() ? 58 : 1);
  if (p.part != Part::kLater && !icmp && !read_ports(p)) return stack(frame);
  if (martian(p.src) || from_here(p)) return stack(frame, XLVS_REASON_MARTIAN);
  if (icmp) return about(p);
  return p.part == Part::kLater ? later(p) : match(p);
}

}  // namespace xlvs::support
