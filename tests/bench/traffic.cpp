// SPDX-License-Identifier: GPL-2.0-or-later
// The packets of each scenario.
#include "bench/contender.h"

namespace xlvs::bench {

std::uint8_t measured_flags(const Scenario& s) {
  return s.traffic == Traffic::kNew ? support::kSyn : support::kAck;
}

Stream stream_of(const Scenario& s, std::uint8_t tcp_flags, bool shuffled) {
  using namespace support;
  const bool v6 = s.family == model::Family::kInet6, stranger = s.traffic == Traffic::kStranger;
  Frame f{{Eth{}}};
  if (v6)
    f = f / Ipv6{.src = "2001:db8:1::", .dst = stranger ? "2001:db8::99" : "2001:db8::10"};
  else
    f = f / Ipv4{.src = "10.0.0.0", .dst = stranger ? "192.0.2.99" : "192.0.2.10"};
  if (s.protocol == model::Protocol::kUdp)
    f = f / Udp{.sport = 1024, .dport = 80};
  else
    f = f / Tcp{.sport = 1024, .dport = 80, .flags = tcp_flags};
  return Stream((f / payload(64)).bytes(), v6, s.traffic == Traffic::kNew ? 0 : s.flows, shuffled);
}

}  // namespace xlvs::bench
