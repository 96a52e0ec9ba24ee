// SPDX-License-Identifier: GPL-2.0-or-later
// Attach: check everything, then change, and undo on failure.
#include "kernel/attach.h"

#include <fmt/format.h>

#include <fstream>

#include "kernel/construction.h"
#include "kernel/opened_table.h"
#include "kernel/pinned.h"
#include "kernel/ports.h"
#include "kernel/probe.h"
#include "kernel/programs.h"
#include "kernel/renewal.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {
namespace {

/// MemAvailable of /proc/meminfo in bytes; a kernel that does not say has enough.
std::uint64_t available_memory() {
  std::ifstream in("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  std::string rest;
  while (in >> name >> kib && std::getline(in, rest))
    if (name == "MemAvailable:") return kib * 1024;
  return UINT64_MAX;
}

/// One interface and what is to be done with it.
struct Step {
  Interface interface;
  bool nothing = false;                ///< carries our program already
  std::optional<Director> replaced{};  ///< a director that is not the pinned one, or lacks its filter
};

struct ProgramIds {
  std::uint32_t director;
  std::uint32_t slowpath;
};

/// `pinned` is nothing when there is no table yet.
Result<Step> step_for(const Interface& interface, XdpMode mode, const std::optional<ProgramIds>& pinned) {
  const auto state = xdp_state(interface);
  if (!state) return state.error();
  if (state->empty()) return Step{interface};
  auto present = director_by_id(state->id());
  if (!present) return present.error();
  if (!*present)
    return Error{
        Errc::kExists,
        fmt::format("interface {0} carries XDP program {1}, which is not ours: detach it first, with the "
                    "tool that attached it, or `ip link set dev {0} {2} off`",
                    interface.name, state->id(), state->ip_link_word())};
  if (state->mode() != mode)
    return Error{
        Errc::kInvalidArgument,
        fmt::format("interface {0} is attached in {1} mode already: `xlvs detach {0}` before attaching it "
                    "in {2} mode",
                    interface.name, name_of(state->mode()), name_of(mode))};
  if (pinned && state->id() == pinned->director) {
    const auto filter = tc_program(interface);
    if (filter && *filter == pinned->slowpath) return Step{interface, true};
  }
  return Step{interface, false, *std::move(present)};
}

Result<std::vector<Step>> steps_for(const std::vector<Interface>& interfaces, XdpMode mode,
                                    const HeldTable& held) {
  std::optional<ProgramIds> pinned;
  if (held.table) {
    const auto programs = open_programs(fd_path(held.table->folder));
    if (!programs) return programs.error();
    const auto director = program_identity(programs->director);
    const auto slowpath = program_identity(programs->slowpath);
    if (!director) return director.error();
    if (!slowpath) return slowpath.error();
    pinned = ProgramIds{director->id, slowpath->id};
  }
  std::vector<Step> steps;
  for (const auto& interface : interfaces) {
    auto step = step_for(interface, mode, pinned);
    if (!step) return step.error();
    steps.push_back(std::move(*step));
  }
  return steps;
}

/// The existing table must be one that we can use, and as large as asked.
Status check_existing(const CapacityRequest& request, const TableDir& dir, AttachReport& report) {
  auto folder = open_folder(fd_path(dir.folder));
  if (!folder) return folder.error();
  const auto table = OpenedTable::open(TableDir{dir.path, std::move(*folder)});
  if (!table) return table.error();
  report.capacity = (*table)->capacity();
  const std::string other = mismatch(request, report.capacity);
  if (other.empty()) return ok();
  return Error{
      Errc::kInvalidArgument,
      fmt::format("{}: a table keeps the size that it was made with; `xlvs detach` removes it, services and "
                  "connections too",
                  other)};
}

Status make(const Netns& ns, HeldTable& held, AttachReport& report) {
  auto made = make_table(held.lock, ns, report.capacity);
  if (!made) return made.error();
  report.made_table = true;
  report.sweep_problem = made->sweep_problem;
  held.table = std::move(made->dir);
  return ok();
}

/// Finds the table again through a program that still runs on some interface of this namespace. None that
/// leads to a whole table is not an error: then there is no table.
Status recover(const Netns& ns, HeldTable& held, AttachReport& report) {
  const auto running = attachments(std::nullopt);
  if (!running) return running.error();
  for (const auto& attachment : *running) {
    const auto director = director_by_id(attachment.program_id);
    if (!director) return director.error();
    if (!*director) continue;
    auto recovered = recover_table(held.lock, ns, (*director)->program);
    if (!recovered && recovered.error().code == Errc::kNotFound) continue;
    if (!recovered) return recovered.error();
    report.recovered_table = true;
    report.sweep_problem = recovered->sweep_problem;
    held.table = std::move(recovered->dir);
    break;
  }
  return ok();
}

/// Enters the interfaces in xlvs_ports, before packets come.
/// `carriers`: what carries the table's director already
Status enter_ports(const std::vector<Step>& steps, XdpMode mode, std::vector<Attachment> carriers, Ports& ports) {
  for (const auto& step : steps) {
    if (auto s = ports.enter(step.interface); !s) return s;
    if (!step.nothing) carriers.push_back({step.interface, mode});
  }
  return ports.settle(carriers);
}
void leave_ports(const std::vector<Step>& steps, const std::vector<Attachment>& carriers, Ports& ports) {
  for (const auto& step : steps)
    if (!step.nothing && !step.replaced) (void)ports.remove(step.interface);
  (void)ports.settle(carriers);
}

/// Puts the programs on, or on none.
Status carry_out(const std::vector<Step>& steps, XdpMode mode, const Programs& programs, const Ports& ports,
                 AttachReport& report) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.nothing) {
      report.already.push_back(step.interface.name);
      continue;
    }
    const auto s = put_on(step.interface, mode, programs, step.replaced ? &step.replaced->program : nullptr);
    if (!s) {
      for (std::size_t j = 0; j < i; ++j)
        if (!steps[j].nothing && !steps[j].replaced)
          (void)take_off(steps[j].interface, mode, programs.director, ports.had_clsact(steps[j].interface));
      return s;
    }
    report.attached.push_back(step.interface.name);
  }
  return ok();
}

}  // namespace

