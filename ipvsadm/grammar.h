// SPDX-License-Identifier: GPL-2.0-or-later
// What ipvsadm understands, as two tables: the commands with their options, and the spellings of both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace xlvs::ipvsadm {

enum class Command : std::uint8_t {
  kAddService,
  kEditService,
  kDeleteService,
  kFlush,
  kList,
  kAddServer,
  kDeleteServer,
  kEditServer,
  kSet,
  kStartDaemon,
  kStopDaemon,
  kRestore,
  kSave,
  kZero,
  kCount
};

/// In the order in which faults are looked for: the first one found is the one reported.
enum class Option : std::uint8_t {
  kNumeric,
  kConnection,
  kService,
  kScheduler,
  kPersistent,
  kNetmask,
  kServer,
  kForward,
  kWeight,
  kUpper,
  kLower,
  kMcastInterface,
  kTimeout,
  kDaemon,
  kStats,
  kRate,
  kThresholds,
  kPersistentConn,
  kNoSort,
  kSyncId,
  kExact,
  kOps,
  kPe,
  kSchedFlags,
  kMcastGroup,
  kMcastPort,
  kMcastTtl,
  kSyncMaxLen,
  kTunInfo,
  kTunType,
  kTunPort,
  kTunNoCsum,
  kTunCsum,
  kTunRemCsum,
  kCount
};

using OptionSet = std::uint64_t;

constexpr OptionSet bit(Option option) { return OptionSet{1} << static_cast<unsigned>(option); }

constexpr OptionSet bits(std::initializer_list<Option> options) {
  OptionSet set = 0;
  for (Option option : options) set |= bit(option);
  return set;
}

/// The names that faults use for options.
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Option::kCount)> kOptionNames{
    "numeric",
    "connection",
    "service-address",
    "scheduler",
    "persistent",
    "netmask",
    "real-server",
    "forwarding-method",
    "weight",
    "u-threshold",
    "l-threshold",
    "mcast-interface",
    "timeout",
    "daemon",
    "stats",
    "rate",
    "thresholds",
    "persistent-conn",
    "nosort",
    "syncid",
    "exact",
    "ops",
    "pe",
    "sched-flags",
    "mcast-group",
    "mcast-port",
    "mcast-ttl",
    "sync-maxlen",
    "tun-info",
    "tun-type",
    "tun-port",
    "tun-nocsum",
    "tun-csum",
    "tun-remcsum"};
static_assert(kOptionNames.back() == "tun-remcsum", "one name per Option, in order");

constexpr std::string_view name(Option option) { return kOptionNames[static_cast<std::size_t>(option)]; }

/// What a command, or a tunnel type, asks of its options. What no set names is illegal.
struct Needs {
  OptionSet required = 0;
  OptionSet allowed = 0;
  OptionSet one_of = 0;  ///< at most one of these
};

struct CommandRule {
  Command command;
  std::string_view name;
  Needs needs;
};

namespace detail {
using enum Option;
constexpr OptionSet kServiceOptions = bits({kScheduler, kPersistent, kNetmask, kOps, kPe, kSchedFlags});
constexpr OptionSet kServerOptions =
    bits({kForward, kWeight, kUpper, kLower, kTunType, kTunPort, kTunNoCsum, kTunCsum, kTunRemCsum});
}  // namespace detail

inline constexpr std::array kCommands{
    CommandRule{Command::kAddService, "add-service", {bit(Option::kService), detail::kServiceOptions, 0}},
    CommandRule{Command::kEditService, "edit-service", {bit(Option::kService), detail::kServiceOptions, 0}},
    CommandRule{Command::kDeleteService, "delete-service", {bit(Option::kService), 0, 0}},
    CommandRule{Command::kFlush, "flush", {}},
    CommandRule{
        Command::kList,
        "list",
        {0,
         bits({Option::kNumeric, Option::kStats, Option::kRate, Option::kThresholds, Option::kPersistentConn,
               Option::kNoSort, Option::kSyncId, Option::kExact, Option::kTunInfo}),
         bits({Option::kConnection, Option::kService, Option::kTimeout, Option::kDaemon})}},
    CommandRule{Command::kAddServer,
                "add-server",
                {bits({Option::kService, Option::kServer}), detail::kServerOptions, 0}},
    CommandRule{Command::kDeleteServer, "delete-server", {bits({Option::kService, Option::kServer}), 0, 0}},
    CommandRule{Command::kEditServer,
                "edit-server",
                {bits({Option::kService, Option::kServer}), detail::kServerOptions, 0}},
    CommandRule{Command::kSet, "set", {}},
    CommandRule{Command::kStartDaemon,
                "start-daemon",
                {0,
                 bits({Option::kMcastInterface, Option::kSyncId, Option::kMcastGroup, Option::kMcastPort,
                       Option::kMcastTtl, Option::kSyncMaxLen}),
                 0}},
    CommandRule{Command::kStopDaemon, "stop-daemon", {0, bit(Option::kSyncId), 0}},
    CommandRule{Command::kRestore, "restore", {}},
    CommandRule{Command::kSave, "save", {0, bit(Option::kNumeric), 0}},
    CommandRule{Command::kZero, "zero", {0, bit(Option::kService), 0}},
};

