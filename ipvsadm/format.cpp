// SPDX-License-Identifier: GPL-2.0-or-later
// Rows in printf's words: widths count bytes, and trailing blanks are part of the format.
#include "format.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace xlvs::ipvsadm {
namespace {

using model::Family;
using model::Protocol;

constexpr std::size_t kServiceColumns = 33;
constexpr std::size_t kServerColumns = 28;
constexpr std::size_t kEndpointLimit = 59;
constexpr std::uint32_t kSchedulerFlags = model::kSvcSched1 | model::kSvcSched2 | model::kSvcSched3;

[[gnu::format(printf, 1, 2)]] std::string print(const char* format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int length = std::vsnprintf(nullptr, 0, format, args);
  va_end(args);
  std::string text(static_cast<std::size_t>(std::max(length, 0)), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  return text;
}

std::string dotted(std::uint32_t netmask) {
  model::Address address;
  std::memcpy(address.bytes.data(), &netmask, sizeof(netmask));
  return address.text();
}

std::string numbers(std::initializer_list<std::uint64_t> values, bool exact) {
  std::string text;
  for (std::uint64_t value : values) text += number_text(value, exact);
  return text;
}

const char* protocol_word(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "TCP";
    case Protocol::kUdp:
      return "UDP";
    case Protocol::kSctp:
      return "SCTP";
    default:
      return "?";
  }
}

const char* service_option(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "-t";
    case Protocol::kUdp:
      return "-u";
    case Protocol::kSctp:
      return "--sctp-service";
    default:
      return "--xxx-service";
  }
}

const char* forward_word(model::Forward forward) {
  switch (forward) {
    case model::Forward::kMasq:
      return "Masq";
    case model::Forward::kLocal:
      return "Local";
    case model::Forward::kTunnel:
      return "Tunnel";
    case model::Forward::kDirect:
      return "Route";
    default:
      return "(null)";  // ipvsadm hands printf a null pointer here
  }
}

const char* forward_option(model::Forward forward) {
  switch (forward) {
    case model::Forward::kMasq:
      return "-m";
    case model::Forward::kTunnel:
      return "-i";
    case model::Forward::kLocal:
    case model::Forward::kDirect:
      return "-g";
    default:
      return "(null)";
  }
}

/// The flags by the names that the scheduler gives them, in order of their bits.
std::string scheduler_flags(const model::ServiceConfig& config) {
  struct Named {
    std::uint32_t flag;
    const char *sh, *mh, *maglev, *other;
  };
  static constexpr Named kNames[] = {{model::kSvcSched1, "sh-fallback", "mh-fallback", "maglev-fallback", "flag-1"},
                                     {model::kSvcSched2, "sh-port", "mh-port", "maglev-port", "flag-2"},
                                     {model::kSvcSched3, nullptr, nullptr, nullptr, "flag-3"}};
  std::string text;
  for (const Named& named : kNames) {
    const char* word = config.scheduler == "sh"       ? named.sh
                       : config.scheduler == "mh"     ? named.mh
                       : config.scheduler == "maglev" ? named.maglev
                                                      : named.other;
    if (!(config.flags & named.flag) || !word) continue;
    if (!text.empty()) text += ',';
    text += word;
  }
  return text;
}

/// The netmask, worded by the caller, unless it is the default.
std::string netmask_text(const model::Service& service, const char* word) {
  const std::uint32_t netmask = service.config.netmask;
  if (service.key.family == Family::kInet6)
    return netmask == 128 ? "" : print(" %s %i", word, static_cast<int>(netmask));
  return netmask == 0xffffffff ? "" : print(" %s %s", word, dotted(netmask).c_str());
}

/// What the service is, in options (for saving) or in the first columns of a row.
std::string service_text(const model::Service& service, const Style& style, Names& names) {
  const model::ServiceKey& key = service.key;
  const bool save = style.layout == Layout::kSave;
  if (key.fwmark != 0) {
    const int mark = static_cast<int>(key.fwmark);  // large marks are printed negative
    const bool v6 = key.family == Family::kInet6;
    return save ? print(v6 ? "-f %d -6" : "-f %d", mark) : print(v6 ? "FWM  %d IPv6" : "FWM  %d", mark);
  }
  const std::string endpoint = endpoint_text(key.address, key.port, key.protocol, style.numeric, names);
  if (save) return print("%s %s", service_option(key.protocol), endpoint.c_str());
  std::string text = print("%-4s %s", protocol_word(key.protocol), endpoint.c_str());
  if (key.family != Family::kInet6 && text.size() > kServiceColumns) text.resize(kServiceColumns);
  return text;
}

