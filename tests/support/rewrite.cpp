// SPDX-License-Identifier: GPL-2.0-or-later
// Byte by byte, with every checksum as RFC 1624 has it.
#include "support/rewrite.h"

#include <algorithm>

namespace xlvs::support {

std::uint16_t word(const Bytes& b, std::size_t at) {
  return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]);
}
void set_word(Bytes& b, std::size_t at, std::uint16_t v) {
  b[at] = static_cast<std::uint8_t>(v >> 8);
  b[at + 1] = static_cast<std::uint8_t>(v);
}
Bytes cut(const Bytes& b, std::size_t at, std::size_t n) {
  return Bytes(b.begin() + static_cast<std::ptrdiff_t>(at), b.begin() + static_cast<std::ptrdiff_t>(at + n));
}

namespace {

/// A checksum at `at` after the 16-bit words `from` became `to`: an error in it stays the same error.
void adjust(Bytes& b, std::size_t at, const Bytes& from, const Bytes& to) {
  std::int64_t sum = 0xffff - word(b, at);
  for (std::size_t i = 0; i < from.size(); i += 2) sum += std::int64_t{word(to, i)} - word(from, i);
  sum = (sum % 0xffff + 0xffff) % 0xffff;
  set_word(b, at, static_cast<std::uint16_t>(sum == 0 ? 0 : 0xffff - sum));
}

/// An SCTP packet's checksum after other bytes of it changed; `before` is the packet as it was. What was wrong stays
/// wrong by the same; 0 is none.
void adjust_sctp(Bytes& packet, const Bytes& before) {
  std::uint32_t stood = 0;
  for (std::size_t i = 0; i < 4; ++i) stood |= std::uint32_t{before[8 + i]} << 8 * i;
  if (stood == 0) return;
  const std::uint32_t error = stood ^ sctp_checksum(before), check = sctp_checksum(packet) ^ error;
  for (std::size_t i = 0; i < 4; ++i) packet[8 + i] = static_cast<std::uint8_t>(check >> 8 * i);
}

}  // namespace

void decrease_ttl(Bytes& ip) {
  if (ip[0] >> 4 == 6) {
    --ip[7];
    return;
  }
  const Bytes before = cut(ip, 8, 2);
  --ip[8];
  adjust(ip, 10, before, cut(ip, 8, 2));
}

Bytes replace_address(Bytes& ip, bool destination, const Bytes& address) {
  const bool v6 = ip[0] >> 4 == 6;
  const std::size_t at = v6 ? (destination ? 24 : 8) : (destination ? 16 : 12);
  const Bytes from = cut(ip, at, address.size());
  if (!v6) adjust(ip, 10, from, address);
  std::copy(address.begin(), address.end(), ip.begin() + static_cast<std::ptrdiff_t>(at));
  return from;
}

void translate(Bytes& ip, std::size_t header, std::uint8_t proto, bool destination, const Bytes& address,
               std::uint16_t port) {
  const std::size_t port_at = header + (destination ? 2 : 0);
  Bytes from = replace_address(ip, destination, address), to = address;
  from.insert(from.end(), {ip[port_at], ip[port_at + 1]});
  set_word(ip, port_at, port);
  to.insert(to.end(), {ip[port_at], ip[port_at + 1]});
  if (proto == 132) {
    const std::size_t length = ip[0] >> 4 == 6 ? 40u + word(ip, 4) : word(ip, 2);
    Bytes packet = cut(ip, header, length - header), before = packet;
    before[destination ? 2 : 0] = from[address.size()];
    before[destination ? 3 : 1] = from[address.size() + 1];
    adjust_sctp(packet, before);
    std::copy(packet.begin(), packet.end(), ip.begin() + static_cast<std::ptrdiff_t>(header));
    return;
  }
  const std::size_t check_at = header + (proto == 6 ? 16 : 6);
  if (proto == 17 && word(ip, check_at) == 0) return;
  adjust(ip, check_at, from, to);
  if (proto == 17 && word(ip, check_at) == 0) set_word(ip, check_at, 0xffff);
}

