// SPDX-License-Identifier: GPL-2.0-or-later
// Walks up from an interface.
#include "kernel/vlans.h"

#include <fmt/format.h>
#include <linux/ethtool.h>

namespace xlvs::kernel {
namespace {

constexpr std::size_t kMostTags = 2;

void add_above(const Links& links, int below, const Interface& carrier, const std::vector<std::uint32_t>& tags,
               std::vector<Vlan>& found) {
  if (tags.size() == kMostTags) return;
  for (const Link& link : links.all()) {
    if (link.kind != "vlan" || link.below != below || link.master != 0) continue;
    auto its = tags;
    its.push_back(link.tag);
    found.push_back({link, carrier, its});
    add_above(links, link.interface.index, carrier, its, found);
  }
}

}  // namespace

std::vector<Vlan> vlans_on(const Links& links, const Interface& carrier) {
  std::vector<Vlan> found;
  add_above(links, carrier.index, carrier, {}, found);
  return found;
}

std::vector<Link> members_of(const Links& links, const Link& bond) {
  std::vector<Link> found;
  if (bond.kind != "bond") return found;
  for (const Link& link : links.all())
    if (link.master == bond.interface.index) found.push_back(link);
  return found;
}

Status check_tags_seen(const std::string& interface, std::uint32_t features, bool has_vlans) {
  if (!has_vlans || (features & ETH_FLAG_RXVLAN) == 0) return ok();
  return Error{Errc::kUnsupported,
               fmt::format("cannot attach to {0}: it has VLANs, and takes their tags off in hardware, so that XDP "
                           "cannot tell them apart: ethtool -K {0} rxvlan off",
                           interface)};
}

}  // namespace xlvs::kernel
