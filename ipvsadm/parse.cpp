// SPDX-License-Identifier: GPL-2.0-or-later
// The parser: scans words, reads their values, then checks the whole against the grammar.
#include "parse.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "endpoint.h"
#include "scan.h"
#include "usage.h"

namespace xlvs::ipvsadm {
namespace {

using model::Family;
using model::Protocol;

constexpr int kUsageFault = 2;
constexpr int kPoptFault = 255;
constexpr int kMaxTimeout = 31 * 24 * 60 * 60;  // seconds
constexpr int kDefaultPersistence = 360;        // seconds
constexpr int kMaxSyncLen = 65535 - 20 - 8;     // a UDP payload
constexpr std::size_t kNameLimit = 15;          // of schedulers and interfaces
constexpr std::size_t kPeNameLimit = 16;
constexpr std::size_t kSchedFlagsLimit = 127;
constexpr const char* kDefaultInterface = "eth0";

std::string quoted(std::string_view before, std::string_view what, std::string_view after) {
  std::string text(before);
  text += what;
  text += after;
  return text;
}

Stop fault(std::string text) { return Stop{kUsageFault, {}, std::move(text) + '\n', true}; }

using Fault = std::optional<Stop>;
constexpr std::nullopt_t kFine = std::nullopt;

struct SchedulerFlag {
  std::string_view name;
  std::string_view scheduler;  ///< that knows this name; "" = all
  std::uint32_t flag;
};
constexpr SchedulerFlag kSchedulerFlags[] = {
    {"flag-1", "", model::kSvcSched1},    {"flag-2", "", model::kSvcSched2},
    {"flag-3", "", model::kSvcSched3},    {"sh-fallback", "sh", model::kSvcSched1},
    {"sh-port", "sh", model::kSvcSched2}, {"mh-fallback", "mh", model::kSvcSched1},
    {"mh-port", "mh", model::kSvcSched2}, {"maglev-fallback", "maglev", model::kSvcSched1},
    {"maglev-port", "maglev", model::kSvcSched2},
};

class Parser {
 public:
  Parser(const std::vector<std::string>& args, Names& names) : args_(args), names_(names), scanner_(args) {
    request_.service_config.scheduler.clear();
  }

  std::variant<Request, Stop> run() {
    if (Fault f = command()) return *f;
    for (;;) {
      const Scanner::Step step = scanner_.next();
      if (step.kind == Scanner::Kind::kEnd) break;
      if (step.kind != Scanner::Kind::kOption) return scan_fault(step.kind);
      if (Fault f = option(step.spelling->word, step.value)) return *f;
    }
    if (Fault f = positionals()) return *f;
    if (Fault f = scheduler_flags()) return *f;
    if (Fault f =
            check_needs(rule(request_.command).needs, ~OptionSet{0}, rule(request_.command).name, "command"))
      return *f;
    if (Fault f = check_service()) return *f;
    if (request_.command == Command::kStartDaemon && request_.daemon.interface.empty())
      request_.daemon.interface = kDefaultInterface;
    if (Fault f = check_server()) return *f;
    if (Fault f = check_list()) return *f;
    return std::move(request_);
  }

 private:
  Fault command() {
    const Scanner::Step step = scanner_.next();
    if (step.kind != Scanner::Kind::kOption) return try_help(args_[0]);
    switch (step.spelling->word) {
      case Word::kAddService:
        return be(Command::kAddService);
      case Word::kEditService:
        return be(Command::kEditService);
      case Word::kDeleteService:
        return be(Command::kDeleteService);
      case Word::kAddServer:
        return be(Command::kAddServer);
      case Word::kEditServer:
        return be(Command::kEditServer);
      case Word::kDeleteServer:
        return be(Command::kDeleteServer);
      case Word::kClear:
        return be(Command::kFlush);
      case Word::kList:
        return be(Command::kList);
      case Word::kZero:
        return be(Command::kZero);
      case Word::kSet:
        return be(Command::kSet);
      case Word::kRestore:
        return be(Command::kRestore);
      case Word::kSave:
        return be(Command::kSave);
      case Word::kStartDaemon:
        request_.command = Command::kStartDaemon;
        return role(*step.value, "illegal start-daemon parameter specified");
      case Word::kStopDaemon:
        request_.command = Command::kStopDaemon;
        return role(*step.value, "illegal start_daemon specified");
      case Word::kHelp:
        return Stop{0, usage_text(args_[0]), {}, true};
      case Word::kVersion:
        return Stop{0, version_text(), {}, true};
      default:
        return try_help(args_[0]);
    }
  }

