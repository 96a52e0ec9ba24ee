// SPDX-License-Identifier: GPL-2.0-or-later
// Generic netlink family IPVS, version 1, by libnl; connections from /proc/net/ip_vs_conn.
#include "backend/kernel_backend.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ip_vs.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "base/unique_fd.h"

extern char** environ;

namespace xlvs::backend {
namespace {

using model::Address;
using model::Family;

constexpr const char* kConnections = "/proc/net/ip_vs_conn";
constexpr int kAddressBytes = 16;  // of every address attribute, IPv4 too

struct SocketDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
struct MessageDeleter {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
struct CallbackDeleter {
  void operator()(nl_cb* callbacks) const { nl_cb_put(callbacks); }
};
struct FileDeleter {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;
using Message = std::unique_ptr<nl_msg, MessageDeleter>;
using Callbacks = std::unique_ptr<nl_cb, CallbackDeleter>;
using File = std::unique_ptr<std::FILE, FileDeleter>;

Error error_of(int code, std::string doing) {
  constexpr std::pair<int, Errc> kCodes[] = {
      {EINVAL, Errc::kInvalidArgument}, {ERANGE, Errc::kRange},           {ENOENT, Errc::kNotFound},
      {ESRCH, Errc::kNoService},        {EEXIST, Errc::kExists},          {ENOMEM, Errc::kNoSpace},
      {EPERM, Errc::kPermission},       {EOPNOTSUPP, Errc::kUnsupported}, {ENOPROTOOPT, Errc::kNoProtocol},
      {EAFNOSUPPORT, Errc::kFamily}};
  Errc errc = Errc::kSystem;
  for (const auto& [number, kind] : kCodes)
    if (number == code) errc = kind;
  return Error{errc, "cannot " + std::move(doing) + ": " + std::strerror(code), code};
}

Address address_of(const nlattr* attr, Family family) {
  Address address;
  address.family = family;
  const int size = std::min(nla_len(attr), family == Family::kInet ? 4 : kAddressBytes);
  std::memcpy(address.bytes.data(), nla_data(attr), static_cast<std::size_t>(std::max(size, 0)));
  return address;
}

bool put_address(nl_msg* message, int type, const Address& address) {
  return nla_put(message, type, kAddressBytes, address.bytes.data()) == 0;
}

template <int Max>
using Attributes = std::array<nlattr*, Max + 1>;

template <int Max>
bool parse_nested(Attributes<Max>& attrs, nlattr* nest) {
  return nest && nla_parse_nested(attrs.data(), Max, nest, nullptr) == 0;
}

std::uint64_t number(const nlattr* attr) {
  if (!attr) return 0;
  std::uint64_t value = 0;  // the kernel runs on this machine's byte order
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
  switch (nla_len(attr)) {
    case 1:
      return nla_get_u8(attr);
    case 2:
      return nla_get_u16(attr);
    case 4:
      return nla_get_u32(attr);
    case 8:
      value = nla_get_u64(attr);
      break;
  }
  return value;
}

std::string text(const nlattr* attr) { return attr ? nla_get_string(attr) : ""; }

/// The 64-bit statistics, or the 32-bit ones of kernels before 4.1.
void read_stats(nlattr* stats64, nlattr* stats32, model::Counters& counters, model::Rates& rates) {
  Attributes<IPVS_STATS_ATTR_MAX> a{};
  if (!parse_nested<IPVS_STATS_ATTR_MAX>(a, stats64 ? stats64 : stats32)) return;
  counters = {number(a[IPVS_STATS_ATTR_CONNS]), number(a[IPVS_STATS_ATTR_INPKTS]),
              number(a[IPVS_STATS_ATTR_OUTPKTS]), number(a[IPVS_STATS_ATTR_INBYTES]),
              number(a[IPVS_STATS_ATTR_OUTBYTES])};
  rates = {number(a[IPVS_STATS_ATTR_CPS]), number(a[IPVS_STATS_ATTR_INPPS]),
           number(a[IPVS_STATS_ATTR_OUTPPS]), number(a[IPVS_STATS_ATTR_INBPS]),
           number(a[IPVS_STATS_ATTR_OUTBPS])};
}

std::optional<model::Service> read_service(nlattr* nest) {
  Attributes<IPVS_SVC_ATTR_MAX> a{};
  if (!parse_nested<IPVS_SVC_ATTR_MAX>(a, nest)) return std::nullopt;
  model::Service service;
  service.key.family = static_cast<Family>(number(a[IPVS_SVC_ATTR_AF]));
  service.key.address.family = service.key.family;
  service.key.fwmark = static_cast<std::uint32_t>(number(a[IPVS_SVC_ATTR_FWMARK]));
  if (service.key.fwmark == 0) {
    service.key.protocol = static_cast<model::Protocol>(number(a[IPVS_SVC_ATTR_PROTOCOL]));
    if (a[IPVS_SVC_ATTR_ADDR]) service.key.address = address_of(a[IPVS_SVC_ATTR_ADDR], service.key.family);
    service.key.port = ntohs(static_cast<std::uint16_t>(number(a[IPVS_SVC_ATTR_PORT])));
  }
  service.config.scheduler = text(a[IPVS_SVC_ATTR_SCHED_NAME]);
  service.config.pe_name = text(a[IPVS_SVC_ATTR_PE_NAME]);
  service.config.timeout_s = static_cast<std::uint32_t>(number(a[IPVS_SVC_ATTR_TIMEOUT]));
  service.config.netmask = static_cast<std::uint32_t>(number(a[IPVS_SVC_ATTR_NETMASK]));
  if (ip_vs_flags flags{}; a[IPVS_SVC_ATTR_FLAGS]) {
    nla_memcpy(&flags, a[IPVS_SVC_ATTR_FLAGS], sizeof(flags));
    service.config.flags = flags.flags & flags.mask & ~std::uint32_t{model::kSvcHashed};
  }
  read_stats(a[IPVS_SVC_ATTR_STATS64], a[IPVS_SVC_ATTR_STATS], service.stats, service.rates);
  return service;
}

std::optional<model::Server> read_server(nlattr* nest, Family service_family) {
  Attributes<IPVS_DEST_ATTR_MAX> a{};
  if (!parse_nested<IPVS_DEST_ATTR_MAX>(a, nest) || !a[IPVS_DEST_ATTR_ADDR]) return std::nullopt;
  const auto u32 = [&a](int type) { return static_cast<std::uint32_t>(number(a[type])); };
  model::Server server;
  const Family family =
      a[IPVS_DEST_ATTR_ADDR_FAMILY] ? static_cast<Family>(u32(IPVS_DEST_ATTR_ADDR_FAMILY)) : service_family;
  server.key.address = address_of(a[IPVS_DEST_ATTR_ADDR], family);
  server.key.port = ntohs(static_cast<std::uint16_t>(u32(IPVS_DEST_ATTR_PORT)));
  server.config.forward = static_cast<model::Forward>(u32(IPVS_DEST_ATTR_FWD_METHOD) & IP_VS_CONN_F_FWD_MASK);
  server.config.weight = static_cast<std::int32_t>(u32(IPVS_DEST_ATTR_WEIGHT));
  server.config.upper = u32(IPVS_DEST_ATTR_U_THRESH);
  server.config.lower = u32(IPVS_DEST_ATTR_L_THRESH);
  server.config.tun_type = static_cast<model::TunnelType>(u32(IPVS_DEST_ATTR_TUN_TYPE));
  server.config.tun_port = ntohs(static_cast<std::uint16_t>(u32(IPVS_DEST_ATTR_TUN_PORT)));
  server.config.tun_flags = static_cast<std::uint16_t>(u32(IPVS_DEST_ATTR_TUN_FLAGS));
  server.active = u32(IPVS_DEST_ATTR_ACTIVE_CONNS);
  server.inactive = u32(IPVS_DEST_ATTR_INACT_CONNS);
  server.persistent = u32(IPVS_DEST_ATTR_PERSIST_CONNS);
  read_stats(a[IPVS_DEST_ATTR_STATS64], a[IPVS_DEST_ATTR_STATS], server.stats, server.rates);
  return server;
}

std::optional<model::Daemon> read_daemon(nlattr* nest) {
  Attributes<IPVS_DAEMON_ATTR_MAX> a{};
  if (!parse_nested<IPVS_DAEMON_ATTR_MAX>(a, nest)) return std::nullopt;
  model::Daemon daemon;
  daemon.state = static_cast<model::DaemonState>(number(a[IPVS_DAEMON_ATTR_STATE]));
  daemon.interface = text(a[IPVS_DAEMON_ATTR_MCAST_IFN]);
  daemon.sync_id = static_cast<std::uint32_t>(number(a[IPVS_DAEMON_ATTR_SYNC_ID]));
  daemon.max_len = static_cast<std::uint16_t>(number(a[IPVS_DAEMON_ATTR_SYNC_MAXLEN]));
  daemon.port = static_cast<std::uint16_t>(number(a[IPVS_DAEMON_ATTR_MCAST_PORT]));
  daemon.ttl = static_cast<std::uint8_t>(number(a[IPVS_DAEMON_ATTR_MCAST_TTL]));
  if (a[IPVS_DAEMON_ATTR_MCAST_GROUP6])
    daemon.group = address_of(a[IPVS_DAEMON_ATTR_MCAST_GROUP6], Family::kInet6);
  else if (a[IPVS_DAEMON_ATTR_MCAST_GROUP])
    daemon.group = address_of(a[IPVS_DAEMON_ATTR_MCAST_GROUP], Family::kInet);
  return daemon;
}

bool put_service_key(nl_msg* message, const model::ServiceKey& key) {
  bool put = nla_put_u16(message, IPVS_SVC_ATTR_AF, static_cast<std::uint16_t>(key.family)) == 0;
  if (key.fwmark != 0) return put && nla_put_u32(message, IPVS_SVC_ATTR_FWMARK, key.fwmark) == 0;
  put = put && nla_put_u16(message, IPVS_SVC_ATTR_PROTOCOL, static_cast<std::uint16_t>(key.protocol)) == 0;
  put = put && put_address(message, IPVS_SVC_ATTR_ADDR, key.address);
  return put && nla_put_u16(message, IPVS_SVC_ATTR_PORT, htons(key.port)) == 0;
}

bool put_service(nl_msg* message, const model::ServiceKey& key, const model::ServiceConfig* config) {
  nlattr* nest = nla_nest_start(message, IPVS_CMD_ATTR_SERVICE);
  bool put = nest && put_service_key(message, key);
  if (config) {
    const ip_vs_flags flags{config->flags, ~0U};
    put = put && nla_put_string(message, IPVS_SVC_ATTR_SCHED_NAME, config->scheduler.c_str()) == 0;
    if (!config->pe_name.empty())
      put = put && nla_put_string(message, IPVS_SVC_ATTR_PE_NAME, config->pe_name.c_str()) == 0;
    put = put && nla_put(message, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags) == 0;
    put = put && nla_put_u32(message, IPVS_SVC_ATTR_TIMEOUT, config->timeout_s) == 0;
    put = put && nla_put_u32(message, IPVS_SVC_ATTR_NETMASK, config->netmask) == 0;
  }
  if (put) nla_nest_end(message, nest);
  return put;
}

bool put_server(nl_msg* message, const model::ServerKey& key, const model::ServerConfig& config) {
  nlattr* nest = nla_nest_start(message, IPVS_CMD_ATTR_DEST);
  const auto u16 = [message](int type, std::uint16_t value) {
    return nla_put_u16(message, type, value) == 0;
  };
  const auto u32 = [message](int type, std::uint32_t value) {
    return nla_put_u32(message, type, value) == 0;
  };
  const bool put =
      nest && u16(IPVS_DEST_ATTR_ADDR_FAMILY, static_cast<std::uint16_t>(key.address.family)) &&
      put_address(message, IPVS_DEST_ATTR_ADDR, key.address) && u16(IPVS_DEST_ATTR_PORT, htons(key.port)) &&
      u32(IPVS_DEST_ATTR_FWD_METHOD, static_cast<std::uint32_t>(config.forward)) &&
      u32(IPVS_DEST_ATTR_WEIGHT, static_cast<std::uint32_t>(config.weight)) &&
      nla_put_u8(message, IPVS_DEST_ATTR_TUN_TYPE, static_cast<std::uint8_t>(config.tun_type)) == 0 &&
      u16(IPVS_DEST_ATTR_TUN_PORT, htons(config.tun_port)) &&
      u16(IPVS_DEST_ATTR_TUN_FLAGS, config.tun_flags) && u32(IPVS_DEST_ATTR_U_THRESH, config.upper) &&
      u32(IPVS_DEST_ATTR_L_THRESH, config.lower);
  if (put) nla_nest_end(message, nest);
  return put;
}

bool put_daemon(nl_msg* message, const model::Daemon& daemon) {
  nlattr* nest = nla_nest_start(message, IPVS_CMD_ATTR_DAEMON);
  bool put = nest &&
             nla_put_u32(message, IPVS_DAEMON_ATTR_STATE, static_cast<std::uint32_t>(daemon.state)) == 0 &&
             nla_put_string(message, IPVS_DAEMON_ATTR_MCAST_IFN, daemon.interface.c_str()) == 0 &&
             nla_put_u32(message, IPVS_DAEMON_ATTR_SYNC_ID, daemon.sync_id) == 0;
  // Zero means the kernel's own choice, also to kernels that do not know these.
  if (daemon.max_len != 0)
    put = put && nla_put_u16(message, IPVS_DAEMON_ATTR_SYNC_MAXLEN, daemon.max_len) == 0;
  if (daemon.port != 0) put = put && nla_put_u16(message, IPVS_DAEMON_ATTR_MCAST_PORT, daemon.port) == 0;
  if (daemon.ttl != 0) put = put && nla_put_u8(message, IPVS_DAEMON_ATTR_MCAST_TTL, daemon.ttl) == 0;
  if (daemon.group.family == Family::kInet6)
    put = put && put_address(message, IPVS_DAEMON_ATTR_MCAST_GROUP6, daemon.group);
  else if (daemon.group != Address{})
    put = put && nla_put(message, IPVS_DAEMON_ATTR_MCAST_GROUP, 4, daemon.group.bytes.data()) == 0;
  if (put) nla_nest_end(message, nest);
  return put;
}

/// An address of /proc/net/ip_vs_conn: hexadecimal IPv4, or IPv6 as usual, maybe in brackets.
Address connection_address(std::string word) {
  if (word.starts_with('[')) word = word.substr(1, word.size() - 2);
  if (const auto address = Address::parse(word)) return *address;
  Address address;
  const std::uint32_t raw = htonl(static_cast<std::uint32_t>(std::strtoul(word.c_str(), nullptr, 16)));
  std::memcpy(address.bytes.data(), &raw, sizeof(raw));
  return address;
}

model::Protocol connection_protocol(const std::string& word) {
  if (word == "TCP") return model::Protocol::kTcp;
  if (word == "UDP") return model::Protocol::kUdp;
  if (word == "SCTP") return model::Protocol::kSctp;
  return model::Protocol::kNone;
}

std::optional<model::Connection> read_connection(const char* line) {
  char protocol[16], client[64], virtual_address[64], destination[64], state[32], pe_name[32], pe_data[256];
  unsigned short client_port, virtual_port, destination_port;
  unsigned expires;
  const int read = std::sscanf(line, "%15s %63s %hx %63s %hx %63s %hx %31s %u %31s %255s", protocol, client,
                               &client_port, virtual_address, &virtual_port, destination, &destination_port,
                               state, &expires, pe_name, pe_data);
  if (read < 9) return std::nullopt;
  model::Connection connection;
  connection.protocol = connection_protocol(protocol);
  connection.expires_s = expires;
  connection.state = state;
  connection.client = connection_address(client);
  connection.virtual_address = connection_address(virtual_address);
  connection.destination = connection_address(destination);
  connection.client_port = client_port;
  connection.virtual_port = virtual_port;
  connection.destination_port = destination_port;
  connection.is_template = client_port == 0;
  if (read == 11) {
    connection.pe_name = pe_name;
    connection.pe_data = pe_data;
  }
  return connection;
}

class KernelBackend final : public Backend {
 public:
  KernelBackend(Socket socket, int family) : socket_(std::move(socket)), family_(family) {}

