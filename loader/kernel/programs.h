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
};
/// Those pinned in `folder`.
Result<Programs> open_programs(const std::string& folder);

/// Id of the control map of the table pinned in `folder`: what tells tables apart, whatever their programs.
Result<std::uint32_t> table_id(const std::string& folder);

/// A director that an interface carries.
struct Director {
  UniqueFd program;
  std::vector<std::uint32_t> map_ids;
  /// Works on the table with this table_id().
  [[nodiscard]] bool serves(std::uint32_t table) const;
};
/// XDP program `id`, if it is a director, be it of this table or of one that lost its pins; nothing if it is
/// somebody else's or gone. Needs CAP_SYS_ADMIN: kPermission, not nothing, for who cannot know.
Result<std::optional<Director>> director_by_id(std::uint32_t id);

/// One interface that carries a director.
struct Attachment {
  Interface interface;
  XdpMode mode = XdpMode::kNative;
  std::uint32_t program_id = 0;  ///< 0: the director was taken away, and only the slow path is left
  bool slowpath = false;         ///< the TC filter is there too
};

/// Interfaces of this namespace that carry a director of this table; nothing: of any.
Result<std::vector<Attachment>> attachments(std::optional<std::uint32_t> table);

/// Both programs on, the slow path first, for the director needs it; `expected` is the director that is there
/// already and to be replaced, or null. After an error neither is on.
Status put_on(const Interface& interface, XdpMode mode, const Programs& programs, const UniqueFd* expected);

/// Interfaces on which only the slow path is left, because somebody took the director away.
Result<std::vector<Interface>> orphans();

/// Both programs off; kExists when the interface carries another one than `director`. `keep_clsact`: as for
/// detach_tc().
Status take_off(const Interface& interface, XdpMode mode, const UniqueFd& director, bool keep_clsact);

}  // namespace xlvs::kernel