Result<AttachReport> attach(const AttachRequest& request) {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  const auto interfaces = interfaces_by_name(request.interfaces);
  if (!interfaces) return interfaces.error();
  AttachReport report;
  const auto capacity = capacity_for(request.capacity);
  if (!capacity) return capacity.error();
  report.capacity = *capacity;
  auto held = hold_table(*ns, make_bpffs_place(system_files()));
  if (!held) return held.error();
  if (!held->table)
    if (auto s = recover(*ns, *held, report); !s) return s.error();
  const auto steps = steps_for(*interfaces, request.mode, *held);
  if (!steps) return steps.error();

  if (held->table) {
    if (auto s = check_existing(request.capacity, *held->table, report); !s) return s.error();
  } else {
    if (auto s = check_memory(memory_bytes(*capacity, possible_cpus()), available_memory()); !s)
      return s.error();
    if (auto s = make(*ns, *held, report); !s) return s.error();
  }
  report.memory_bytes = memory_bytes(report.capacity, possible_cpus());

  const auto programs = open_programs(fd_path(held->table->folder));
  if (!programs) return programs.error();
  auto ports = Ports::open(fd_path(held->table->folder));
  if (!ports) return ports.error();
  const auto table = table_id(fd_path(held->table->folder));
  if (!table) return table.error();
  const auto carriers = attachments(*table);
  if (!carriers) return carriers.error();
  Status s = enter_ports(*steps, request.mode, *carriers, *ports);
  if (s) s = carry_out(*steps, request.mode, *programs, *ports, report);
  if (!s) {
    leave_ports(*steps, *carriers, *ports);
    if (report.made_table) (void)remove_table(held->lock, folder_name(*ns));
    return s.error();
  }
  return report;
}

Result<UpgradeReport> upgrade() {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  auto held = hold_table(*ns, Result<std::string>(no_table()));
  if (!held) return held.error();
  if (!held->table) return no_table();
  AttachReport existing;
  if (auto s = check_existing({}, *held->table, existing); !s) return s.error();
  auto sweep_problem = renew_programs(held->lock, *ns, *held->table);
  if (!sweep_problem) return sweep_problem.error();
  const auto table = table_id(fd_path(held->table->folder));
  if (!table) return table.error();
  const auto carriers = attachments(*table);
  if (!carriers) return carriers.error();
  UpgradeReport report;
  report.sweep_problem = *sweep_problem;
  for (const auto& a : *carriers) report.interfaces.push_back(a.interface.name);
  return report;
}

}  // namespace xlvs::kernel