  Result<model::EngineInfo> info() override {
    model::EngineInfo info;
    const Status status =
        ask(IPVS_CMD_GET_INFO, 0, nullptr, "read the version of IPVS", [&info](nlattr** attrs) {
          // The reply numbers its attributes by an enum of its own.
          if (attrs[IPVS_INFO_ATTR_VERSION]) info.version = nla_get_u32(attrs[IPVS_INFO_ATTR_VERSION]);
          if (attrs[IPVS_INFO_ATTR_CONN_TAB_SIZE])
            info.connection_table_size = nla_get_u32(attrs[IPVS_INFO_ATTR_CONN_TAB_SIZE]);
        });
    if (!status) return status.error();
    return info;
  }

  Status add_service(const model::ServiceKey& key, const model::ServiceConfig& config) override {
    return change(IPVS_CMD_NEW_SERVICE, "add a service",
                  [&](nl_msg* message) { return put_service(message, key, &config); });
  }
  Status edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) override {
    return change(IPVS_CMD_SET_SERVICE, "edit a service",
                  [&](nl_msg* message) { return put_service(message, key, &config); });
  }
  Status delete_service(const model::ServiceKey& key) override {
    return change(IPVS_CMD_DEL_SERVICE, "delete a service",
                  [&](nl_msg* message) { return put_service(message, key, nullptr); });
  }
  Status flush() override { return change(IPVS_CMD_FLUSH, "flush the table", nullptr); }
  Status zero(const model::ServiceKey* key) override {
    return change(IPVS_CMD_ZERO, "zero counters",
                  [key](nl_msg* message) { return !key || put_service(message, *key, nullptr); });
  }

