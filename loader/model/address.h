// SPDX-License-Identifier: GPL-2.0-or-later
// IP addresses and protocols as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xlvs::model {

enum class Family : std::uint8_t { kInet = 2, kInet6 = 10 };  // AF_INET, AF_INET6

/// IPPROTO_* of the protocols that IPVS balances; kNone belongs to firewall marks.
enum class Protocol : std::uint8_t { kNone = 0, kTcp = 6, kUdp = 17, kSctp = 132 };

/// An IPv4 or IPv6 address; bytes in network order, IPv4 in the first four, the rest zero.
struct Address {
  Family family = Family::kInet;
  std::array<std::uint8_t, 16> bytes{};

  /// Parses dotted or colon notation, nothing else (no names, no brackets).
  static std::optional<Address> parse(std::string_view text);
  /// Canonical text, IPv6 without brackets (inet_ntop).
  [[nodiscard]] std::string text() const;

  friend auto operator<=>(const Address&, const Address&) = default;
};

}  // namespace xlvs::model
