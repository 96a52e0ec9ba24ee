// SPDX-License-Identifier: GPL-2.0-or-later
// Internet checksums computed from scratch.
#include "support/checksum.h"

#include <fmt/format.h>

namespace xlvs::support {
namespace {

using View = std::span<const std::uint8_t>;

std::uint32_t sum16(View data, std::uint32_t sum) {
  for (std::size_t i = 0; i < data.size(); ++i) sum += i % 2 ? data[i] : std::uint32_t{data[i]} << 8;
  return sum;
}

std::uint32_t word(View data, std::size_t at) { return std::uint32_t{data[at]} << 8 | data[at + 1]; }

std::optional<std::string> wrong_ip(View packet);

/// `packet` is the transport header and what follows, `pseudo` the pseudo header's sum without the length.
std::optional<std::string> wrong_transport(View packet, std::uint8_t protocol, View src, View dst) {
  switch (protocol) {
    case 4:
    case 41:
      return wrong_ip(packet);
    case 47:  // GRE with a checksum
      if (packet.size() >= 8 && packet[0] & 0x80 && internet_checksum(packet) != 0) return "GRE checksum";
      return std::nullopt;
    case 1:
      if (internet_checksum(packet) != 0) return "ICMP checksum";
      return std::nullopt;
    case 6:
    case 17:
    case 58: {
      if (protocol == 17 && packet.size() >= 8 && word(packet, 6) == 0)
        return std::nullopt;  // no checksum; over IPv6 that is for tunnels (RFC 6935)
      if (internet_checksum(packet, pseudo_header_sum(src, dst, protocol, packet.size())) == 0)
        return std::nullopt;
      return fmt::format("{} checksum", protocol == 6 ? "TCP" : protocol == 17 ? "UDP" : "ICMPv6");
    }
    case 132: {
      if (packet.size() < 12) return std::nullopt;
      std::uint32_t stands = 0;
      for (std::size_t i = 0; i < 4; ++i) stands |= std::uint32_t{packet[8 + i]} << 8 * i;
      if (stands == 0 || stands == sctp_checksum(packet)) return std::nullopt;
      return "SCTP checksum";
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::string> wrong_ip(View packet) {
  if (packet.size() >= 20 && packet[0] >> 4 == 4) {
    const std::size_t header = (packet[0] & 15u) * 4u, total = word(packet, 2);
    if (header < 20 || total < header || total > packet.size()) return "IPv4 lengths";
    if (internet_checksum(packet.first(header)) != 0) return "IPv4 header checksum";
    if (word(packet, 6) & 0x3fff) return std::nullopt;  // a fragment
    return wrong_transport(packet.subspan(header, total - header), packet[9], packet.subspan(12, 4),
                           packet.subspan(16, 4));
  }
  if (packet.size() >= 40 && packet[0] >> 4 == 6) {
    const std::size_t total = 40 + word(packet, 4);
    if (total > packet.size()) return "IPv6 length";
    return wrong_transport(packet.subspan(40, total - 40), packet[6], packet.subspan(8, 16),
                           packet.subspan(24, 16));
  }
  return "IP version or header length";
}

}  // namespace

std::uint32_t sctp_checksum(View packet) {
  std::uint32_t crc = ~0u;
  for (std::size_t i = 0; i < packet.size(); ++i) {
    crc ^= i >= 8 && i < 12 ? 0 : packet[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

std::uint16_t internet_checksum(View data, std::uint32_t start) {
  std::uint32_t sum = sum16(data, start);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint32_t pseudo_header_sum(View src, View dst, std::uint8_t protocol, std::size_t length) {
  return sum16(dst, sum16(src, 0)) + protocol + static_cast<std::uint32_t>(length >> 16) +
         static_cast<std::uint32_t>(length & 0xffff);
}

std::optional<std::string> wrong_checksum(View frame) {
  std::size_t at = 12;
  while (frame.size() >= at + 2 && (word(frame, at) == 0x8100 || word(frame, at) == 0x88a8)) at += 4;
  if (frame.size() < at + 2) return "Ethernet header";
  if (word(frame, at) != 0x0800 && word(frame, at) != 0x86dd) return std::nullopt;
  return wrong_ip(frame.subspan(at + 2));
}

}  // namespace xlvs::support