  Status add_server(const model::ServiceKey& service, const model::ServerKey& server,
                    const model::ServerConfig& config) override {
    return change_server(IPVS_CMD_NEW_DEST, "add a real server", service, server, config);
  }
  Status edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                     const model::ServerConfig& config) override {
    return change_server(IPVS_CMD_SET_DEST, "edit a real server", service, server, config);
  }
  Status delete_server(const model::ServiceKey& service, const model::ServerKey& server) override {
    return change_server(IPVS_CMD_DEL_DEST, "delete a real server", service, server, {});
  }

  Result<std::vector<model::Service>> services() override {
    std::vector<model::Service> services;
    const Status status =
        ask(IPVS_CMD_GET_SERVICE, NLM_F_DUMP, nullptr, "list services", [&services](nlattr** attrs) {
          if (auto service = read_service(attrs[IPVS_CMD_ATTR_SERVICE]))
            services.push_back(*std::move(service));
        });
    if (!status) return status.error();
    return services;
  }

  Result<model::Service> service(const model::ServiceKey& key) override {
    std::optional<model::Service> found;
    const Status status = ask(
        IPVS_CMD_GET_SERVICE, 0, [&](nl_msg* message) { return put_service(message, key, nullptr); },
        "find a service", [&found](nlattr** attrs) { found = read_service(attrs[IPVS_CMD_ATTR_SERVICE]); });
    if (!status) return status.error();
    if (!found) return error_of(ESRCH, "find a service");
    return *std::move(found);
  }

