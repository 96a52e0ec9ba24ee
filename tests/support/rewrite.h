// SPDX-License-Identifier: GPL-2.0-or-later
// What the reference forwarder does to packets. `ip` is a packet from its IP header on, with whatever is behind it.
#pragma once

#include "model/service.h"
#include "support/packet.h"

namespace xlvs::support {

std::uint16_t word(const Bytes& b, std::size_t at);
void set_word(Bytes& b, std::size_t at, std::uint16_t v);
/// n bytes from `at` on.
Bytes cut(const Bytes& b, std::size_t at, std::size_t n);

void decrease_ttl(Bytes& ip);

/// Replaces the destination or the source; IPv4's checksum stays right, or as wrong as it was.  @return the old one
Bytes replace_address(Bytes& ip, bool destination, const Bytes& address);
/// The same, with a port of the transport header behind `header` bytes, and its checksum.
void translate(Bytes& ip, std::size_t header, std::uint8_t proto, bool destination, const Bytes& address,
               std::uint16_t port);

/// GUE or GRE before the packet; an empty one for IPIP. The source port of GUE and all checksums are left 0.
Bytes shim_before(const Bytes& ip, const model::ServerConfig& config, std::size_t length);
/// The packet inside an outer header from `src` to `dst`; what may be anything is left 0.
Bytes encapsulate(const Bytes& ip, const Bytes& src, const Bytes& dst, const model::ServerConfig& config,
                  std::size_t length);

/// The error that an IP packet (with anything behind it) in `frame` is owed: back to its source, from the
/// address that it was sent to, quoting as much as there is and as fits into what every host takes (RFC 1812,
/// RFC 4443).
Bytes icmp_error(const Bytes& frame, const Bytes& quoted, std::uint8_t type, std::uint8_t code, std::uint32_t info);

}  // namespace xlvs::support
