// SPDX-License-Identifier: GPL-2.0-or-later
// The packets of each scenario.
#include <fmt/format.h>

#include "bench/contender.h"

namespace xlvs::bench {

std::uint8_t measured_flags(const Scenario& s) {
  return s.traffic == Traffic::kNew ? support::kSyn : support::kAck;
}

std::string vip_of(const Scenario& s, std::uint32_t i) {
  if (s.family == model::Family::kInet6) return "2001:db8::10";
  if (s.services == 1) return std::string(kOnlyVip);
  const std::uint32_t a = kFirstVip + i;
  return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

Stream stream_of(const Scenario& s, std::uint8_t tcp_flags, bool shuffled) {
  using namespace support;
  const bool v6 = s.family == model::Family::kInet6, stranger = s.traffic == Traffic::kStranger;
  Frame f{{Eth{}}};
  if (v6)
    f = f / Ipv6{.src = "2001:db8:1::", .dst = stranger ? "2001:db8::99" : "2001:db8::10"};
  else
    f = f / Ipv4{.src = "10.0.0.0", .dst = stranger ? "192.0.2.99" : std::string(kOnlyVip)};
  if (s.protocol == model::Protocol::kUdp)
    f = f / Udp{.sport = 1024, .dport = 80};
  else
    f = f / Tcp{.sport = 1024, .dport = 80, .flags = tcp_flags};
  Stream stream((f / payload(64)).bytes(), v6, s.traffic == Traffic::kNew ? 0 : s.flows, shuffled);
  if (s.services > 1) stream.spread_over(s.services, kFirstVip);
  return stream;
}

Stream measured_stream(const Scenario& s, bool director) {
  using namespace support;
  if (!director || s.traffic != Traffic::kReply) return stream_of(s, measured_flags(s), true);
  const Frame f = Eth{} / Ipv4{.src = "192.168.1.10", .dst = "10.0.0.0"} /
                  Tcp{.sport = 8080, .dport = 1024, .flags = kAck} / payload(64);
  Stream stream(f.bytes(), false, s.flows, true);
  stream.turn_round();
  return stream;
}

}  // namespace xlvs::bench