std::string saved_service(const model::Service& service, const std::string& what) {
  const model::ServiceConfig& config = service.config;
  std::string text = print("-A %s -s %s", what.c_str(), config.scheduler.c_str());
  if (config.flags & model::kSvcPersistent)
    text += print(" -p %u", config.timeout_s) + netmask_text(service, "-M");
  if (!config.pe_name.empty()) text += print(" --pe %s", config.pe_name.c_str());
  if (config.flags & model::kSvcOnePacket) text += " -o";
  if (config.flags & kSchedulerFlags) text += " -b " + scheduler_flags(config);
  return text;
}

std::string listed_service(const model::Service& service, const std::string& what) {
  const model::ServiceConfig& config = service.config;
  std::string text = print("%s %s", what.c_str(), config.scheduler.c_str());
  if (config.flags & kSchedulerFlags) text += " (" + scheduler_flags(config) + ")";
  if (config.flags & model::kSvcPersistent) {
    text += print(" persistent %u", config.timeout_s) + netmask_text(service, "mask");
    if (!config.pe_name.empty()) text += print(" pe %s", config.pe_name.c_str());
  }
  if (config.flags & model::kSvcOnePacket) text += " ops";
  return text;
}

constexpr const char* kTunnelNames[] = {"ipip", "gue", "gre"};

/// The checksum flag in one of three wordings; ipvsadm has none for both flags at once.
const char* tunnel_flag(std::uint16_t flags, const std::array<const char*, 3>& words) {
  return flags < words.size() ? words[flags] : "(null)";
}

std::string tunnel_info(const model::ServerConfig& config) {
  static constexpr std::array<const char*, 3> kWords{"-c", "+c", "r+c"};
  if (config.forward != model::Forward::kTunnel) return "n/a";
  const char* flag = tunnel_flag(config.tun_flags, kWords);
  switch (config.tun_type) {
    case model::TunnelType::kIpip:
      return "ipip";
    case model::TunnelType::kGue:
      return print("gue:%d:%s", config.tun_port, flag).substr(0, 15);
    case model::TunnelType::kGre:
      return print("gre:%s", flag);
  }
  return "n/a";
}

std::string saved_tunnel(const model::ServerConfig& config) {
  static constexpr std::array<const char*, 3> kWords{"--tun-nocsum", "--tun-csum", "--tun-remcsum"};
  const auto type = static_cast<std::size_t>(config.tun_type);
  if (config.forward != model::Forward::kTunnel || type > 2) return "";
  std::string text = print(" --tun-type %s", kTunnelNames[type]);
  if (config.tun_type == model::TunnelType::kGue) text += print(" --tun-port %d", config.tun_port);
  if (config.tun_type != model::TunnelType::kIpip)
    text += print(" %s", tunnel_flag(config.tun_flags, kWords));
  return text;
}

int difference(std::uint32_t a, std::uint32_t b) { return static_cast<int>(a - b); }

std::uint32_t word(const model::Address& address, std::size_t index) {
  const auto* b = address.bytes.data() + 4 * index;
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

/// @param family  decides how much is compared.
int compare_addresses(Family family, const model::Address& a, const model::Address& b) {
  const std::size_t words = family == Family::kInet6 ? 4 : 1;
  for (std::size_t i = 0; i < words; ++i)
    if (const int d = difference(word(a, i), word(b, i))) return d;
  return 0;
}

int compare(const model::Service& a, const model::Service& b) {
  if (const int d = difference(a.key.fwmark, b.key.fwmark)) return d;
  if (const int d = static_cast<int>(a.key.family) - static_cast<int>(b.key.family)) return d;
  if (const int d = static_cast<int>(a.key.protocol) - static_cast<int>(b.key.protocol)) return d;
  if (const int d = compare_addresses(a.key.family, a.key.address, b.key.address)) return d;
  return a.key.port - b.key.port;
}

int compare(const model::Server& a, const model::Server& b) {
  if (const int d = compare_addresses(a.key.address.family, a.key.address, b.key.address)) return d;
  return a.key.port - b.key.port;
}

/// Top-down merge sort, the first half floor(n/2) long, equal elements from the left first: glibc's qsort.
/// std::sort and std::stable_sort are undefined for a comparison that is no order.
template <typename T>
void merge_sort(T* items, std::size_t count, std::vector<T>& scratch) {
  if (count < 2) return;
  const std::size_t half = count / 2;
  merge_sort(items, half, scratch);
  merge_sort(items + half, count - half, scratch);
  scratch.clear();
  std::size_t left = 0, right = half;
  while (left < half && right < count)
    scratch.push_back(std::move(compare(items[left], items[right]) <= 0 ? items[left++] : items[right++]));
  while (left < half) scratch.push_back(std::move(items[left++]));
  std::move(scratch.begin(), scratch.end(), items);  // what is left of the right half is in place
}

std::string connection_protocol(Protocol protocol) {
  switch (static_cast<int>(protocol)) {
    case 0:
      return "IP";
    case 1:
      return "ICMP";
    case 58:
      return "ICMPv6";
    case 6:
    case 17:
    case 132:
      return protocol_word(protocol);
    default:
      return print("IP_%d", static_cast<int>(protocol));
  }
}

}  // namespace