  Result<std::vector<model::Server>> servers(const model::ServiceKey& key) override {
    std::vector<model::Server> servers;
    const Status status = ask(
        IPVS_CMD_GET_DEST, NLM_F_DUMP, [&](nl_msg* message) { return put_service(message, key, nullptr); },
        "list real servers",
        [&](nlattr** attrs) {
          if (auto server = read_server(attrs[IPVS_CMD_ATTR_DEST], key.family))
            servers.push_back(*std::move(server));
        });
    if (!status) return status.error();
    return servers;
  }

  Status connections(const std::function<void(const model::Connection&)>& each) override {
    const File file(std::fopen(kConnections, "re"));
    if (!file) return error_of(errno, std::string("open ") + kConnections);
    char line[1024];
    if (!std::fgets(line, sizeof(line), file.get()))
      return error_of(EIO, std::string("read ") + kConnections);
    while (std::fgets(line, sizeof(line), file.get()))
      if (const auto connection = read_connection(line)) each(*connection);
    return ok();
  }

  Result<model::Timeouts> timeouts() override {
    model::Timeouts timeouts;
    const Status status = ask(IPVS_CMD_GET_CONFIG, 0, nullptr, "read timeouts", [&timeouts](nlattr** attrs) {
      timeouts.tcp_s = static_cast<std::uint32_t>(number(attrs[IPVS_CMD_ATTR_TIMEOUT_TCP]));
      timeouts.tcp_fin_s = static_cast<std::uint32_t>(number(attrs[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN]));
      timeouts.udp_s = static_cast<std::uint32_t>(number(attrs[IPVS_CMD_ATTR_TIMEOUT_UDP]));
    });
    if (!status) return status.error();
    return timeouts;
  }
  Status set_timeouts(const model::Timeouts& timeouts) override {
    return change(IPVS_CMD_SET_CONFIG, "set timeouts", [&timeouts](nl_msg* message) {
      return nla_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcp_s) == 0 &&
             nla_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcp_fin_s) == 0 &&
             nla_put_u32(message, IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udp_s) == 0;
    });
  }

