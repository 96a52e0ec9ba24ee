// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs status, for people and as JSON.
#include <fmt/format.h>

#include <cctype>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernel/sweep.h"
#include "kernel/table_status.h"
#include "model/text.h"
#include "xlvs/command.h"

namespace xlvs::command {
namespace {

using Json = nlohmann::ordered_json;

std::string lower(std::string text) {
  for (char& ch : text) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return text;
}

Json to_json(const kernel::Attachment& a) {
  return {{"name", a.interface.name},
          {"mode", kernel::name_of(a.mode)},
          {"program_id", a.program_id},
          {"slowpath", a.slowpath}};
}

Json to_json(const kernel::TableStatus& s) {
  Json interfaces = Json::array();
  for (const auto& a : s.interfaces) interfaces.push_back(to_json(a));
  Json maglev = Json::array();
  for (const auto& m : s.maglev)
    maglev.push_back({{"service", model::describe(m.service)}, {"digest", fmt::format("{:016x}", m.digest)}});
  Json packets = Json::array();
  for (const auto& r : s.reasons)
    packets.push_back(
        {{"reason", r.name}, {"verdict", lower(r.verdict)}, {"packets", r.packets}, {"text", r.text}});
  return {{"version", XLVS_VERSION},
          {"table", s.folder},
          {"abi", s.abi},
          {"capacity",
           {{"connections4", s.capacity.max_conns},
            {"connections6", s.capacity.max_conns6},
            {"services", s.capacity.max_services},
            {"servers", s.capacity.max_servers},
            {"blocks", s.capacity.arena_blocks},
            {"memory_bytes", s.memory_bytes}}},
          {"interfaces", interfaces},
          {"sweep", s.sweep_timer ? "timer" : "none"},
          {"services", {{"count", s.services}, {"owner", "xdp"}}},
          {"maglev", maglev},
          {"packets", packets}};
}

void print(const kernel::TableStatus& s) {
  fmt::print("table        {} (ABI {})\n", s.folder, s.abi);
  fmt::print("capacity     {} IPv4 and {} IPv6 connections, {} services, {} real servers; {}\n",
             s.capacity.max_conns, s.capacity.max_conns6, s.capacity.max_services, s.capacity.max_servers,
             kernel::human_bytes(s.memory_bytes));
  fmt::print("sweep        {}\n",
             s.sweep_timer ? "by a timer in the kernel" : "no timer: run `xlvs sweep` every few seconds");
  fmt::print("services     {}, all by xdp\n", s.services);
  for (const auto& m : s.maglev)
    fmt::print("maglev       {}: digest {:016x}\n", model::describe(m.service), m.digest);
  if (s.interfaces.empty()) fmt::print("interfaces   none: `xlvs attach INTERFACE`\n");
  for (const auto& i : s.interfaces)
    fmt::print("interface    {}: {} mode, program {}{}\n", i.interface.name, kernel::name_of(i.mode),
               i.program_id, i.slowpath ? "" : "; its TC filter is missing: attach it again");
  for (const auto& r : s.reasons)
    if (r.packets != 0)
      fmt::print("packets      {:>12}  {:<4}  {:<15} {}\n", r.packets, lower(r.verdict), r.name, r.text);
}

int no_table(bool json) {
  const auto lost = kernel::directors_without_table();
  if (!lost) return fail(lost.error());
  if (json) {
    Json interfaces = Json::array();
    for (const auto& a : *lost) interfaces.push_back(to_json(a));
    fmt::print("{}\n",
               Json{{"version", XLVS_VERSION}, {"table", nullptr}, {"interfaces", interfaces}}.dump(2));
    return kExitOk;
  }
  fmt::print("table        none in this network namespace: `xlvs attach INTERFACE` makes one\n");
  for (const auto& a : *lost)
    fmt::print(
        "interface    {}: program {} works on, but its table's pins are lost: `xlvs attach {}` finds it "
        "again\n",
        a.interface.name, a.program_id, a.interface.name);
  return kExitOk;
}

int run_status(bool json) {
  const auto status = kernel::table_status();
  if (!status && status.error().code != Errc::kNotFound) return fail(status.error());
  if (!json) fmt::print("xlvs {}\n", XLVS_VERSION);
  if (!status) return no_table(json);
  if (json)
    fmt::print("{}\n", to_json(*status).dump(2));
  else
    print(*status);
  return kExitOk;
}

int run_sweep() {
  const auto swept = kernel::sweep_once();
  return swept ? kExitOk : fail(swept.error());
}

}  // namespace

void add_status(CLI::App& app, Run& run) {
  auto* cmd = app.add_subcommand("status", "Show the table, its interfaces, and what became of packets");
  const auto json = std::make_shared<bool>(false);
  cmd->add_flag("--json", *json, "For programs");
  cmd->callback([json, &run] { run = [json] { return run_status(*json); }; });
}

void add_sweep(CLI::App& app, Run& run) {
  auto* cmd = app.add_subcommand("sweep", "Expire connections once, on kernels without BPF timers");
  cmd->callback([&run] { run = run_sweep; });
}

}  // namespace xlvs::command
