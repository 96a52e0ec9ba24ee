// SPDX-License-Identifier: GPL-2.0-or-later
// What comes with an interface that the director is on: the VLANs whose frames arrive there, and a bond's members.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/links.h"
#include "kernel/ports.h"

namespace xlvs::kernel {

/// XDP must see the tags of the VLANs on this interface. kUnsupported with the remedy.
Status check_tags_seen(const Link& link, const Links& links);

/// Takes the VLANs on `link` and its members in, those that are new, and lets go of those that are no more. VLAN
/// interfaces that carry an XDP program themselves stay what they are.
/// @return  the VLANs that are new
/// @error   after one none of the new ones is in
Result<std::vector<Interface>> take_in_carried(const Link& link, const Links& links, const UniqueFd& slowpath,
                                               Ports& ports);

/// Lets go of all that came with this interface. Returns the first error, but goes on.
Status let_go_of_carried(const Interface& interface, Ports& ports);

}  // namespace xlvs::kernel
