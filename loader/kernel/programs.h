// SPDX-License-Identifier: GPL-2.0-or-later
// A table's programs and the interfaces that carry them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/interface.h"
#include "kernel/xdp_hook.h"

namespace xlvs::kernel {

/// What interfaces carry.
struct Programs {
  UniqueFd director;
  UniqueFd slowpath;
  std::uint32_t director_id = 0;
};
/// Those pinned in `folder`.
Result<Programs> open_programs(const std::string& folder);

/// XDP program `id`, if it is a director, be it of this table or of one that lost its pins; nothing if it is
/// somebody else's.
std::optional<UniqueFd> director_by_id(std::uint32_t id);

/// One interface that carries a director.
struct Attachment {
  Interface interface;
  XdpMode mode = XdpMode::kNative;
  std::uint32_t program_id = 0;
  bool slowpath = false;  ///< the TC filter is there too
};

/// Interfaces of this namespace that carry XDP program `director_id`; 0: any director.
Result<std::vector<Attachment>> attachments(std::uint32_t director_id);

/// Both programs on, the slow path first, for the director needs it; `expected` is the director that is there
/// already and to be replaced, or null. After an error neither is on.
Status put_on(const Interface& interface, XdpMode mode, const Programs& programs, const UniqueFd* expected);

/// Both programs off; kExists when the interface carries another one than `director`.
Status take_off(const Interface& interface, XdpMode mode, const UniqueFd& director);

}  // namespace xlvs::kernel