  Fault be(Command command) {
    request_.command = command;
    return kFine;
  }

  Fault role(const std::string& value, const char* refusal) {
    if (value == "master")
      request_.daemon.state = model::DaemonState::kMaster;
    else if (value == "backup")
      request_.daemon.state = model::DaemonState::kBackup;
    else
      return fault(refusal);
    return kFine;
  }

  [[nodiscard]] Stop scan_fault(Scanner::Kind kind) const {
    const char* what = kind == Scanner::Kind::kMissingValue    ? "missing argument"
                       : kind == Scanner::Kind::kUnwantedValue ? "option does not take an argument"
                                                               : "unknown option";
    return Stop{kPoptFault, {}, scanner_.word() + ": " + what + "\n", false};
  }

  Fault set(Option option) {
    if (request_.has(option)) return fault(quoted("multiple '", name(option), "' options specified"));
    request_.options |= bit(option);
    return kFine;
  }

  Fault option(Word word, const std::optional<std::string>& value) {
    switch (word) {
      case Word::kTcpService:
        return service(Protocol::kTcp, *value);
      case Word::kUdpService:
        return service(Protocol::kUdp, *value);
      case Word::kSctpService:
        return service(Protocol::kSctp, *value);
      case Word::kFwmarkService:
        return fwmark(*value);
      case Word::kIpv6:
        return ipv6();
      case Word::kScheduler:
        return text(Option::kScheduler, *value, kNameLimit, request_.service_config.scheduler);
      case Word::kPersistent:
        return persistent(value);
      case Word::kNetmask:
        return netmask(*value);
      case Word::kOps:
        request_.service_config.flags |= model::kSvcOnePacket;
        return set(Option::kOps);
      case Word::kPe:
        return text(Option::kPe, *value, kPeNameLimit, request_.service_config.pe_name);
      case Word::kSchedFlags:
        return text(Option::kSchedFlags, *value, kSchedFlagsLimit, sched_flags_);
      case Word::kRealServer:
        return server(*value);
      case Word::kMasquerading:
        return forward(model::Forward::kMasq);
      case Word::kIpip:
        return forward(model::Forward::kTunnel);
      case Word::kGatewaying:
        return forward(model::Forward::kDirect);
      case Word::kWeight:
        return number(Option::kWeight, *value, 0, INT_MAX, "illegal weight specified",
                      request_.server_config.weight);
      case Word::kUpper:
        return number(Option::kUpper, *value, 0, INT_MAX, "illegal u_threshold specified",
                      request_.server_config.upper);
      case Word::kLower:
        return number(Option::kLower, *value, 0, INT_MAX, "illegal l_threshold specified",
                      request_.server_config.lower);
      case Word::kTunType:
        return tunnel_type(*value);
      case Word::kTunPort:
        return number(Option::kTunPort, *value, 1, 65535, "illegal tunnel port specified",
                      request_.server_config.tun_port);
      case Word::kTunNoCsum:
        return tunnel_flag(Option::kTunNoCsum, model::kTunNoCsum);
      case Word::kTunCsum:
        return tunnel_flag(Option::kTunCsum, model::kTunCsum);
      case Word::kTunRemCsum:
        return tunnel_flag(Option::kTunRemCsum, model::kTunRemCsum);
      case Word::kMcastInterface:
        return text(Option::kMcastInterface, *value, kNameLimit, request_.daemon.interface);
      case Word::kSyncId:
        return number(Option::kSyncId, *value, 0, 255, "illegal syncid specified", request_.daemon.sync_id);
      case Word::kMcastGroup:
        return mcast_group(*value);
      case Word::kMcastPort:
        return number(Option::kMcastPort, *value, 1, 65535, "illegal mcast-port specified",
                      request_.daemon.port);
      case Word::kMcastTtl:
        return number(Option::kMcastTtl, *value, 1, 255, "illegal mcast-ttl specified", request_.daemon.ttl);
      case Word::kSyncMaxLen:
        return number(Option::kSyncMaxLen, *value, 1, kMaxSyncLen, "illegal sync-maxlen specified",
                      request_.daemon.max_len);
      case Word::kNumeric:
        return set(Option::kNumeric);
      case Word::kConnection:
        return set(Option::kConnection);
      case Word::kTimeout:
        return set(Option::kTimeout);
      case Word::kDaemon:
        return set(Option::kDaemon);
      case Word::kStats:
        return set(Option::kStats);
      case Word::kRate:
        return set(Option::kRate);
      case Word::kThresholds:
        return set(Option::kThresholds);
      case Word::kPersistentConn:
        return set(Option::kPersistentConn);
      case Word::kNoSort:
        return set(Option::kNoSort);
      case Word::kSort:
        return kFine;
      case Word::kExact:
        return set(Option::kExact);
      case Word::kTunInfo:
        return set(Option::kTunInfo);
      default:  // a second command
        return fault(quoted("invalid option `", scanner_.word(), "'"));
    }
  }

