// SPDX-License-Identifier: GPL-2.0-or-later
// A VLAN has the slow path itself: what the director leaves to it comes up there, without its tags.
#include "kernel/carried.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel/tc_hook.h"
#include "kernel/xdp_hook.h"

namespace xlvs::kernel {
namespace {

/// The legacy ethtool flags of an interface; 0 when it has none.
std::uint32_t offload_flags(const Interface& interface) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_value value{};
  value.cmd = ETHTOOL_GFLAGS;
  ifreq request{};
  interface.name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  return fd && ::ioctl(fd.get(), SIOCETHTOOL, &request) == 0 ? value.data : 0;
}

Status let_go(const Interface& interface, Ports& ports) {
  const bool keep_clsact = ports.had_clsact(interface);
  const auto row = ports.row(interface);
  auto first = ports.remove(interface);
  if (row && (row->flags & XLVS_PORT_F_VLAN) != 0 && !interface.name.empty())
    if (auto s = detach_tc(interface, keep_clsact); !s && first) first = s;
  return first;
}

Status take_in(const Vlan& vlan, const std::vector<Link>& members, const UniqueFd& slowpath, Ports& ports) {
  Status s = ports.enter(vlan);
  if (s) s = attach_tc(vlan.link.interface, slowpath);
  if (s) s = ports.take_frames(vlan, members);
  return s;
}

}  // namespace

Status check_tags_seen(const Link& link, const Links& links) {
  const bool has_vlans = !vlans_on(links, link.interface).empty();
  std::vector<Link> receivers = members_of(links, link);
  if (receivers.empty()) receivers.push_back(link);
  for (const Link& receiver : receivers) {
    if (receiver.kind == "veth") continue;  // it has the flag, but takes no tag off
    if (auto s = check_tags_seen(receiver.interface.name, offload_flags(receiver.interface), has_vlans); !s) return s;
  }
  return ok();
}

Result<std::vector<Interface>> take_in_carried(const Link& link, const Links& links, const UniqueFd& slowpath,
                                               Ports& ports) {
  const auto vlans = vlans_on(links, link.interface);
  const auto members = members_of(links, link);
  const auto before = ports.standing_on(link.interface);
  if (!before) return before.error();
  for (const xlvs_port& port : *before) {
    const auto same = [&](const Link& l) { return l.interface.index == static_cast<int>(port.ifindex); };
    if (std::none_of(vlans.begin(), vlans.end(), [&](const Vlan& v) { return same(v.link); }) &&
        std::none_of(members.begin(), members.end(), same))
      (void)let_go(interface_by_number(port.ifindex), ports);
  }
  for (const Link& member : members)
    if (auto s = ports.enter_member(member, link); !s) return s.error();
  std::vector<Interface> added;
  for (const Vlan& vlan : vlans) {
    const auto carries = xdp_state(vlan.link.interface);
    const auto row = ports.row(vlan.link.interface);
    if (!carries || !carries->empty() || !row) continue;
    if (row->ifindex == 0) added.push_back(vlan.link.interface);
    if (auto s = take_in(vlan, members, slowpath, ports); !s) {
      for (const Interface& a : added) (void)let_go(a, ports);
      return s.error();
    }
  }
  return added;
}

Status let_go_of_carried(const Interface& interface, Ports& ports) {
  const auto above = ports.standing_on(interface);
  if (!above) return above.error();
  Status first = ok();
  for (const xlvs_port& port : *above)
    if (auto s = let_go(interface_by_number(port.ifindex), ports); !s && first) first = s;
  return first;
}

}  // namespace xlvs::kernel
