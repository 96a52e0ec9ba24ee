// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs status, for people and as JSON.
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "abi/verdict.h"
#include "kernel/attach.h"
#include "kernel/opened_table.h"
#include "kernel/sweep.h"
#include "xlvs/command.h"

namespace xlvs::command {
namespace {

using Json = nlohmann::ordered_json;

struct Reason {
  const char* name;
  const char* verdict;
  const char* text;
};
constexpr std::array kReasons{
#define X(name, verdict, text) Reason{#name, #verdict, text},
    XLVS_REASONS(X)
#undef X
};

/// "NO_ROUTE" -> "no-route".
std::string lower(const char* name) {
  std::string s(name);
  for (char& ch : s) ch = ch == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return s;
}

Json interfaces_json(const std::vector<kernel::Attachment>& attachments) {
  Json list = Json::array();
  for (const auto& a : attachments)
    list.push_back({{"name", a.interface.name},
                    {"mode", kernel::name_of(a.mode)},
                    {"program_id", a.program_id},
                    {"slowpath", a.slowpath}});
  return list;
}

Json packets_json(const std::vector<std::uint64_t>& counts) {
  Json list = Json::array();
  for (std::size_t i = 0; i < counts.size() && i < kReasons.size(); ++i) {
    if (i == XLVS_REASON_FORWARDED) continue;  // the servers' counters hold it
    list.push_back({{"reason", lower(kReasons[i].name)},
                    {"verdict", lower(kReasons[i].verdict)},
                    {"packets", counts[i]},
                    {"text", kReasons[i].text}});
  }
  return list;
}

Json capacity_json(const kernel::Capacity& c) {
  const int cpus = ::libbpf_num_possible_cpus();
  return {{"connections4", c.max_conns},
          {"connections6", c.max_conns6},
          {"services", c.max_services},
          {"servers", c.max_servers},
          {"blocks", c.arena_blocks},
          {"memory_bytes", kernel::memory_bytes(c, cpus > 0 ? static_cast<unsigned>(cpus) : 1)}};
}

/// Everything that status shows, once; text is made from it.
Result<Json> collect() {
  Json all{{"version", XLVS_VERSION}};
  auto table = kernel::OpenedTable::open();
  if (!table) {
    if (table.error().code != Errc::kNotFound) return table.error();
    all["table"] = nullptr;
    return all;
  }
  const std::string folder = kernel::fd_path((*table)->dir().folder);
  const auto attachments = kernel::attachments(folder);
  if (!attachments) return attachments.error();
  const auto reasons = (*table)->reasons();
  if (!reasons) return reasons.error();
  const auto memory = (*table)->memory();
  all["table"] = (*table)->dir().path;
  all["abi"] = memory.control->abi;
  all["capacity"] = capacity_json((*table)->capacity());
  all["interfaces"] = interfaces_json(*attachments);
  all["sweep"] = kernel::has_sweep_timer(folder) ? "timer" : "none";
  all["services"] = Json{{"count", memory.control->services}, {"owner", "xdp"}};
  all["packets"] = packets_json(*reasons);
  return all;
}

void print_text(const Json& all) {
  fmt::print("xlvs {}\n", all["version"].get<std::string>());
  if (all["table"].is_null()) {
    fmt::print("table        none in this network namespace: `xlvs attach INTERFACE` makes one\n");
    return;
  }
  const Json& c = all["capacity"];
  fmt::print("table        {} (ABI {})\n", all["table"].get<std::string>(), all["abi"].get<unsigned>());
  fmt::print("capacity     {} IPv4 and {} IPv6 connections, {} services, {} real servers, {}\n",
             c["connections4"].get<unsigned>(), c["connections6"].get<unsigned>(),
             c["services"].get<unsigned>(), c["servers"].get<unsigned>(),
             kernel::human_bytes(c["memory_bytes"].get<std::uint64_t>()));
  fmt::print("sweep        {}\n", all["sweep"] == "timer" ? "by a timer in the kernel"
                                                          : "no timer: run `xlvs sweep` every few seconds");
  fmt::print("services     {}, all by xdp\n", all["services"]["count"].get<unsigned>());
  if (all["interfaces"].empty()) fmt::print("interfaces   none: `xlvs attach INTERFACE`\n");
  for (const Json& i : all["interfaces"])
    fmt::print("interface    {}: {} mode, program {}{}\n", i["name"].get<std::string>(),
               i["mode"].get<std::string>(), i["program_id"].get<unsigned>(),
               i["slowpath"].get<bool>() ? "" : ", its TC filter is missing: detach and attach it again");
  for (const Json& p : all["packets"])
    if (const auto n = p["packets"].get<std::uint64_t>())
      fmt::print("packets      {:>12} {:<4} {:<14} {}\n", n, p["verdict"].get<std::string>(),
                 p["reason"].get<std::string>(), p["text"].get<std::string>());
}

int run_status(bool json) {
  const auto all = collect();
  if (!all) return fail(all.error());
  if (json)
    fmt::print("{}\n", all->dump(2));
  else
    print_text(*all);
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
