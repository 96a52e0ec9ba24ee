// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs status, for people and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/open.h"
#include "backend/owners.h"
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

/// Kernel IPVS beside the table, and who has which service.
struct Ownership {
  bool kernel_loaded = false;
  std::vector<backend::OwnedService> services{};

  [[nodiscard]] std::size_t count(backend::Owner owner) const {
    return static_cast<std::size_t>(
        std::count_if(services.begin(), services.end(), [&](const auto& s) { return s.owner == owner; }));
  }
};

const char* name_of(backend::Owner owner) { return owner == backend::Owner::kXdp ? "xdp" : "kernel"; }

Result<Ownership> ownership() {
  const auto xdp = backend::open_xdp_backend();
  if (!xdp && xdp.error().code != Errc::kNotFound) return xdp.error();
  const auto kernel = backend::open_present_kernel_backend();
  Ownership o{.kernel_loaded = static_cast<bool>(kernel)};
  auto services = backend::owners(xdp ? (*xdp).get() : nullptr, kernel ? (*kernel).get() : nullptr);
  if (!services) return services.error();
  o.services = *std::move(services);
  return o;
}

Json to_json(const Ownership& o) {
  Json list = Json::array();
  for (const auto& s : o.services)
    list.push_back({{"service", model::describe(s.key)},
                    {"scheduler", s.scheduler},
                    {"owner", name_of(s.owner)},
                    {"remark", s.remark}});
  return {{"count", o.services.size()},
          {"xdp", o.count(backend::Owner::kXdp)},
          {"kernel", o.count(backend::Owner::kKernel)},
          {"list", list}};
}

void print(const Ownership& o) {
  fmt::print("services     {} by xdp, {} by kernel IPVS{}\n", o.count(backend::Owner::kXdp),
             o.count(backend::Owner::kKernel), o.kernel_loaded ? "" : ", which is not loaded");
  for (const auto& s : o.services)
    fmt::print("service      {} {}: {}{}{}\n", model::describe(s.key), s.scheduler, name_of(s.owner),
               s.remark.empty() ? "" : "; ", s.remark);
}

Json to_json(const kernel::TableStatus& s, const Ownership& o) {
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
          {"kernel_ipvs", o.kernel_loaded},
          {"services", to_json(o)},
          {"maglev", maglev},
          {"packets", packets}};
}

void print(const kernel::TableStatus& s, const Ownership& o) {
  fmt::print("table        {} (ABI {})\n", s.folder, s.abi);
  fmt::print("capacity     {} IPv4 and {} IPv6 connections, {} services, {} real servers; {}\n",
             s.capacity.max_conns, s.capacity.max_conns6, s.capacity.max_services, s.capacity.max_servers,
             kernel::human_bytes(s.memory_bytes));
  fmt::print("sweep        {}\n",
             s.sweep_timer ? "by a timer in the kernel" : "no timer: run `xlvs sweep` every few seconds");
  for (const auto& m : s.maglev)
    fmt::print("maglev       {}: digest {:016x}\n", model::describe(m.service), m.digest);
  if (s.interfaces.empty()) fmt::print("interfaces   none: `xlvs attach INTERFACE`\n");
  for (const auto& i : s.interfaces)
    fmt::print("interface    {}: {} mode, program {}{}\n", i.interface.name, kernel::name_of(i.mode),
               i.program_id, i.slowpath ? "" : "; its TC filter is missing: attach it again");
  print(o);
  for (const auto& r : s.reasons)
    if (r.packets != 0)
      fmt::print("packets      {:>12}  {:<4}  {:<15} {}\n", r.packets, lower(r.verdict), r.name, r.text);
}

int no_table(bool json, const Ownership& o) {
  const auto lost = kernel::directors_without_table();
  if (!lost) return fail(lost.error());
  if (json) {
    Json interfaces = Json::array();
    for (const auto& a : *lost) interfaces.push_back(to_json(a));
    fmt::print("{}\n", Json{{"version", XLVS_VERSION},
                            {"table", nullptr},
                            {"interfaces", interfaces},
                            {"kernel_ipvs", o.kernel_loaded},
                            {"services", to_json(o)}}
                           .dump(2));
    return kExitOk;
  }
  fmt::print("table        none in this network namespace: `xlvs attach INTERFACE` makes one\n");
  for (const auto& a : *lost)
    fmt::print(
        "interface    {}: program {} works on, but its table's pins are lost: `xlvs attach {}` finds it "
        "again\n",
        a.interface.name, a.program_id, a.interface.name);
  if (o.kernel_loaded)
    print(o);
  else
    fmt::print("kernel IPVS  not loaded: ipvsadm works once there is a table, or after `modprobe ip_vs`\n");
  return kExitOk;
}

int run_status(bool json) {
  const auto status = kernel::table_status();
  if (!status && status.error().code != Errc::kNotFound) return fail(status.error());
  const auto owners = ownership();
  if (!owners) return fail(owners.error());
  if (!json) fmt::print("xlvs {}\n", XLVS_VERSION);
  if (!status) return no_table(json, *owners);
  if (json)
    fmt::print("{}\n", to_json(*status, *owners).dump(2));
  else
    print(*status, *owners);
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
