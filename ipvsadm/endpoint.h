// SPDX-License-Identifier: GPL-2.0-or-later
// Readers of option values: numbers, addresses, "address:port". Pure but for the names they look up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/address.h"
#include "names.h"

namespace xlvs::ipvsadm {

/// A decimal number of at least `min` and at most `max`; leading blanks and a sign as strtol takes them.
std::optional<int> read_number(const std::string& text, int min, int max);

/// A firewall mark, 1..2^32-1.
std::optional<std::uint32_t> read_fwmark(const std::string& text);

/// An IPv4 netmask, dotted or by the name of a host; as it lies in memory, that is in network order.
std::optional<std::uint32_t> read_netmask(const std::string& text, Names& names);

struct Endpoint {
  model::Address address;
  std::optional<std::uint16_t> port;  ///< host order
};

/// HOST, HOST:PORT, [V6]:PORT or a bare V6. HOST is dotted in any of inet_aton's forms, or a name; PORT a
/// number or the name of a service of `protocol`. Refused: nothing but digits, and brackets without a port.
std::optional<Endpoint> read_endpoint(std::string text, model::Protocol protocol, Names& names);

}  // namespace xlvs::ipvsadm