constexpr bool commands_in_enum_order() {
  for (std::size_t i = 0; i < kCommands.size(); ++i)
    if (static_cast<std::size_t>(kCommands[i].command) != i) return false;
  return kCommands.size() == static_cast<std::size_t>(Command::kCount);
}
static_assert(commands_in_enum_order(), "one row per Command, in order");

constexpr const CommandRule& rule(Command command) { return kCommands[static_cast<std::size_t>(command)]; }

/// The tunnel options, and what each tunnel type (model::TunnelType, in its order) asks of them.
constexpr OptionSet kTunnelOptions =
    bits({Option::kTunPort, Option::kTunNoCsum, Option::kTunCsum, Option::kTunRemCsum});

struct TunnelRule {
  std::string_view name;
  Needs needs;
};
inline constexpr std::array kTunnels{
    TunnelRule{"ipip", {}},
    TunnelRule{"gue",
               {bit(Option::kTunPort), 0, bits({Option::kTunNoCsum, Option::kTunCsum, Option::kTunRemCsum})}},
    TunnelRule{"gre", {0, 0, bits({Option::kTunNoCsum, Option::kTunCsum})}},
};

/// Whether a spelling takes a value. An optional value is the rest of the word, or the next word if that
/// does not begin with a dash.
enum class Value : std::uint8_t { kNone, kRequired, kOptional };

/// What a spelling stands for. Several spellings may set one Option (-t, -u, -f set kService).
enum class Word : std::uint8_t {
  kAddService,
  kEditService,
  kDeleteService,
  kClear,
  kList,
  kZero,
  kAddServer,
  kEditServer,
  kDeleteServer,
  kSet,
  kHelp,
  kVersion,
  kRestore,
  kSave,
  kStartDaemon,
  kStopDaemon,
  kTcpService,
  kUdpService,
  kSctpService,
  kFwmarkService,
  kScheduler,
  kPersistent,
  kNetmask,
  kRealServer,
  kMasquerading,
  kIpip,
  kGatewaying,
  kWeight,
  kUpper,
  kLower,
  kNumeric,
  kConnection,
  kMcastInterface,
  kSyncId,
  kTimeout,
  kDaemon,
  kStats,
  kRate,
  kThresholds,
  kPersistentConn,
  kNoSort,
  kSort,
  kExact,
  kIpv6,
  kOps,
  kPe,
  kSchedFlags,
  kMcastGroup,
  kMcastPort,
  kMcastTtl,
  kSyncMaxLen,
  kTunInfo,
  kTunType,
  kTunPort,
  kTunNoCsum,
  kTunCsum,
  kTunRemCsum,
};

struct Spelling {
  std::string_view name;
  char letter;  ///< 0 = long form only
  Value value;
  Word word;
};

