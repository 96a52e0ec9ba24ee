// SPDX-License-Identifier: GPL-2.0-or-later
// Packets composed as header chains: Eth{} / Ipv4{...} / Tcp{...} / Raw{...}; lengths and checksums fill
// themselves in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "support/checksum.h"

namespace xlvs::support {

using Mac = std::array<std::uint8_t, 6>;

/// An unset optional is computed: types and protocols from the next header, lengths and checksums from
/// what follows. Set, it goes out as it is, however wrong.
struct Eth {
  Mac dst{0x02, 0, 0, 0, 0xc0, 0x01}, src{0x02, 0, 0, 0, 0xc0, 0xfe};
  std::optional<std::uint16_t> type{};
};
struct Vlan {
  std::uint16_t id = 1;
  std::uint16_t tpid = 0x8100;  ///< type that announces this tag
  std::optional<std::uint16_t> type{};
};
struct Ipv4 {
  std::string src, dst;
  std::uint8_t tos = 0;
  std::uint16_t id = 0x1234;
  std::uint16_t fragment = 0x4000;  ///< flags and offset; default DF
  std::uint8_t ttl = 64;
  std::optional<std::uint8_t> protocol{};
  std::optional<std::uint16_t> length{}, checksum{};
  std::optional<std::uint8_t> first_byte{};  ///< version and header length
  Bytes options{};
};
struct Ipv6 {
  std::string src, dst;
  std::uint8_t tclass = 0;
  std::uint32_t flow_label = 0;
  std::uint8_t hop_limit = 64;
  std::optional<std::uint8_t> next{};
  std::optional<std::uint16_t> length{};
  std::optional<std::uint8_t> first_byte{};
};
constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;
struct Tcp {
  std::uint16_t sport = 40000, dport = 80;
  std::uint8_t flags = kSyn;
  std::uint32_t seq = 1000, ack = 0;
  std::uint16_t window = 64000;
  std::optional<std::uint16_t> checksum{};
  std::optional<std::uint8_t> offset{};  ///< in 32-bit words
  Bytes options{};
};
struct Udp {
  std::uint16_t sport = 40000, dport = 53;
  std::optional<std::uint16_t> length{}, checksum{};
};
/// SCTP's common header; chunks follow as layers.
struct Sctp {
  std::uint16_t sport = 40000, dport = 36412;
  std::uint32_t tag = 7;
  std::optional<std::uint32_t> checksum{};  ///< least significant byte first
};
struct Chunk {
  std::uint8_t type = 0, flags = 0;
  Bytes body = Bytes(12);
  std::optional<std::uint16_t> length{};
};
/// Types of chunks.
enum ChunkType : std::uint8_t {
  kData = 0,
  kInit = 1,
  kInitAck = 2,
  kSack = 3,
  kHeartbeat = 4,
  kAbort = 6,
  kShutdown = 7,
  kShutdownAck = 8,
  kError = 9,
  kCookieEcho = 10,
  kCookieAck = 11,
  kShutdownComplete = 14,
};
/// ICMP over either family; which one follows from the IP header before it.
struct Icmp {
  std::uint8_t type = 8, code = 0;
  std::uint32_t rest = 0;
  std::optional<std::uint16_t> checksum{};
};
struct Raw {
  Bytes bytes;
};

using Layer = std::variant<Eth, Vlan, Ipv4, Ipv6, Tcp, Udp, Sctp, Chunk, Icmp, Raw>;

/// A chain of headers, outermost first.
struct Frame {
  std::vector<Layer> layers;

  [[nodiscard]] Bytes bytes() const;
  operator Bytes() const { return bytes(); }  // NOLINT(google-explicit-constructor): a frame is its bytes
};

inline Frame operator/(Frame frame, Layer next) {
  frame.layers.push_back(std::move(next));
  return frame;
}
/// Starts a chain. Every layer starts one, so that inner packets can be composed alone.
template <typename First>
requires std::is_constructible_v<Layer, First> &&(!std::is_same_v<First, Layer>)Frame operator/(First first,
                                                                                                Layer next) {
  return Frame{{Layer{std::move(first)}, std::move(next)}};
}

/// n bytes 0, 1, 2 ...
[[nodiscard]] Raw payload(std::size_t n);
/// What follows the first `skip` bytes, as a layer.
[[nodiscard]] Raw rest_of(const Bytes& bytes, std::size_t skip);
/// 4 or 16 bytes in network order; aborts on bad text, which is the test's own.
[[nodiscard]] Bytes address_bytes(const std::string& text);
/// Rows of 16 bytes with offsets, for failure messages.
[[nodiscard]] std::string hexdump(const Bytes& bytes);

}  // namespace xlvs::support
