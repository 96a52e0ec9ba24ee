// SPDX-License-Identifier: GPL-2.0-or-later
// The tests' routes and neighbours as a table.
#include "support/fib_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xlvs::support {
namespace {

struct Prefix {
  const char* network;
  int bits;
  enum class Out : std::uint8_t { kClient, kServer, kNarrow, kUnreachable } out;
  const char* gateway;  ///< "" = the destination is on the link
};
using enum Prefix::Out;

// Longest first within each family.
constexpr std::array kPrefixes{
    Prefix{"203.0.113.0", 24, kClient, ""},      Prefix{"192.168.1.0", 24, kServer, ""},
    Prefix{"192.168.2.0", 24, kNarrow, ""},      Prefix{"192.168.3.0", 24, kServer, "192.168.1.30"},
    Prefix{"192.168.9.0", 24, kUnreachable, ""}, Prefix{"0.0.0.0", 0, kClient, "203.0.113.254"},
    Prefix{"2001:db8:c::", 64, kClient, ""},     Prefix{"fd00:1::", 64, kServer, ""},
    Prefix{"fd00:2::", 64, kNarrow, ""},         Prefix{"fd00:3::", 64, kServer, "fd00:1::30"},
    Prefix{"fd00:9::", 64, kUnreachable, ""},    Prefix{"::", 0, kClient, "2001:db8:c::fe"},
};

struct Port {
  const char *v4, *v6;
  Mac mac;
  std::uint16_t mtu;
};
Port port_of(Prefix::Out out) {
  if (out == kClient) return {"203.0.113.1", "2001:db8:c::1", kClientMac, kMtu};
  if (out == kServer) return {"192.168.1.1", "fd00:1::1", kServerMac, kMtu};
  return {"192.168.2.1", "fd00:2::1", kNarrowMac, kNarrowMtu};
}

bool within(const Bytes& address, const Prefix& p) {
  const Bytes network = address_bytes(p.network);
  return network.size() == address.size() &&
         std::equal(network.begin(), network.begin() + p.bits / 8, address.begin());
}

std::optional<Mac> resolve(const Bytes& hop) {
  if (hop == address_bytes("203.0.113.254") || hop == address_bytes("2001:db8:c::fe")) return kGatewayMac;
  for (int network : {1, 2})
    for (int host = 10; host <= 30; ++host)
      for (const char* pattern : {"192.168.{}.{}", "fd00:{}::{}"})
        if (hop == address_bytes(fmt::format(fmt::runtime(pattern), network, host)))
          return neighbour_mac(network, host);
  return std::nullopt;
}

bool local(const Bytes& address) {
  for (Prefix::Out out : {kClient, kServer, kNarrow}) {
    const Port port = port_of(out);
    if (address == address_bytes(port.v4) || address == address_bytes(port.v6)) return true;
  }
  return address.size() == 4 ? address[0] == 127 : address == address_bytes("::1");
}

}  // namespace

Route route_to(const Network& network, const Bytes& dst) {
  Route r;
  if (local(dst)) {
    r.kind = Route::Kind::kLocal;
    return r;
  }
  for (const Prefix& p : kPrefixes) {
    if (!within(dst, p)) continue;
    if (p.out == kUnreachable) return r;
    const Port port = port_of(p.out);
    r.ifindex = p.out == kClient ? network.client : p.out == kServer ? network.server : network.narrow;
    r.mtu = port.mtu;
    r.smac = port.mac;
    r.gateway = *p.gateway ? address_bytes(p.gateway) : dst;
    r.source = address_bytes(dst.size() == 4 ? port.v4 : port.v6);
    const auto mac = resolve(r.gateway);
    r.kind = mac ? Route::Kind::kForward : Route::Kind::kUnresolved;
    if (mac) r.dmac = *mac;
    return r;
  }
  return r;
}

}  // namespace xlvs::support
