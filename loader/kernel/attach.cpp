// SPDX-License-Identifier: GPL-2.0-or-later
// Attach: check everything, then change, and undo on failure.
#include "kernel/attach.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <span>

#include "kernel/carried.h"
#include "kernel/construction.h"
#include "kernel/links.h"
#include "kernel/objects.h"
#include "kernel/opened_table.h"
#include "kernel/pinned.h"
#include "kernel/ports.h"
#include "kernel/probe.h"
#include "kernel/programs.h"
#include "kernel/renewal.h"
#include "kernel/suitability.h"
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
  Link link{};
  bool nothing = false;                ///< carries our program already
  std::optional<Director> replaced{};  ///< a director that is not the pinned one, or lacks its filter
};

struct ProgramIds {
  std::uint32_t director;
  std::uint32_t jumbo;  ///< 0 when there is none
  std::uint32_t slowpath;

  [[nodiscard]] bool is_director(std::uint32_t id) const { return id == director || (id == jumbo && id != 0); }
};

/// `pinned` is nothing when there is no table yet.
Result<Step> step_for(const Interface& interface, XdpMode mode, const std::optional<ProgramIds>& pinned) {
  const auto state = xdp_state(interface);
  if (!state) return state.error();
  if (state->empty()) return Step{.interface = interface};
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
  if (pinned && pinned->is_director(state->id())) {
    const auto filter = tc_program(interface);
    if (filter && *filter == pinned->slowpath) return Step{.interface = interface, .nothing = true};
  }
  return Step{.interface = interface, .replaced = *std::move(present)};
}

Result<std::vector<Step>> steps_for(const std::vector<Interface>& interfaces, const Links& links, XdpMode mode,
                                    const HeldTable& held) {
  std::optional<ProgramIds> pinned;
  if (held.table) {
    const auto programs = open_programs(fd_path(held.table->folder));
    if (!programs) return programs.error();
    const auto director = program_identity(programs->director);
    const auto slowpath = program_identity(programs->slowpath);
    if (!director) return director.error();
    if (!slowpath) return slowpath.error();
    pinned = ProgramIds{director->id, 0, slowpath->id};
    if (programs->jumbo) {
      const auto jumbo = program_identity(programs->jumbo);
      if (!jumbo) return jumbo.error();
      pinned->jumbo = jumbo->id;
    }
  }
  std::vector<Step> steps;
  for (const auto& interface : interfaces) {
    auto step = step_for(interface, mode, pinned);
    if (!step) return step.error();
    const auto link = links.get(interface);
    if (!link) return link.error();
    step->link = *link;
    // one that carries our program already stays, whatever became of it since
    if (!step->nothing && !step->replaced)
      if (auto s = check_suitable(*link, links, mode); !s) return s.error();
    if (auto s = check_tags_seen(*link, links); !s) return s.error();
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

/// The director for jumbo frames, when an interface wants it and the table has none yet.
Status load_jumbo_if_wanted(const std::vector<Step>& steps, XdpMode mode, const TableDir& table,
                            const Capacity& capacity) {
  const std::string folder = fd_path(table.folder);
  if (std::none_of(steps.begin(), steps.end(), [&](const Step& s) { return wants_jumbo(s.interface, mode); }) ||
      open_pinned(folder, kJumboName))
    return ok();
  const auto control = read_pinned_control(folder);
  if (!control) return Error{Errc::kSystem, "cannot read the table's control row"};
  return load_jumbo({folder, folder}, capacity, control->seed);
}

/// A VLAN that came with the interface below cannot be attached itself.
Status check_not_carried(const std::vector<Step>& steps, const Ports& ports) {
  for (const auto& step : steps) {
    const auto row = ports.row(step.interface);
    if (!row) return row.error();
    if ((row->flags & (XLVS_PORT_F_VLAN | XLVS_PORT_F_MEMBER)) == 0) continue;
    const Interface carrier = interface_by_number(row->link);
    return Error{Errc::kExists, fmt::format("cannot attach to {}: its frames are balanced at {} already",
                                            step.interface.name, carrier.name)};
  }
  return ok();
}

/// Enters the interfaces in xlvs_ports, before packets come.
/// `carriers`: what carries the table's director already
Status enter_ports(const std::vector<Step>& steps, XdpMode mode, std::vector<Attachment> carriers, Ports& ports) {
  for (const auto& step : steps) {
    if (auto s = ports.enter(step.link); !s) return s;
    if (!step.nothing) carriers.push_back({step.interface, mode});
  }
  return ports.settle(carriers);
}
void leave_ports(const std::vector<Step>& steps, const std::vector<Attachment>& carriers, Ports& ports) {
  for (const auto& step : steps)
    if (!step.nothing && !step.replaced) (void)ports.remove(step.interface);
  (void)ports.settle(carriers);
}

/// Which of the two it got.
const UniqueFd& carried_director(const Interface& interface, const Programs& programs) {
  if (!programs.jumbo) return programs.director;
  const auto jumbo = program_identity(programs.jumbo);
  const auto state = xdp_state(interface);
  return jumbo && state && state->id() == jumbo->id ? programs.jumbo : programs.director;
}

/// Off again where they were put on.
void take_back(std::span<const Step> steps, XdpMode mode, const Programs& programs, const Ports& ports) {
  for (const Step& step : steps)
    if (!step.nothing && !step.replaced)
      (void)take_off(step.interface, mode, carried_director(step.interface, programs),
                     ports.had_clsact(step.interface));
}

/// Puts the programs on, or on none.
Status carry_out(const std::vector<Step>& steps, XdpMode mode, const Programs& programs, Ports& ports,
                 AttachReport& report) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.nothing) {
      report.already.push_back(step.interface.name);
      continue;
    }
    const auto s = put_on(step.interface, mode, programs, step.replaced ? &step.replaced->program : nullptr);
    if (!s) {
      take_back(std::span(steps).first(i), mode, programs, ports);
      return s;
    }
    (void)ports.set_spread(step.interface, &carried_director(step.interface, programs) == &programs.jumbo);
    report.attached.push_back(step.interface.name);
  }
  return ok();
}