Style style_of(const Request& request) {
  Style style;
  if (request.command == Command::kSave)
    style.layout = Layout::kSave;
  else if (request.has(Option::kStats))
    style.layout = Layout::kStats;
  else if (request.has(Option::kRate))
    style.layout = Layout::kRate;
  else if (request.has(Option::kThresholds))
    style.layout = Layout::kThresholds;
  else if (request.has(Option::kPersistentConn))
    style.layout = Layout::kPersistentConn;
  else if (request.has(Option::kTunInfo))
    style.layout = Layout::kTunInfo;
  style.numeric = request.has(Option::kNumeric);
  style.exact = request.has(Option::kExact);
  style.sorted = !request.has(Option::kNoSort);
  style.persistent_conn = request.has(Option::kPersistentConn);
  return style;
}

std::string number_text(std::uint64_t value, bool exact) {
  const auto n = static_cast<unsigned long long>(value);
  if (exact) {
    const int digits = std::snprintf(nullptr, 0, "%llu", n);
    return print("%*llu", std::max(digits, 8) + 1, n);
  }
  if (n < 100'000'000ULL) return print("%9llu", n);
  if (n < 1'000'000'000ULL) return print("%8lluK", n / 1'000ULL);
  if (n < 100'000'000'000ULL) return print("%8lluM", n / 1'000'000ULL);
  if (n < 100'000'000'000'000ULL) return print("%8lluG", n / 1'000'000'000ULL);
  return print("%8lluT", n / 1'000'000'000'000ULL);
}

std::string endpoint_text(const model::Address& address, std::uint16_t port, Protocol protocol, bool numeric,
                          Names& names) {
  std::optional<std::string> host, service;
  if (!numeric) {
    service = names.service_name(port, protocol);
    host = names.host_name(address);
  }
  if (!host) host = address.text();
  if (!service) service = std::to_string(port);
  const bool v6 = address.family == Family::kInet6;
  std::string text = (v6 ? "[" : "") + *host + (v6 ? "]" : "") + ":" + *service;
  if (text.size() > kEndpointLimit) text.resize(kEndpointLimit);
  return text;
}

std::string engine_line(const model::EngineInfo& info) {
  return print("IP Virtual Server version %d.%d.%d (size=%d)\n", static_cast<int>(info.version >> 16 & 0xff),
               static_cast<int>(info.version >> 8 & 0xff), static_cast<int>(info.version & 0xff),
               static_cast<int>(info.connection_table_size));
}

std::string title_lines(Layout layout) {
  constexpr const char* kAddress = "Prot LocalAddress:Port";
  constexpr const char* kServer = "  -> RemoteAddress:Port\n";
  switch (layout) {
    case Layout::kSave:
      return "";
    case Layout::kStats:
      return print("%-33s %8s %8s %8s %8s %8s\n%s", kAddress, "Conns", "InPkts", "OutPkts", "InBytes",
                   "OutBytes", kServer);
    case Layout::kRate:
      return print("%-33s %8s %8s %8s %8s %8s\n%s", kAddress, "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS",
                   kServer);
    case Layout::kThresholds:
      return print("%-33s %-10s %-10s %-10s %-10s\n%s", kAddress, "Uthreshold", "Lthreshold", "ActiveConn",
                   "InActConn", kServer);
    case Layout::kPersistentConn:
      return print("%-33s %-9s %-11s %-10s %-10s\n%s", kAddress, "Weight", "PersistConn", "ActiveConn",
                   "InActConn", kServer);
    case Layout::kTunInfo:
      return "Prot LocalAddress:Port Scheduler Flags\n"
             "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n";
    case Layout::kPlain:
      break;
  }
  return "Prot LocalAddress:Port Scheduler Flags\n"
         "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
}

std::string service_line(const model::Service& service, const Style& style, Names& names) {
  const std::string what = service_text(service, style, names);
  const model::Counters& s = service.stats;
  const model::Rates& r = service.rates;
  switch (style.layout) {
    case Layout::kSave:
      return saved_service(service, what) + "\n";
    case Layout::kStats:
      return print("%-33s", what.c_str()) +
             numbers({s.conns, s.in_pkts, s.out_pkts, s.in_bytes, s.out_bytes}, style.exact) + "\n";
    case Layout::kRate:
      return print("%-33s", what.c_str()) +
             numbers({r.cps, r.in_pps, r.out_pps, r.in_bps, r.out_bps}, style.exact) + "\n";
    default:
      return listed_service(service, what) + "\n";
  }
}

std::string server_line(const model::Service& service, const model::Server& server, const Style& style,
                        Names& names) {
  const model::ServerConfig& config = server.config;
  std::string where =
      endpoint_text(server.key.address, server.key.port, service.key.protocol, style.numeric, names);
  if (style.layout == Layout::kSave) {
    return print("-a %s -r %s %s -w %d", service_text(service, style, names).c_str(), where.c_str(),
                 forward_option(config.forward), config.weight) +
           saved_tunnel(config) + "\n";
  }
  if (server.key.address.family != Family::kInet6 && where.size() > kServerColumns)
    where.resize(kServerColumns);
  const char* to = where.c_str();
  const model::Counters& s = server.stats;
  const model::Rates& r = server.rates;
  switch (style.layout) {
    case Layout::kStats:
      return print("  -> %-28s", to) +
             numbers({s.conns, s.in_pkts, s.out_pkts, s.in_bytes, s.out_bytes}, style.exact) + "\n";
    case Layout::kRate:
      return print("  -> %-28s %8llu %8llu %8llu", to, static_cast<unsigned long long>(r.cps),
                   static_cast<unsigned long long>(r.in_pps), static_cast<unsigned long long>(r.out_pps)) +
             numbers({r.in_bps, r.out_bps}, style.exact) + "\n";
    case Layout::kThresholds:
      return print("  -> %-28s %-10u %-10u %-10u %-10u\n", to, config.upper, config.lower, server.active,
                   server.inactive);
    case Layout::kPersistentConn:
      return print("  -> %-28s %-9u %-11u %-10u %-10u\n", to, static_cast<unsigned>(config.weight),
                   server.persistent, server.active, server.inactive);
    case Layout::kTunInfo:
      return print("  -> %-28s %-7s %-13s %-6d %-10u %-10u\n", to, forward_word(config.forward),
                   tunnel_info(config).c_str(), config.weight, server.active, server.inactive);
    default:
      return print("  -> %-28s %-7s %-6d %-10u %-10u\n", to, forward_word(config.forward), config.weight,
                   server.active, server.inactive);
  }
}

std::string connection_title(bool persistent_conn) {
  std::string text = "IPVS connection entries\n";
  if (persistent_conn)
    return text + print("pro expire %-11s %-18s %-18s %-18s %-16s %s\n", "state", "source", "virtual",
                        "destination", "pe name", "pe_data");
  return text + print("pro expire %-11s %-18s %-18s %s\n", "state", "source", "virtual", "destination");
}

std::string connection_line(const model::Connection& connection, const Style& style, Names& names) {
  const auto at = [&](const model::Address& address, std::uint16_t port) {
    return endpoint_text(address, port, connection.protocol, style.numeric, names);
  };
  const std::string protocol = connection_protocol(connection.protocol);
  const std::string expires = print("%02u:%02u", connection.expires_s / 60, connection.expires_s % 60);
  const std::string source = at(connection.client, connection.client_port);
  const std::string target = at(connection.virtual_address, connection.virtual_port);
  const std::string destination = at(connection.destination, connection.destination_port);
  if (style.persistent_conn && !connection.pe_name.empty())
    return print("%-3s %-6s %-11s %-18s %-18s %-16s %-18s %s\n", protocol.c_str(), expires.c_str(),
                 connection.state.c_str(), source.c_str(), target.c_str(), destination.c_str(),
                 connection.pe_name.c_str(), connection.pe_data.c_str());
  return print("%-3s %-6s %-11s %-18s %-18s %s\n", protocol.c_str(), expires.c_str(),
               connection.state.c_str(), source.c_str(), target.c_str(), destination.c_str());
}

std::string timeout_line(const model::Timeouts& timeouts) {
  return print("Timeout (tcp tcpfin udp): %d %d %d\n", static_cast<int>(timeouts.tcp_s),
               static_cast<int>(timeouts.tcp_fin_s), static_cast<int>(timeouts.udp_s));
}

std::string daemon_line(const model::Daemon& daemon) {
  std::string text = print("%s sync daemon (mcast=%s, syncid=%d",
                           daemon.state == model::DaemonState::kMaster ? "master" : "backup",
                           daemon.interface.c_str(), static_cast<int>(daemon.sync_id));
  if (daemon.max_len != 0) text += print(", maxlen=%u", daemon.max_len);
  if (daemon.group != model::Address{}) text += print(", group=%s", daemon.group.text().c_str());
  if (daemon.port != 0) text += print(", port=%u", daemon.port);
  if (daemon.ttl != 0) text += print(", ttl=%u", daemon.ttl);
  return text + ")\n";
}

void sort_services(std::vector<model::Service>& services) {
  std::vector<model::Service> scratch;
  merge_sort(services.data(), services.size(), scratch);
}

void sort_servers(std::vector<model::Server>& servers) {
  std::vector<model::Server> scratch;
  merge_sort(servers.data(), servers.size(), scratch);
}

}  // namespace xlvs::ipvsadm
