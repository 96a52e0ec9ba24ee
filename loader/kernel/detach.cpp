// SPDX-License-Identifier: GPL-2.0-or-later
// Detach: some interfaces, or everything that is ours in this network namespace.
#include <fmt/format.h>

#include "kernel/attach.h"
#include "kernel/construction.h"
#include "kernel/pinned.h"
#include "kernel/ports.h"
#include "kernel/programs.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {
namespace {

Result<Attachment> attachment_of(const Interface& interface, std::uint32_t table) {
  const auto state = xdp_state(interface);
  if (!state) return state.error();
  if (state->empty()) {
    const auto filter = tc_program(interface);
    if (!filter) return filter.error();
    if (*filter != 0) return Attachment{interface, XdpMode::kNative, 0, true};
    return Error{
        Errc::kNotFound,
        fmt::format("interface {} is not attached (`xlvs status` lists those that are)", interface.name)};
  }
  const auto director = director_by_id(state->id());
  if (!director) return director.error();
  if (*director && (*director)->serves(table)) return Attachment{interface, state->mode(), state->id(), true};
  return Error{Errc::kExists,
               fmt::format("interface {} carries XDP program {}, which is not this table's: left alone",
                           interface.name, state->id())};
}

/// `ports`: of the table, or none when there is none that we know to read.
Result<DetachReport> take_off_all(const std::vector<Attachment>& attachments, const Result<Ports>& ports) {
  DetachReport report;
  for (const auto& a : attachments) {
    const bool keep_clsact = ports && ports->had_clsact(a.interface);
    if (a.program_id == 0) {
      if (auto s = detach_tc(a.interface, keep_clsact); !s) return s.error();
      report.detached.push_back(a.interface.name);
      continue;
    }
    const auto director = director_by_id(a.program_id);
    if (!director) return director.error();
    if (!*director) continue;  // its interface went away with it
    if (auto s = take_off(a.interface, a.mode, (*director)->program, keep_clsact); !s) return s.error();
    report.detached.push_back(a.interface.name);
  }
  return report;
}

/// The bpffs that a table could be in; none is not an error here, but nothing to detach.
Result<std::string> existing_place() {
  const auto places = bpffs_places(system_files());
  if (places.empty()) return no_table();
  return places.front();
}

}  // namespace

Result<DetachReport> detach(const std::vector<std::string>& names) {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  const auto interfaces = interfaces_by_name(names);
  if (!interfaces) return interfaces.error();
  const auto held = hold_table(*ns, existing_place());
  if (!held) return held.error();
  if (!held->table) return no_table();
  const auto table = table_id(fd_path(held->table->folder));
  if (!table) return table.error();
  std::vector<Attachment> wanted;
  for (const auto& interface : *interfaces) {
    const auto attachment = attachment_of(interface, *table);
    if (!attachment) return attachment.error();
    wanted.push_back(*attachment);
  }
  auto ports = Ports::open(fd_path(held->table->folder));
  auto report = take_off_all(wanted, ports);
  if (!report || !ports) return report;
  for (const auto& interface : *interfaces) (void)ports->remove(interface);
  if (const auto left = attachments(*table)) (void)ports->settle(*left);
  return report;
}

Result<DetachReport> detach_all() {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  const auto place = existing_place();
  auto held = hold_table(*ns, place);
  if (!held && held.error().code != Errc::kNotFound) return held.error();
  // any director, not only this table's: so programs of a table that lost its pins go too
  auto found = attachments(std::nullopt);
  if (!found) return found.error();
  const auto left = orphans();
  if (!left) return left.error();
  for (const auto& interface : *left) found->push_back({interface, XdpMode::kNative, 0, true});
  const auto ports = held && held->table ? Ports::open(fd_path(held->table->folder)) : Result<Ports>(no_table());
  auto report = take_off_all(*found, ports);
  if (!report) return report;
  if (held && held->table) {
    if (auto s = remove_table(held->lock, folder_name(*ns)); !s) return s.error();
    report->removed_table = true;
  }
  if (!report->removed_table && report->detached.empty()) return no_table();
  return report;
}

}  // namespace xlvs::kernel
