// SPDX-License-Identifier: GPL-2.0-or-later
// Puts director and slow path on interfaces and takes them off together.
#include "kernel/programs.h"

#include <algorithm>

#include "kernel/pinned.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {

namespace {

/// A pinned program; one that is missing can be had again.
Result<UniqueFd> open_program(const std::string& folder, const char* name) {
  auto program = open_pinned(folder, name);
  if (!program && program.error().code == Errc::kNotFound)
    return Error{Errc::kSystem, program.error().what + "; `xlvs upgrade` loads and pins it anew"};
  return program;
}

}  // namespace

Result<Programs> open_programs(const std::string& folder) {
  auto director = open_program(folder, kDirectorName);
  if (!director) return director.error();
  auto slowpath = open_program(folder, kSlowpathName);
  if (!slowpath) return slowpath.error();
  return Programs{std::move(*director), std::move(*slowpath)};
}

Result<std::uint32_t> table_id(const std::string& folder) {
  const auto control = open_pinned(folder, "xlvs_control");
  if (!control) return control.error();
  const auto shape = map_shape(*control, "xlvs_control");
  if (!shape) return shape.error();
  return shape->id;
}

bool Director::serves(std::uint32_t table) const {
  return std::find(map_ids.begin(), map_ids.end(), table) != map_ids.end();
}

Result<std::optional<Director>> director_by_id(std::uint32_t id) {
  auto program = program_by_id(id);
  if (!program && program.error().code == Errc::kNotFound) return std::optional<Director>();
  if (!program) return program.error();
  auto identity = program_identity(*program);
  if (!identity) return identity.error();
  if (identity->name != kDirectorName) return std::optional<Director>();
  return std::optional(Director{std::move(*program), std::move(identity->map_ids)});
}

Result<std::vector<Attachment>> attachments(std::optional<std::uint32_t> table) {
  const auto interfaces = all_interfaces();
  if (!interfaces) return interfaces.error();
  std::vector<Attachment> found;
  for (const auto& interface : *interfaces) {
    const auto state = xdp_state(interface);
    if (!state || state->empty()) continue;  // without a state: it vanished meanwhile
    const auto director = director_by_id(state->id());
    if (!director) return director.error();
    if (!*director || (table && !(*director)->serves(*table))) continue;
    const auto filter = tc_program(interface);
    found.push_back({interface, state->mode(), state->id(), filter && *filter != 0});
  }
  return found;
}

Status put_on(const Interface& interface, XdpMode mode, const Programs& programs, const UniqueFd* expected) {
  const bool had_clsact = has_clsact(interface);
  if (auto s = attach_tc(interface, programs.slowpath); !s) return s;
  auto s = attach_xdp(interface, mode, programs.director, expected);
  if (!s && !expected) (void)detach_tc(interface, had_clsact);
  return s;
}

Result<std::vector<Interface>> orphans() {
  const auto interfaces = all_interfaces();
  if (!interfaces) return interfaces.error();
  std::vector<Interface> found;
  for (const auto& interface : *interfaces) {
    const auto filter = tc_program(interface);
    if (!filter) return filter.error();
    if (*filter == 0) continue;
    const auto state = xdp_state(interface);
    if (!state) continue;  // it vanished meanwhile
    if (!state->empty()) {
      const auto director = director_by_id(state->id());
      if (!director) return director.error();
      if (*director) continue;
    }
    found.push_back(interface);
  }
  return found;
}

Status take_off(const Interface& interface, XdpMode mode, const UniqueFd& director, bool keep_clsact) {
  if (auto s = detach_xdp(interface, mode, director); !s) return s;
  return detach_tc(interface, keep_clsact);
}

}  // namespace xlvs::kernel
