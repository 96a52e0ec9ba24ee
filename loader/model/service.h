// SPDX-License-Identifier: GPL-2.0-or-later
// Virtual services, real servers, connections and daemons: the values that commands and back ends exchange.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "model/address.h"

namespace xlvs::model {

/// What identifies a virtual service. With fwmark != 0: address, port and protocol are zero, family counts.
struct ServiceKey {
  Family family = Family::kInet;
  Protocol protocol = Protocol::kNone;
  Address address{};
  std::uint16_t port = 0;  ///< host order; 0 = any port
  std::uint32_t fwmark = 0;

  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};

/// Flags of a service; the values of IP_VS_SVC_F_* in <linux/ip_vs.h>.
enum ServiceFlags : std::uint32_t {
  kSvcPersistent = 0x0001,
  kSvcHashed = 0x0002,
  kSvcOnePacket = 0x0004,
  kSvcSched1 = 0x0008,
  kSvcSched2 = 0x0010,
  kSvcSched3 = 0x0020,
};

/// Traffic totals since creation or -Z.
struct Counters {
  std::uint64_t conns = 0, in_pkts = 0, out_pkts = 0, in_bytes = 0, out_bytes = 0;
};

/// Per second, as the kernel's estimator rounds them.
struct Rates {
  std::uint64_t cps = 0, in_pps = 0, out_pps = 0, in_bps = 0, out_bps = 0;
};

/// What an administrator sets for a service (-A, -E).
struct ServiceConfig {
  std::string scheduler = "wlc";
  std::uint32_t flags = 0;      ///< ServiceFlags without kSvcHashed
  std::uint32_t timeout_s = 0;  ///< persistence; 0 unless kSvcPersistent
  std::uint32_t netmask = 0xffffffff;  ///< IPv4: mask in network order; IPv6: prefix length (default 128)
  std::string pe_name{};        ///< persistence engine, "" = none
};

struct Service {
  ServiceKey key{};
  ServiceConfig config{};
  Counters stats{};
  Rates rates{};
};

/// Forwarding methods; the values of IP_VS_CONN_F_* in <linux/ip_vs.h>.
enum class Forward : std::uint8_t { kMasq = 0, kLocal = 1, kTunnel = 2, kDirect = 3, kBypass = 4 };

enum class TunnelType : std::uint8_t { kIpip = 0, kGue = 1, kGre = 2 };

/// IP_VS_TUNNEL_ENCAP_FLAG_*
enum TunnelFlags : std::uint16_t { kTunNoCsum = 0, kTunCsum = 1, kTunRemCsum = 2 };

/// What identifies a real server within its service. port 0 = the port that the client addressed.
struct ServerKey {
  Address address{};
  std::uint16_t port = 0;  ///< host order

  friend auto operator<=>(const ServerKey&, const ServerKey&) = default;
};

/// What an administrator sets for a real server (-a, -e). weight, upper and lower as ipvsadm passes them:
/// a back end refuses weight < 0 and lower > upper with kRange.
struct ServerConfig {
  Forward forward = Forward::kDirect;
  std::int32_t weight = 1;
  std::uint32_t upper = 0, lower = 0;  ///< connection thresholds, 0 = none
  TunnelType tun_type = TunnelType::kIpip;
  std::uint16_t tun_port = 0;  ///< host order, GUE only
  std::uint16_t tun_flags = 0;
};

struct Server {
  ServerKey key{};
  ServerConfig config{};
  std::uint32_t active = 0, inactive = 0, persistent = 0;
  Counters stats{};
  Rates rates{};
};

/// One line of `ipvsadm -Lc`.
struct Connection {
  Protocol protocol = Protocol::kNone;
  std::uint32_t expires_s = 0;  ///< remaining time
  std::string state{};          ///< ESTABLISHED, UDP, NONE ...
  Address client{}, virtual_address{}, destination{};
  std::uint16_t client_port = 0, virtual_port = 0, destination_port = 0;
  bool is_template = false;
  std::string pe_name{}, pe_data{};
};

struct Timeouts {
  std::uint32_t tcp_s = 0, tcp_fin_s = 0, udp_s = 0;  ///< in a request 0 = keep
};

/// The sync daemon's two roles.
enum class DaemonState : std::uint8_t { kMaster = 1, kBackup = 2 };
struct Daemon {
  DaemonState state = DaemonState::kMaster;
  std::string interface{};
  std::uint32_t sync_id = 0;
  std::uint16_t max_len = 0;
  Address group{};
  std::uint16_t port = 0;
  std::uint8_t ttl = 0;
};

/// What the first line of a listing says of the engine.
struct EngineInfo {
  std::uint32_t version = 0x010201;       ///< of IPVS: 1.2.1
  std::uint32_t connection_table_size = 4096;  ///< the "size=" of the listing
};

}  // namespace xlvs::model
