// SPDX-License-Identifier: GPL-2.0-or-later
// From an argument vector to a Request that is complete and checked, or to the words of refusal.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "grammar.h"
#include "model/service.h"
#include "names.h"

namespace xlvs::ipvsadm {

/// One command with its options, checked as far as that is possible without asking an engine.
struct Request {
  Command command = Command::kList;
  OptionSet options = 0;

  model::ServiceKey service;  ///< valid if the options have kService
  model::ServiceConfig service_config;
  model::ServerKey server;
  model::ServerConfig server_config;
  model::Timeouts timeouts;
  model::Daemon daemon;

  [[nodiscard]] bool has(Option option) const { return (options & bit(option)) != 0; }
};

/// An end without a request: a fault, or help that was asked for.
struct Stop {
  int status;         ///< the exit status
  std::string out;    ///< for stdout
  std::string error;  ///< for stderr
  /// Whether the whole process ends. A bad word after the command ends only its line of a restore.
  bool final = true;
};

/// Reads what follows the program's name in `args`. Faults are found from left to right, then in the order
/// of enum Option, then among the values; the first one stops.
std::variant<Request, Stop> parse(const std::vector<std::string>& args, Names& names);

/// The fault of a command that cannot be, pointing to the help; `program` as the user called it.
Stop try_help(const std::string& program);

}  // namespace xlvs::ipvsadm
