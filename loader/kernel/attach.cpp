// SPDX-License-Identifier: GPL-2.0-or-later
// The order of things at attach and detach: check all, change, and undo on failure.
#include "kernel/attach.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "kernel/construction.h"
#include "kernel/opened_table.h"
#include "kernel/pinned.h"
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

Result<std::vector<Interface>> interfaces_named(const std::vector<std::string>& names) {
  std::vector<Interface> found;
  for (const auto& name : names) {
    auto interface = interface_by_name(name);
    if (!interface) return interface.error();
    const bool twice = std::any_of(found.begin(), found.end(),
                                   [&](const Interface& i) { return i.index == interface->index; });
    if (!twice) found.push_back(std::move(*interface));
  }
  return found;
}

/// The table's programs that interfaces carry.
struct Programs {
  UniqueFd director;
  UniqueFd slowpath;
  std::uint32_t director_id = 0;
};
Result<Programs> open_programs(const std::string& folder) {
  auto director = open_pinned(folder, kDirectorName);
  if (!director) return director.error();
  auto slowpath = open_pinned(folder, kSlowpathName);
  if (!slowpath) return slowpath.error();
  const auto identity = program_identity(*director);
  if (!identity) return identity.error();
  return Programs{std::move(*director), std::move(*slowpath), identity->id};
}

/// The program, if it is a director of ours whose table lost its pins; nothing if it is somebody else's.
std::optional<UniqueFd> orphaned_director(std::uint32_t id) {
  auto program = program_by_id(id);
  if (!program) return std::nullopt;
  const auto identity = program_identity(*program);
  if (!identity || identity->name != kDirectorName) return std::nullopt;
  return std::move(*program);
}

enum class Plan { kAttach, kReplaceOrphan, kNothing };

/// What attaching to `interface` takes; `director_id` is 0 when there is no table yet.
Result<Plan> plan_for(const Interface& interface, XdpMode mode, std::uint32_t director_id) {
  const auto state = xdp_state(interface);
  if (!state) return state.error();
  if (state->empty()) return Plan::kAttach;
  if (state->id() == director_id) {
    if (state->mode() == mode) return Plan::kNothing;
    return Error{
        Errc::kInvalidArgument,
        fmt::format("interface {0} is attached in {1} mode already: `xlvs detach {0}` before attaching it in "
                    "{2} mode",
                    interface.name, name_of(state->mode()), name_of(mode))};
  }
  if (state->mode() == mode && orphaned_director(state->id())) return Plan::kReplaceOrphan;
  return Error{
      Errc::kExists,
      fmt::format("interface {0} carries XDP program {1}, which is not ours: detach it first, with the tool "
                  "that attached it, or `ip link set dev {0} xdp off`",
                  interface.name, state->id())};
}

Status put_on(const Interface& interface, XdpMode mode, Plan plan, const Programs& programs) {
  if (auto s = attach_tc(interface, programs.slowpath); !s) return s;
  std::optional<UniqueFd> old;
  if (plan == Plan::kReplaceOrphan) {
    const auto state = xdp_state(interface);
    if (state) old = orphaned_director(state->id());
  }
  auto s = attach_xdp(interface, mode, programs.director, old ? &*old : nullptr);
  if (!s) (void)detach_tc(interface);
  return s;
}

Status take_off(const Attachment& a, const UniqueFd& director) {
  if (auto s = detach_xdp(a.interface, a.mode, director); !s) return s;
  return detach_tc(a.interface);
}

/// A table found or made under the lock.
struct Held {
  TablesLock lock;
  std::optional<TableDir> table;
};

Result<Held> hold(const Netns& ns) {
  const auto place = [&]() -> Result<std::string> {
    // a table that exists decides which bpffs; else the first one
    auto found = find_table(system_files(), ns);
    if (found) return found->path.substr(0, found->path.rfind(std::string("/") + kTablesFolder + "/"));
    if (found.error().code != Errc::kNotFound) return found.error();
    return make_bpffs_place(system_files());
  }();
  if (!place) return place.error();
  auto lock = TablesLock::take(*place);
  if (!lock) return lock.error();
  remove_leftovers(*lock, ns);
  auto found = find_table(system_files(), ns);
  Held held{std::move(*lock), std::nullopt};
  if (found)
    held.table = std::move(*found);
  else if (found.error().code != Errc::kNotFound)
    return found.error();
  return held;
}

/// The existing table, when it fits the request, or a new one.
Status table_for(const AttachRequest& request, const Netns& ns, Held& held, AttachReport& report) {
  if (held.table) {
    const auto folder = open_folder(held.table->path);
    if (!folder) return folder.error();
    UniqueFd again(::dup(held.table->folder.get()));
    const auto table = OpenedTable::open(TableDir{held.table->path, std::move(again)});
    if (!table) return table.error();
    report.capacity = (*table)->capacity();
    if (const std::string other = mismatch(request.capacity, report.capacity); !other.empty())
      return Error{Errc::kInvalidArgument,
                   fmt::format("{}: a table keeps the size that it was made with; `xlvs "
                               "detach` removes it, services and connections too",
                               other)};
    return ok();
  }
  auto made = make_table(held.lock, ns, report.capacity);
  if (!made) return made.error();
  report.made_table = true;
  report.sweep_problem = made->sweep_problem;
  held.table = std::move(made->dir);
  return ok();
}

