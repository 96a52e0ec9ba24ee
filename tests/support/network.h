// SPDX-License-Identifier: GPL-2.0-or-later
// A network of its own for tests: interfaces, routes and neighbours that the data plane's FIB lookups meet.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "support/packet.h"

namespace xlvs::support {

/// What enter_network() builds; packets arrive on `client`.
///   client  203.0.113.1/24, 2001:db8:c::1/64, default routes through .254 and ::fe
///   server  192.168.1.1/24, fd00:1::1/64; 192.168.3.0/24 and fd00:3::/64 through 192.168.1.30, fd00:1::30
///   narrow  192.168.2.1/24, fd00:2::1/64, an MTU of 1300
/// Hosts 10 to 30 of the last two networks, and both gateways, are permanent neighbours (neighbour_mac());
/// all others are unknown. 192.168.9.0/24 and fd00:9::/64 are unreachable.
struct Network {
  std::uint32_t client = 0, server = 0, narrow = 0;  ///< interface numbers
};
constexpr std::uint16_t kMtu = 1500, kNarrowMtu = 1300;
constexpr Mac kClientMac{0x02, 0, 0, 0, 0xc0, 0x01}, kGatewayMac{0x02, 0, 0, 0, 0xc0, 0xfe};
constexpr Mac kServerMac{0x02, 0, 0, 0, 0x51, 0x01}, kNarrowMac{0x02, 0, 0, 0, 0x52, 0x01};

/// Of host `host` in network 1 (server) or 2 (narrow).
constexpr Mac neighbour_mac(int network, int host) {
  return {0x02, 0, 0, 0, static_cast<std::uint8_t>(0x50 + network), static_cast<std::uint8_t>(host)};
}

/// Moves this process into a fresh network namespace and fills it; it goes away with the process.
/// The first call does it, later ones return the same. kPermission without root.
Result<Network> enter_network();

}  // namespace xlvs::support