Bytes shim_before(const Bytes& ip, const model::ServerConfig& config, std::size_t length) {
  const bool inner6 = ip[0] >> 4 == 6;
  if (config.tun_type == model::TunnelType::kGue) {
    Bytes gue{0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(inner6 ? 41 : 4), 0, 0};
    set_word(gue, 2, config.tun_port);
    set_word(gue, 4, static_cast<std::uint16_t>(length + gue.size()));
    return gue;
  }
  if (config.tun_type != model::TunnelType::kGre) return {};
  Bytes gre{0, 0, 0, 0};
  set_word(gre, 2, inner6 ? 0x86dd : 0x0800);
  if (config.tun_flags == 0) return gre;
  gre[0] = 0x80;
  gre.resize(8);
  return gre;
}

Bytes encapsulate(const Bytes& ip, const Bytes& src, const Bytes& dst, const model::ServerConfig& config,
                  std::size_t length) {
  const bool inner6 = ip[0] >> 4 == 6;
  const Bytes shim = shim_before(ip, config, length);
  const std::uint8_t tos = inner6 ? static_cast<std::uint8_t>(ip[0] << 4 | ip[1] >> 4) : ip[1];
  const std::uint8_t ttl = ip[inner6 ? 7 : 8];
  const std::uint8_t proto = shim.size() == 12 ? 17 : !shim.empty() ? 47 : inner6 ? 41 : 4;
  Bytes outer;
  if (dst.size() == 4) {
    outer = {0x45, tos, 0, 0, 0, 0, 0, 0, ttl, proto, 0, 0};
    set_word(outer, 2, static_cast<std::uint16_t>(length + shim.size() + 20));
    if (!inner6) outer[6] = ip[6] & 0x40;  // don't fragment
  } else {
    outer = {static_cast<std::uint8_t>(0x60 | tos >> 4),
             static_cast<std::uint8_t>(tos << 4),
             0,
             0,
             0,
             0,
             proto,
             ttl};
    set_word(outer, 4, static_cast<std::uint16_t>(length + shim.size()));
  }
  outer.insert(outer.end(), src.begin(), src.end());
  outer.insert(outer.end(), dst.begin(), dst.end());
  if (dst.size() == 4) set_word(outer, 10, internet_checksum(outer));
  outer.insert(outer.end(), shim.begin(), shim.end());
  outer.insert(outer.end(), ip.begin(), ip.end());
  return outer;
}

Bytes icmp_error(const Bytes& frame, const Bytes& quoted, std::uint8_t type, std::uint8_t code,
                 std::uint32_t info) {
  const bool v6 = quoted[0] >> 4 == 6;
  const Bytes src = v6 ? cut(quoted, 8, 16) : cut(quoted, 12, 4),
              dst = v6 ? cut(quoted, 24, 16) : cut(quoted, 16, 4);
  const std::size_t length = v6 ? 40u + word(quoted, 4) : word(quoted, 2);
  const std::size_t most = v6 ? 1280 - 40 - 8 : 576 - 20 - 8, quote = std::min({length, most, quoted.size()});
  Bytes icmp{type, code, 0, 0, 0, 0, 0, 0};
  set_word(icmp, 4, static_cast<std::uint16_t>(info >> 16));
  set_word(icmp, 6, static_cast<std::uint16_t>(info));
  icmp.insert(icmp.end(), quoted.begin(), quoted.begin() + static_cast<std::ptrdiff_t>(quote));
  set_word(icmp, 2, internet_checksum(icmp, v6 ? pseudo_header_sum(dst, src, 58, icmp.size()) : 0));
  Bytes ip;
  if (v6) {
    ip = {0x60, 0, 0, 0, 0, 0, 58, 64};
    set_word(ip, 4, static_cast<std::uint16_t>(icmp.size()));
  } else {
    ip = {0x45, static_cast<std::uint8_t>(0xc0 | (quoted[1] & 0x1e)), 0, 0, 0, 0, 0, 0, 64, 1, 0, 0};
    set_word(ip, 2, static_cast<std::uint16_t>(20 + icmp.size()));
  }
  ip.insert(ip.end(), dst.begin(), dst.end());
  ip.insert(ip.end(), src.begin(), src.end());
  if (!v6) set_word(ip, 10, internet_checksum(ip));
  Bytes out = cut(frame, 6, 6);
  for (const Bytes& part : {cut(frame, 0, 6), cut(frame, 12, 2), ip, icmp})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace xlvs::support
