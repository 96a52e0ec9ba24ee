// SPDX-License-Identifier: GPL-2.0-or-later
// VLAN interfaces whose frames XDP sees, tagged, on the interface below; pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "kernel/links.h"

namespace xlvs::kernel {

struct Vlan {
  Link link;
  Interface carrier;                ///< where its frames arrive
  std::vector<std::uint32_t> tags;  ///< as Link::tag, the outermost first; one or two
};

/// Those on `carrier`, and those in two tags. Not among them: what is a port or member of something, whose
/// frames are not its own, and deeper ones.
std::vector<Vlan> vlans_on(const Links& links, const Interface& carrier);

/// The members of a bond, on which XDP runs for it.
std::vector<Link> members_of(const Links& links, const Link& bond);

/// Hardware that takes tags off frames hides them from XDP.
/// `features`: legacy ethtool flags of the interface that receives
/// @error  kUnsupported with the remedy, when there are VLANs
Status check_tags_seen(const std::string& interface, std::uint32_t features, bool has_vlans);

}  // namespace xlvs::kernel
