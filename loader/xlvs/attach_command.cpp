// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs attach and xlvs detach.
#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "kernel/attach.h"
#include "xlvs/command.h"

namespace xlvs::command {
namespace {

/// A plain decimal number: no sign, no octal, and an empty word is not the default.
void add_count(CLI::App& cmd, const std::string& option, std::optional<std::uint64_t>& value,
               const std::string& text) {
  cmd.add_option_function<std::string>(
         option,
         [option, &value](const std::string& word) {
           std::uint64_t number = 0;
           const char* end = word.data() + word.size();
           const auto [rest, error] = std::from_chars(word.data(), end, number);
           const bool padded = word.size() > 1 && word.front() == '0';
           if (error == std::errc::result_out_of_range && rest == end)
             throw CLI::ValidationError(option, fmt::format("{} is out of range", word));
           if (error != std::errc() || rest != end || padded)
             throw CLI::ValidationError(
                 option, fmt::format("'{}' is not a number: write it in decimal digits", word));
           value = number;
         },
         text)
      ->option_text("N");
}

void warn_of_sweep(const std::string& problem) {
  if (!problem.empty())
    fmt::print(
        stderr,
        "xlvs: warning: no timer of the kernel expires connections, run `xlvs sweep` every few seconds: {}\n",
        problem.substr(0, problem.find('\n')));  // the rest is the verifier's log
}

int run_upgrade() {
  const auto report = kernel::upgrade();
  if (!report) return fail(report.error());
  for (const auto& name : report->interfaces) fmt::print("{}: upgraded\n", name);
  warn_of_sweep(report->sweep_problem);
  return kExitOk;
}

int run_attach(const kernel::AttachRequest& request) {
  const auto report = kernel::attach(request);
  if (!report) return fail(report.error());
  const auto& c = report->capacity;
  if (report->made_table)
    fmt::print("table: {} IPv4 and {} IPv6 connections, {} services, {} real servers; {} of kernel memory\n",
               c.max_conns, c.max_conns6, c.max_services, c.max_servers,
               kernel::human_bytes(report->memory_bytes));
  if (report->recovered_table)
    fmt::print("table found again through its running program, with all its contents\n");
  for (const auto& name : report->attached)
    fmt::print("{}: attached, {} mode\n", name, kernel::name_of(request.mode));
  for (const auto& name : report->already) fmt::print("{}: was attached already\n", name);
  warn_of_sweep(report->sweep_problem);
  return kExitOk;
}

int run_detach(const std::vector<std::string>& interfaces) {
  const auto report = interfaces.empty() ? kernel::detach_all() : kernel::detach(interfaces);
  if (!report) return fail(report.error());
  for (const auto& name : report->detached) fmt::print("{}: detached\n", name);
  if (report->removed_table) fmt::print("table removed\n");
  return kExitOk;
}

}  // namespace

void add_attach(CLI::App& app, Run& run) {
  auto* cmd =
      app.add_subcommand("attach", "Balance what arrives at these interfaces, making the table if need be");
  const auto request = std::make_shared<kernel::AttachRequest>();
  cmd->add_option("interface", request->interfaces, "Interfaces of this network namespace")->required();
  cmd->add_option_function<std::string>(
         "--mode",
         [request](const std::string& word) {
           for (const auto mode : {kernel::XdpMode::kNative, kernel::XdpMode::kGeneric})
             if (word == kernel::name_of(mode)) {
               request->mode = mode;
               return;
             }
           throw CLI::ValidationError("--mode",
                                      fmt::format("'{}' is no mode: choose native or generic", word));
         },
         "native (in the driver, the default) or generic (any interface, slower)")
      ->option_text("MODE");
  auto& c = request->capacity;
  add_count(*cmd, "--conns", c.conns,
            fmt::format("IPv4 connections that fit into a new table [{}]", kernel::kDefaultConns));
  add_count(*cmd, "--conns6", c.conns6, "IPv6 connections [a quarter of --conns]");
  add_count(*cmd, "--services", c.services, fmt::format("Virtual services [{}]", kernel::kDefaultServices));
  add_count(*cmd, "--servers", c.servers,
            fmt::format("Real servers of all services together [{}]", kernel::kDefaultServers));
  add_count(*cmd, "--blocks", c.blocks,
            "64-byte blocks for server lists and schedules [4 per server and 32 per service]");
  cmd->callback([request, &run] { run = [request] { return run_attach(*request); }; });
}

void add_upgrade(CLI::App& app, Run& run) {
  auto* cmd = app.add_subcommand(
      "upgrade", "Put this version's programs in the place of the running ones, under traffic");
  cmd->callback([&run] { run = run_upgrade; });
}

void add_detach(CLI::App& app, Run& run) {
  auto* cmd = app.add_subcommand(
      "detach", "Stop balancing at these interfaces; without any: at all, and remove the table");
  const auto interfaces = std::make_shared<std::vector<std::string>>();
  const auto all = std::make_shared<bool>(false);
  auto* named = cmd->add_option("interface", *interfaces, "Interfaces; the table and its services stay");
  cmd->add_flag("--all", *all, "The same as naming no interface")->excludes(named);
  cmd->callback([interfaces, all, &run] { run = [interfaces, all] { return run_detach(*interfaces); }; });
}

}  // namespace xlvs::command
