// SPDX-License-Identifier: GPL-2.0-or-later
// The kinds of interfaces, one by one.
#include "kernel/suitability.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace xlvs::kernel {
namespace {

/// Kinds that tests attach to. Whether one has native XDP is its driver's to say.
constexpr std::array<std::string_view, 9> kKinds{"",       "veth", "tun",     "vlan",   "bond",
                                                 "bridge", "macvlan", "macvtap", "vxlan"};

Error refused(const Link& link, const std::string& why) {
  return Error{Errc::kUnsupported, fmt::format("cannot attach to {}: {}", link.interface.name, why)};
}

/// Frames of a port or member are its master's: that has the addresses, and the routes lead through it.
Error part_of(const Link& link, const Link& master) {
  const std::string& name = master.interface.name;
  if (master.kind == "bridge")
    return refused(link, fmt::format("it is a port of bridge {0}: `xlvs attach {0} --mode generic`", name));
  if (master.kind == "bond") return refused(link, fmt::format("it is a member of bond {0}: `xlvs attach {0}`", name));
  return refused(link, fmt::format("it belongs to {}, a {}, whose packets xlvs does not balance", name,
                                   master.kind.empty() ? "master of unknown kind" : master.kind));
}

}  // namespace

Status check_suitable(const Link& link, const Links& links, XdpMode mode) {
  if (!link.ethernet) return refused(link, "it is no Ethernet interface");
  if (link.master != 0) {
    const Link* master = links.find(link.master);
    return master ? part_of(link, *master) : refused(link, "it belongs to an interface of another namespace");
  }
  if (std::find(kKinds.begin(), kKinds.end(), link.kind) == kKinds.end())
    return refused(link, fmt::format("nobody has tried xlvs on interfaces of the kind {}", link.kind));
  if (link.kind == "vlan" && mode == XdpMode::kNative) {
    const Link* below = links.find(link.below);
    return refused(link, fmt::format("a VLAN interface has no native XDP; {}`--mode generic` works here",
                                     below ? fmt::format("`xlvs attach {0}` balances the VLANs on {0}, too, and ",
                                                         below->interface.name)
                                           : ""));
  }
  return ok();
}

}  // namespace xlvs::kernel
