// SPDX-License-Identifier: GPL-2.0-or-later
// The bench's scenarios as data: traffic, forwarding, and what design.md section 4 asks of each.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/service.h"

namespace xlvs::bench {

enum class Traffic : std::uint8_t {
  kKnown,     ///< of connections that are all in the table
  kReply,     ///< NAT: from the real server, of connections that are all in the table
  kNew,       ///< every packet opens a connection, and the table is full of such
  kStranger,  ///< to an address that nobody serves
};

/// The best peer's figures on the design's machine: this scenario may cost `factor` times `peer_ns`, where
/// the floor of scenario `floor_of` costs `floor_ns`. peer_ns 0: the floor itself is the peer.
struct Goal {
  double factor, peer_ns;
  std::string_view floor_of;
  double floor_ns;
};

struct Scenario {
  std::string_view name, about;
  Traffic traffic;
  std::uint32_t flows;  ///< a power of two; of kNew: how many fill the table beforehand
  model::Family family;
  model::Protocol protocol;
  model::Forward forward;
  Goal goal;
  model::TunnelType tunnel = model::TunnelType::kIpip;  ///< kGue: to port 6080, without a checksum
  std::uint32_t services = 1;  ///< a power of two; flows are spread over them
  std::uint32_t servers = 4;   ///< of each service; kReply: 1
};

/// Addresses of the services: the only one, or the first of many, which follow it.
inline constexpr std::string_view kOnlyVip = "192.0.2.10";
inline constexpr std::uint32_t kFirstVip = 0xac140000;  // 172.20.0.0

namespace detail {
using enum Traffic;
using enum model::Family;
using enum model::Protocol;
using enum model::Forward;
constexpr std::uint32_t k1k = 1u << 10, k128k = 1u << 17, kMillion = 1u << 20, kManyServices = 1u << 14;
}  // namespace detail

inline constexpr std::array kScenarios = [] {
  using namespace detail;
  return std::array{
      Scenario{
          "est-1", "TCP established, IPIP, 1 flow", kKnown, 1, kInet, kTcp, kTunnel, {0.8, 88, "est-1", 51}},
      Scenario{"est-1k", "the same, 1,024 flows", kKnown, k1k, kInet, kTcp, kTunnel, {1, 0, "est-1k", 1}},
      Scenario{"est-128k",
               "the same, 131,072 flows",
               kKnown,
               k128k,
               kInet,
               kTcp,
               kTunnel,
               {0.4, 667, "est-128k", 346}},
      Scenario{"est-1M",
               "the same, 1,048,576 flows",
               kKnown,
               kMillion,
               kInet,
               kTcp,
               kTunnel,
               {0.4, 693, "est-1M", 332}},
      Scenario{"est-wide",
               "the same, 16,384 services with 4 servers each",
               kKnown,
               kMillion,
               kInet,
               kTcp,
               kTunnel,
               {1, 0, "est-wide", 1},
               model::TunnelType::kIpip,
               kManyServices},
      Scenario{"est6-1M",
               "the same over IPv6",
               kKnown,
               kMillion,
               kInet6,
               kTcp,
               kTunnel,
               {0.5, 481, "est-1M", 332}},
      Scenario{"udp-1M",
               "UDP, IPIP, 1,048,576 flows",
               kKnown,
               kMillion,
               kInet,
               kUdp,
               kTunnel,
               {0.5, 514, "est-1M", 332}},
      Scenario{"syn-new",
               "TCP SYN, new flow each, stored",
               kNew,
               kMillion,
               kInet,
               kTcp,
               kTunnel,
               {0.5, 1064, "est-1M", 332}},
      Scenario{"syn-wide",
               "the same, 16,384 services with 4 servers each",
               kNew,
               kMillion,
               kInet,
               kTcp,
               kTunnel,
               {1, 0, "syn-wide", 1},
               model::TunnelType::kIpip,
               kManyServices},
      Scenario{"gue-1",
               "GUE, 1 flow",
               kKnown,
               1,
               kInet,
               kTcp,
               kTunnel,
               {0.6, 193, "est-1", 51},
               model::TunnelType::kGue},
      Scenario{"pass", "not a virtual address", kStranger, 1, kInet, kTcp, kTunnel, {1, 40, "est-1", 51}},
      Scenario{"nat-1", "TCP established, NAT, 1 flow", kKnown, 1, kInet, kTcp, kMasq, {1.5, 0, "est-1", 51}},
      Scenario{"nat-1M",
               "the same, 1,048,576 flows",
               kKnown,
               kMillion,
               kInet,
               kTcp,
               kMasq,
               {1, 0, "nat-1M", 1}},
      Scenario{"reply-1",
               "from NAT's server to the client, 1 flow",
               kReply,
               1,
               kInet,
               kTcp,
               kMasq,
               {1.5, 0, "est-1", 51},
               model::TunnelType::kIpip,
               1,
               1},
      Scenario{"reply-1M",
               "the same, 1,048,576 flows",
               kReply,
               kMillion,
               kInet,
               kTcp,
               kMasq,
               {1, 0, "reply-1M", 1},
               model::TunnelType::kIpip,
               1,
               1},
      Scenario{"dr-1",
               "TCP established, direct routing, 1 flow",
               kKnown,
               1,
               kInet,
               kTcp,
               kDirect,
               {1.38, 0, "est-1", 51}},
      Scenario{"dr-1M",
               "the same, 1,048,576 flows",
               kKnown,
               kMillion,
               kInet,
               kTcp,
               kDirect,
               {1, 0, "dr-1M", 1}},
  };
}();

}  // namespace xlvs::bench