/// What comes with the interfaces, once they carry the programs.
Status take_in_all(const std::vector<Step>& steps, const Links& links, XdpMode mode, const Programs& programs,
                   Ports& ports, AttachReport& report) {
  for (const Step& step : steps) {
    const auto vlans = take_in_carried(step.link, links, programs.slowpath, ports);
    if (!vlans) {
      for (const Step& s : steps)
        if (!s.nothing && !s.replaced) (void)let_go_of_carried(s.interface, ports);
      take_back(steps, mode, programs, ports);
      return vlans.error();
    }
    for (const Interface& vlan : *vlans) report.vlans.push_back({vlan.name, step.interface.name});
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
  const auto links = Links::read();
  if (!links) return links.error();
  const auto steps = steps_for(*interfaces, *links, request.mode, *held);
  if (!steps) return steps.error();

  if (held->table) {
    if (auto s = check_existing(request.capacity, *held->table, report); !s) return s.error();
  } else {
    if (auto s = check_memory(memory_bytes(*capacity, possible_cpus()), available_memory()); !s)
      return s.error();
    if (auto s = make(*ns, *held, report); !s) return s.error();
  }
  report.memory_bytes = memory_bytes(report.capacity, possible_cpus());

  if (auto s = load_jumbo_if_wanted(*steps, request.mode, *held->table, report.capacity); !s) {
    if (report.made_table) (void)remove_table(held->lock, folder_name(*ns));
    return s.error();
  }
  const auto programs = open_programs(fd_path(held->table->folder));
  if (!programs) return programs.error();
  auto ports = Ports::open(fd_path(held->table->folder));
  if (!ports) return ports.error();
  const auto table = table_id(fd_path(held->table->folder));
  if (!table) return table.error();
  const auto carriers = attachments(*table);
  if (!carriers) return carriers.error();
  if (auto c = check_not_carried(*steps, *ports); !c) return c.error();
  Status s = enter_ports(*steps, request.mode, *carriers, *ports);
  if (s) s = carry_out(*steps, request.mode, *programs, *ports, report);
  if (s) s = take_in_all(*steps, *links, request.mode, *programs, *ports, report);
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