  Result<std::vector<model::Daemon>> daemons() override {
    std::vector<model::Daemon> daemons;
    const Status status =
        ask(IPVS_CMD_GET_DAEMON, NLM_F_DUMP, nullptr, "list sync daemons", [&daemons](nlattr** attrs) {
          if (auto daemon = read_daemon(attrs[IPVS_CMD_ATTR_DAEMON])) daemons.push_back(*std::move(daemon));
        });
    if (!status) return status.error();
    return daemons;
  }
  Status start_daemon(const model::Daemon& daemon) override {
    return change(IPVS_CMD_NEW_DAEMON, "start a sync daemon",
                  [&](nl_msg* message) { return put_daemon(message, daemon); });
  }
  Status stop_daemon(model::DaemonState state, std::uint32_t sync_id) override {
    model::Daemon daemon;
    daemon.state = state;
    daemon.sync_id = sync_id;
    const Status stopped = change(IPVS_CMD_DEL_DAEMON, "stop a sync daemon",
                                  [&](nl_msg* message) { return put_daemon(message, daemon); });
    // its thread had not run yet: kthread_stop() says EINTR, and the daemon is gone
    return !stopped && stopped.error().sys == EINTR ? ok() : stopped;
  }

  Status begin(Batch batch) override { return batch == Batch::kReplace ? flush() : ok(); }
  Status commit() override { return ok(); }
  void cancel() override {}