  Fault text(Option option, const std::string& value, std::size_t limit, std::string& into) {
    if (Fault f = set(option)) return f;
    into = value.substr(0, limit);
    return kFine;
  }

  template <typename Integer>
  Fault number(Option option, const std::string& value, int min, int max, const char* refusal,
               Integer& into) {
    if (Fault f = set(option)) return f;
    const auto read = read_number(value, min, max);
    if (!read) return fault(refusal);
    into = static_cast<Integer>(*read);
    return kFine;
  }

  Fault service(Protocol protocol, const std::string& value) {
    if (Fault f = set(Option::kService)) return f;
    const auto endpoint = read_endpoint(value, protocol, names_);
    if (!endpoint) return fault("illegal virtual server address[:port] specified");
    request_.service.protocol = protocol;
    request_.service.address = endpoint->address;
    request_.service.family = endpoint->address.family;
    request_.service.port = endpoint->port.value_or(0);
    if (endpoint->address.family == Family::kInet6) request_.service_config.netmask = 128;
    return kFine;
  }

  Fault fwmark(const std::string& value) {
    if (Fault f = set(Option::kService)) return f;
    const auto mark = read_fwmark(value);
    if (!mark) return fault(quoted("invalid fwmark value `", value, "' specified"));
    request_.service.family = Family::kInet;
    request_.service.fwmark = *mark;
    return kFine;
  }

  Fault ipv6() {
    if (request_.service.fwmark == 0) return fault("-6 used before -f\n");
    request_.service.family = Family::kInet6;
    request_.service.address.family = Family::kInet6;
    request_.service_config.netmask = 128;
    return kFine;
  }

  Fault persistent(const std::optional<std::string>& value) {
    if (Fault f = set(Option::kPersistent)) return f;
    request_.service_config.flags |= model::kSvcPersistent;
    request_.service_config.timeout_s = kDefaultPersistence;
    if (!value) return kFine;
    return timeout(*value, 1, request_.service_config.timeout_s);
  }

  Fault timeout(const std::string& value, int min, std::uint32_t& into) const {
    const auto read = read_number(value, min, kMaxTimeout);
    if (!read) return fault(quoted("invalid timeout value `", value, "' specified"));
    into = static_cast<std::uint32_t>(*read);
    return kFine;
  }