inline constexpr std::array kSpellings{
    Spelling{"add-service", 'A', Value::kNone, Word::kAddService},
    Spelling{"edit-service", 'E', Value::kNone, Word::kEditService},
    Spelling{"delete-service", 'D', Value::kNone, Word::kDeleteService},
    Spelling{"clear", 'C', Value::kNone, Word::kClear},
    Spelling{"list", 'L', Value::kNone, Word::kList},
    Spelling{"list", 'l', Value::kNone, Word::kList},
    Spelling{"zero", 'Z', Value::kNone, Word::kZero},
    Spelling{"add-server", 'a', Value::kNone, Word::kAddServer},
    Spelling{"edit-server", 'e', Value::kNone, Word::kEditServer},
    Spelling{"delete-server", 'd', Value::kNone, Word::kDeleteServer},
    Spelling{"set", 0, Value::kNone, Word::kSet},
    Spelling{"help", 'h', Value::kNone, Word::kHelp},
    Spelling{"version", 'v', Value::kNone, Word::kVersion},
    Spelling{"restore", 'R', Value::kNone, Word::kRestore},
    Spelling{"save", 'S', Value::kNone, Word::kSave},
    Spelling{"start-daemon", 0, Value::kRequired, Word::kStartDaemon},
    Spelling{"stop-daemon", 0, Value::kRequired, Word::kStopDaemon},
    Spelling{"tcp-service", 't', Value::kRequired, Word::kTcpService},
    Spelling{"udp-service", 'u', Value::kRequired, Word::kUdpService},
    Spelling{"sctp-service", 0, Value::kRequired, Word::kSctpService},
    Spelling{"fwmark-service", 'f', Value::kRequired, Word::kFwmarkService},
    Spelling{"scheduler", 's', Value::kRequired, Word::kScheduler},
    Spelling{"persistent", 'p', Value::kOptional, Word::kPersistent},
    Spelling{"netmask", 'M', Value::kRequired, Word::kNetmask},
    Spelling{"real-server", 'r', Value::kRequired, Word::kRealServer},
    Spelling{"masquerading", 'm', Value::kNone, Word::kMasquerading},
    Spelling{"ipip", 'i', Value::kNone, Word::kIpip},
    Spelling{"gatewaying", 'g', Value::kNone, Word::kGatewaying},
    Spelling{"weight", 'w', Value::kRequired, Word::kWeight},
    Spelling{"u-threshold", 'x', Value::kRequired, Word::kUpper},
    Spelling{"l-threshold", 'y', Value::kRequired, Word::kLower},
    Spelling{"numeric", 'n', Value::kNone, Word::kNumeric},
    Spelling{"connection", 'c', Value::kNone, Word::kConnection},
    Spelling{"mcast-interface", 0, Value::kRequired, Word::kMcastInterface},
    Spelling{"syncid", 0, Value::kRequired, Word::kSyncId},
    Spelling{"timeout", 0, Value::kNone, Word::kTimeout},
    Spelling{"daemon", 0, Value::kNone, Word::kDaemon},
    Spelling{"stats", 0, Value::kNone, Word::kStats},
    Spelling{"rate", 0, Value::kNone, Word::kRate},
    Spelling{"thresholds", 0, Value::kNone, Word::kThresholds},
    Spelling{"persistent-conn", 0, Value::kNone, Word::kPersistentConn},
    Spelling{"nosort", 0, Value::kNone, Word::kNoSort},
    Spelling{"sort", 0, Value::kNone, Word::kSort},
    Spelling{"exact", 'X', Value::kNone, Word::kExact},
    Spelling{"ipv6", '6', Value::kNone, Word::kIpv6},
    Spelling{"ops", 'o', Value::kNone, Word::kOps},
    Spelling{"pe", 0, Value::kRequired, Word::kPe},
    Spelling{"sched-flags", 'b', Value::kRequired, Word::kSchedFlags},
    Spelling{"mcast-group", 0, Value::kRequired, Word::kMcastGroup},
    Spelling{"mcast-port", 0, Value::kRequired, Word::kMcastPort},
    Spelling{"mcast-ttl", 0, Value::kRequired, Word::kMcastTtl},
    Spelling{"sync-maxlen", 0, Value::kRequired, Word::kSyncMaxLen},
    Spelling{"tun-info", 0, Value::kNone, Word::kTunInfo},
    Spelling{"tun-type", 0, Value::kRequired, Word::kTunType},
    Spelling{"tun-port", 0, Value::kRequired, Word::kTunPort},
    Spelling{"tun-nocsum", 0, Value::kNone, Word::kTunNoCsum},
    Spelling{"tun-csum", 0, Value::kNone, Word::kTunCsum},
    Spelling{"tun-remcsum", 0, Value::kNone, Word::kTunRemCsum},
};

constexpr bool letters_are_unique() {
  for (std::size_t i = 0; i < kSpellings.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (kSpellings[i].letter != 0 && kSpellings[i].letter == kSpellings[j].letter) return false;
  return true;
}
static_assert(letters_are_unique());

}  // namespace xlvs::ipvsadm