 private:
  using Fill = std::function<bool(nl_msg*)>;
  using Each = std::function<void(nlattr**)>;

  Status change(int command, const char* doing, const Fill& fill) {
    return ask(command, 0, fill, doing, nullptr);
  }

  Status change_server(int command, const char* doing, const model::ServiceKey& service,
                       const model::ServerKey& server, const model::ServerConfig& config) {
    return change(command, doing, [&](nl_msg* message) {
      return put_service(message, service, nullptr) && put_server(message, server, config);
    });
  }

  /// One request and all of its answer.
  Status ask(int command, int flags, const Fill& fill, const char* doing, const Each& each) {
    struct Progress {
      const Each& each;
      bool done = false;
      int code = 0;
    } progress{each};

    const Message message(nlmsg_alloc());
    const Callbacks callbacks(nl_cb_alloc(NL_CB_DEFAULT));
    if (!message || !callbacks ||
        !genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, flags,
                     static_cast<std::uint8_t>(command), IPVS_GENL_VERSION) ||
        (fill && !fill(message.get())))
      return error_of(ENOMEM, doing);

    nl_cb_set(
        callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM,
        [](nl_msg* reply, void* arg) -> int {
          constexpr int kMax = std::max<int>(IPVS_CMD_ATTR_MAX, IPVS_INFO_ATTR_MAX);
          Attributes<kMax> attrs{};
          const auto* state = static_cast<Progress*>(arg);
          if (state->each && genlmsg_parse(nlmsg_hdr(reply), 0, attrs.data(), kMax, nullptr) == 0)
            state->each(attrs.data());
          return NL_OK;
        },
        &progress);
    const auto finished = [](nl_msg*, void* arg) -> int {
      static_cast<Progress*>(arg)->done = true;
      return NL_STOP;
    };
    nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, finished, &progress);
    nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, finished, &progress);
    nl_cb_err(
        callbacks.get(), NL_CB_CUSTOM,
        [](sockaddr_nl*, nlmsgerr* failure, void* arg) -> int {
          auto* state = static_cast<Progress*>(arg);
          state->done = true;
          state->code = -failure->error;
          return NL_STOP;
        },
        &progress);

    if (nl_send_auto(socket_.get(), message.get()) < 0) return error_of(EIO, doing);
    if (!answered()) return error_of(EINTR, doing);
    while (!progress.done)
      if (nl_recvmsgs(socket_.get(), callbacks.get()) < 0 && !progress.done) return error_of(EIO, doing);
    if (progress.code != 0) return error_of(progress.code, doing);
    return ok();
  }

  /// The kernel carries a request out while we send it. Where that ends by EINTR, it never answers
  /// (netlink_rcv_skb()), and who waits waits for ever, as ipvsadm 1.31 does.
  [[nodiscard]] bool answered() const {
    constexpr int kSlack_ms = 1000;  // more than nothing, should a kernel ever answer later
    pollfd poll{nl_socket_get_fd(socket_.get()), POLLIN, 0};
    int ready;
    do {
      ready = ::poll(&poll, 1, kSlack_ms);
    } while (ready < 0 && errno == EINTR);
    return ready != 0;
  }

  Socket socket_;
  int family_;
};