  // What the mask is depends on the family that the words so far have named.
  Fault netmask(const std::string& value) {
    if (Fault f = set(Option::kNetmask)) return f;
    if (request_.service.family == Family::kInet6) {
      const int prefix = std::atoi(value.c_str());
      if (prefix < 1 || prefix > 128) return fault("illegal ipv6 netmask specified");
      request_.service_config.netmask = static_cast<std::uint32_t>(prefix);
      return kFine;
    }
    const auto mask = read_netmask(value, names_);
    if (!mask) return fault("illegal virtual server persistent mask specified");
    request_.service_config.netmask = *mask;
    return kFine;
  }

  // The service's port and protocol are those that the words so far have named.
  Fault server(const std::string& value) {
    if (Fault f = set(Option::kServer)) return f;
    const auto endpoint = read_endpoint(value, service_protocol(), names_);
    if (!endpoint) return fault("illegal real server address[:port] specified");
    request_.server.address = endpoint->address;
    request_.server.port = endpoint->port.value_or(request_.service.port);
    return kFine;
  }

  [[nodiscard]] Protocol service_protocol() const {
    return request_.service.fwmark != 0 ? Protocol::kTcp : request_.service.protocol;
  }

  Fault forward(model::Forward method) {
    if (Fault f = set(Option::kForward)) return f;
    request_.server_config.forward = method;
    return kFine;
  }

  Fault tunnel_type(const std::string& value) {
    if (Fault f = set(Option::kTunType)) return f;
    for (std::size_t i = 0; i < kTunnels.size(); ++i) {
      if (kTunnels[i].name != value) continue;
      request_.server_config.tun_type = static_cast<model::TunnelType>(i);
      return kFine;
    }
    return fault("illegal tunnel type specified");
  }

  Fault tunnel_flag(Option option, std::uint16_t flag) {
    request_.server_config.tun_flags = static_cast<std::uint16_t>(request_.server_config.tun_flags | flag);
    return set(option);
  }

  Fault mcast_group(const std::string& value) {
    if (Fault f = set(Option::kMcastGroup)) return f;
    const bool v6 = value.find(':') != value.npos;
    model::Address group;
    group.family = v6 ? Family::kInet6 : Family::kInet;
    const bool read = ::inet_pton(v6 ? AF_INET6 : AF_INET, value.c_str(), group.bytes.data()) > 0;
    const bool multicast = v6 ? group.bytes[0] == 0xff : (group.bytes[0] & 0xf0) == 0xe0;
    if (!read || !multicast)
      return fault(quoted(v6 ? "invalid IPv6 mcast-group `" : "invalid IPv4 mcast-group `", value, "'"));
    request_.daemon.group = group;
    return kFine;
  }

  Fault positionals() {
    if (request_.command == Command::kSet) {
      std::uint32_t* into[] = {&request_.timeouts.tcp_s, &request_.timeouts.tcp_fin_s,
                               &request_.timeouts.udp_s};
      std::string values[3];
      for (std::string& value : values) {
        const auto word = scanner_.positional();
        if (!word) return fault("--set option requires 3 timeout values");
        value = *word;
      }
      for (int i = 0; i < 3; ++i)
        if (Fault f = timeout(values[i], 0, *into[i])) return f;
    }
    if (const auto word = scanner_.positional()) return fault("unexpected argument " + *word);
    return kFine;
  }

  Fault scheduler_flags() {
    if (sched_flags_.empty()) return kFine;
    const std::string& chosen = request_.service_config.scheduler;
    const std::string scheduler = chosen.empty() ? model::ServiceConfig{}.scheduler : chosen;
    bool any = false;
    for (std::size_t from = 0; from <= sched_flags_.size();) {
      const std::size_t comma = std::min(sched_flags_.find(',', from), sched_flags_.size());
      const std::string word = sched_flags_.substr(from, comma - from);
      from = comma + 1;
      if (word.empty()) continue;
      any = true;
      const SchedulerFlag* known = nullptr;
      for (const SchedulerFlag& flag : kSchedulerFlags)
        if (flag.name == word) known = &flag;
      if (!known) return fault(quoted("invalid scheduler flag `", word, "'"));
      if (!known->scheduler.empty() && known->scheduler != scheduler)
        return fault(quoted("incompatible scheduler flag `", word, "'"));
      request_.service_config.flags |= known->flag;
    }
    // Commas alone crash ipvsadm 1.31; refuse them.
    if (!any) return fault(quoted("invalid scheduler flag `", sched_flags_, "'"));
    return kFine;
  }