Status check_capacity(const CapacityRequest& request, bool table_exists, Capacity& capacity) {
  auto wanted = capacity_for(request);
  if (!wanted) return wanted.error();
  capacity = *wanted;
  if (table_exists) return ok();
  const int cpus = ::libbpf_num_possible_cpus();
  return check_memory(memory_bytes(capacity, cpus > 0 ? static_cast<unsigned>(cpus) : 1), available_memory());
}

}  // namespace

Result<std::vector<Attachment>> attachments(const std::string& folder) {
  const auto programs = open_programs(folder);
  if (!programs) return programs.error();
  const auto interfaces = all_interfaces();
  if (!interfaces) return interfaces.error();
  std::vector<Attachment> found;
  for (const auto& interface : *interfaces) {
    const auto state = xdp_state(interface);
    if (!state || state->id() != programs->director_id) continue;
    const auto filter = tc_program(interface);
    found.push_back({interface, state->mode(), state->id(), filter && *filter != 0});
  }
  return found;
}

Result<AttachReport> attach(const AttachRequest& request) {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  const auto interfaces = interfaces_named(request.interfaces);
  if (!interfaces) return interfaces.error();
  AttachReport report;
  auto held = hold(*ns);
  if (!held) return held.error();
  if (auto s = check_capacity(request.capacity, held->table.has_value(), report.capacity); !s)
    return s.error();

  std::uint32_t director_id = 0;
  if (held->table) {
    const auto programs = open_programs(fd_path(held->table->folder));
    if (!programs) return programs.error();
    director_id = programs->director_id;
  }
  std::vector<Plan> plans;
  for (const auto& interface : *interfaces) {
    const auto plan = plan_for(interface, request.mode, director_id);
    if (!plan) return plan.error();
    plans.push_back(*plan);
  }
  if (auto s = table_for(request, *ns, *held, report); !s) return s.error();

  report.folder = held->table->path;
  const auto programs = open_programs(fd_path(held->table->folder));
  if (!programs) return programs.error();
  for (std::size_t i = 0; i < interfaces->size(); ++i) {
    const Interface& interface = (*interfaces)[i];
    if (plans[i] == Plan::kNothing) {
      report.already.push_back(interface.name);
      continue;
    }
    const auto s = put_on(interface, request.mode, plans[i], *programs);
    if (!s) {
      for (std::size_t j = 0; j < i; ++j)
        if (plans[j] != Plan::kNothing)
          (void)take_off({(*interfaces)[j], request.mode, 0, true}, programs->director);
      if (report.made_table) (void)remove_table(held->lock, folder_name(*ns));
      return s.error();
    }
    report.attached.push_back(interface.name);
  }
  return report;
}

Result<DetachReport> detach(const std::vector<std::string>& names) {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  const auto interfaces = interfaces_named(names);
  if (!interfaces) return interfaces.error();
  const auto table = find_table(system_files(), *ns);
  if (!table) return table.error();
  const std::string folder = fd_path(table->folder);
  const auto programs = open_programs(folder);
  if (!programs) return programs.error();
  std::vector<XdpState> states;
  for (const auto& interface : *interfaces) {
    const auto state = xdp_state(interface);
    if (!state) return state.error();
    if (state->id() != programs->director_id)
      return Error{state->empty() ? Errc::kNotFound : Errc::kExists,
                   state->empty()
                       ? fmt::format("interface {} is not attached (`xlvs status` lists those that are)",
                                     interface.name)
                       : fmt::format("interface {} carries XDP program {}, which is not ours: left alone",
                                     interface.name, state->id())};
    states.push_back(*state);
  }
  DetachReport report;
  for (std::size_t i = 0; i < interfaces->size(); ++i) {
    const Attachment a{(*interfaces)[i], states[i].mode(), states[i].id(), true};
    if (auto s = take_off(a, programs->director); !s) return s.error();
    report.detached.push_back(a.interface.name);
  }
  return report;
}

Result<DetachReport> detach_all() {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  auto held = hold(*ns);
  if (!held) return held.error();
  DetachReport report;
  const auto interfaces = all_interfaces();
  if (!interfaces) return interfaces.error();
  // by name, not by pin: so it also finds programs of a table whose pins are lost
  for (const auto& interface : *interfaces) {
    const auto state = xdp_state(interface);
    if (!state || state->empty()) continue;
    const auto director = orphaned_director(state->id());
    if (!director) continue;
    if (auto s = take_off({interface, state->mode(), state->id(), true}, *director); !s) return s.error();
    report.detached.push_back(interface.name);
  }
  if (held->table) {
    if (auto s = remove_table(held->lock, folder_name(*ns)); !s) return s.error();
    report.removed_table = true;
  }
  if (!report.removed_table && report.detached.empty())
    return Error{Errc::kNotFound, "nothing to detach: there is no xlvs table in this network namespace"};
  return report;
}

}  // namespace xlvs::kernel