/// Why there is no IPVS to talk to, by the interface that every IPVS has had.
int missing_ipvs() {
  const UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd) return errno;
  ip_vs_getinfo info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd.get(), IPPROTO_IP, IP_VS_SO_GET_INFO, &info, &size) == 0 ? EMSGSIZE : errno;
}

bool load_module(bool quiet) {
  char program[] = "/sbin/modprobe", end[] = "--", module[] = "ip_vs";
  char* argv[] = {program, end, module, nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (quiet) ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child;
  const int error = ::posix_spawn(&child, program, &actions, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Result<std::unique_ptr<Backend>> connect() {
  Socket socket(nl_socket_alloc());
  if (!socket || genl_connect(socket.get()) < 0)
    return error_of(missing_ipvs(), "connect to generic netlink");
  const int family = genl_ctrl_resolve(socket.get(), IPVS_GENL_NAME);
  if (family < 0) return error_of(missing_ipvs(), "find IPVS in this kernel");
  nl_socket_disable_seq_check(socket.get());
  auto backend = std::make_unique<KernelBackend>(std::move(socket), family);
  if (const auto info = backend->info(); !info) return info.error();
  return std::unique_ptr<Backend>(std::move(backend));
}

}  // namespace

Result<std::unique_ptr<Backend>> open_kernel_backend(bool quiet) {
  auto backend = connect();
  if (backend || !load_module(quiet)) return backend;
  return connect();
}

}  // namespace xlvs::backend