  /// @param among  the options that `needs` speaks of.
  Fault check_needs(const Needs& needs, OptionSet among, std::string_view subject,
                    std::string_view kind) const {
    const std::string end = quoted("' ", kind, "");
    std::optional<Option> first;
    for (std::size_t i = 0; i < static_cast<std::size_t>(Option::kCount); ++i) {
      const auto option = static_cast<Option>(i);
      if (!(among & bit(option))) continue;
      if (!request_.has(option)) {
        if (needs.required & bit(option))
          return fault(quoted("You need to supply the '", name(option), "' option for the '") +
                       quoted("", subject, end));
        continue;
      }
      if (needs.one_of & bit(option)) {
        if (first)
          return fault(quoted("The option '", name(option), "' conflicts with the '") +
                       quoted("", name(*first), "' option in the '") + quoted("", subject, end));
        first = option;
      } else if (!((needs.required | needs.allowed) & bit(option))) {
        return fault(quoted("Illegal '", name(option), "' option with the '") + quoted("", subject, end));
      }
    }
    return kFine;
  }

  Fault check_service() {
    if (request_.command != Command::kAddService && request_.command != Command::kEditService) return kFine;
    const bool marked = request_.service.fwmark != 0;
    model::ServiceConfig& config = request_.service_config;
    if (!marked && request_.service.port == 0 && !(config.flags & model::kSvcPersistent))
      return fault("Zero port specified for non-persistent service");
    if ((config.flags & model::kSvcOnePacket) && !marked && request_.service.protocol != Protocol::kUdp)
      return fault("One-Packet Scheduling is only for UDP virtual services");
    if (config.scheduler.empty()) config.scheduler = model::ServiceConfig{}.scheduler;
    return kFine;
  }

  Fault check_server() {
    if (request_.command != Command::kAddServer && request_.command != Command::kEditServer) return kFine;
    const model::ServerConfig& config = request_.server_config;
    const bool tunnel = config.forward == model::Forward::kTunnel;
    if (request_.service.fwmark == 0 && (tunnel || config.forward == model::Forward::kDirect))
      request_.server.port = request_.service.port;  // these methods cannot rewrite ports
    if (request_.server.address.family != request_.service.family && !tunnel)
      return fault("Different address family is allowed only for tunneling servers");
    if ((request_.options & (kTunnelOptions | bit(Option::kTunType))) && !tunnel)
      return fault("Tunnel options conflict with forward method");
    const TunnelRule& tunnel_rule = kTunnels[static_cast<std::size_t>(config.tun_type)];
    return check_needs(tunnel_rule.needs, kTunnelOptions, tunnel_rule.name, "tunnel type");
  }

  [[nodiscard]] Fault check_list() const {
    if (request_.command != Command::kList) return kFine;
    const auto any = [this](std::initializer_list<Option> options) {
      return (request_.options & bits(options)) != 0;
    };
    const bool not_servers = any({Option::kTimeout, Option::kDaemon});
    if (((not_servers || any({Option::kConnection})) &&
         any({Option::kStats, Option::kRate, Option::kThresholds})) ||
        (not_servers && any({Option::kPersistentConn})))
      return fault("options conflicts in the list command");
    return kFine;
  }

  const std::vector<std::string>& args_;
  Names& names_;
  Scanner scanner_;
  Request request_;
  std::string sched_flags_;
};

}  // namespace

std::variant<Request, Stop> parse(const std::vector<std::string>& args, Names& names) {
  return Parser(args, names).run();
}

Stop try_help(const std::string& program) {
  return Stop{
      kPoptFault, {}, "Try `" + program + " -h' or '" + program + " --help' for more information.\n", true};
}

}  // namespace xlvs::ipvsadm
