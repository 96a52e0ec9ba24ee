// SPDX-License-Identifier: GPL-2.0-or-later
// Puts director and slow path on interfaces and takes them off together.
#include "kernel/programs.h"

#include "kernel/pinned.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {

Result<Programs> open_programs(const std::string& folder) {
  auto director = open_pinned(folder, kDirectorName);
  if (!director) return director.error();
  auto slowpath = open_pinned(folder, kSlowpathName);
  if (!slowpath) return slowpath.error();
  const auto identity = program_identity(*director);
  if (!identity) return identity.error();
  return Programs{std::move(*director), std::move(*slowpath), identity->id};
}

std::optional<UniqueFd> director_by_id(std::uint32_t id) {
  auto program = program_by_id(id);
  if (!program) return std::nullopt;
  const auto identity = program_identity(*program);
  if (!identity || identity->name != kDirectorName) return std::nullopt;
  return std::move(*program);
}

Result<std::vector<Attachment>> attachments(std::uint32_t director_id) {
  const auto interfaces = all_interfaces();
  if (!interfaces) return interfaces.error();
  std::vector<Attachment> found;
  for (const auto& interface : *interfaces) {
    const auto state = xdp_state(interface);
    if (!state || state->empty()) continue;  // without a state: it vanished meanwhile
    const bool ours = director_id != 0 ? state->id() == director_id : director_by_id(state->id()).has_value();
    if (!ours) continue;
    const auto filter = tc_program(interface);
    found.push_back({interface, state->mode(), state->id(), filter && *filter != 0});
  }
  return found;
}

Status put_on(const Interface& interface, XdpMode mode, const Programs& programs, const UniqueFd* expected) {
  if (auto s = attach_tc(interface, programs.slowpath); !s) return s;
  auto s = attach_xdp(interface, mode, programs.director, expected);
  if (!s && !expected) (void)detach_tc(interface);
  return s;
}

Status take_off(const Interface& interface, XdpMode mode, const UniqueFd& director) {
  if (auto s = detach_xdp(interface, mode, director); !s) return s;
  return detach_tc(interface);
}

}  // namespace xlvs::kernel
