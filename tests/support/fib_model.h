// SPDX-License-Identifier: GPL-2.0-or-later
// The routes and neighbours of support/network.h once more, as a table that the reference forwarder looks
// into.
#pragma once

#include <cstdint>

#include "support/network.h"

namespace xlvs::support {

struct Route {
  enum class Kind : std::uint8_t { kForward, kUnresolved, kNone, kLocal } kind = Kind::kNone;
  std::uint32_t ifindex = 0;
  std::uint16_t mtu = 0;
  Mac smac{}, dmac{};  ///< kForward
  Bytes gateway;       ///< next hop: the gateway or the destination itself
  Bytes source;        ///< the address that the director itself would send from
};

/// @param dst  4 or 16 bytes
Route route_to(const Network& network, const Bytes& dst);

}  // namespace xlvs::support
