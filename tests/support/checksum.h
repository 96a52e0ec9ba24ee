// SPDX-License-Identifier: GPL-2.0-or-later
// Internet checksums and CRC32c computed from scratch, as the tests' own witness beside the data plane's incremental
// ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace xlvs::support {

using Bytes = std::vector<std::uint8_t>;

/// RFC 1071 over `data`, an odd last byte padded with zero; `start` is a partial sum to begin with.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::uint8_t> data, std::uint32_t start = 0);

/// Partial sum of the pseudo header of RFC 793 or RFC 8200: addresses (4 or 16 bytes each), protocol, length.
[[nodiscard]] std::uint32_t pseudo_header_sum(std::span<const std::uint8_t> src,
                                              std::span<const std::uint8_t> dst, std::uint8_t protocol,
                                              std::size_t length);

/// CRC32c of an SCTP packet (RFC 9260, appendix A), bit by bit, its own checksum taken for 0. Stands in the packet least
/// significant byte first.
[[nodiscard]] std::uint32_t sctp_checksum(std::span<const std::uint8_t> packet);

/// Recomputes every checksum of a frame from the Ethernet header on, through VLAN tags and IP in IP.
/// The first one that is wrong, in words; nothing if all are right.
[[nodiscard]] std::optional<std::string> wrong_checksum(std::span<const std::uint8_t> frame);

}  // namespace xlvs::support
