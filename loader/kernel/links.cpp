// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the links through libnl.
#include "kernel/links.h"

#include <fmt/format.h>
#include <net/if_arp.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vlan.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace xlvs::kernel {
namespace {

Link read_link(rtnl_link* link) {
  Link l{.interface = {::rtnl_link_get_ifindex(link), ::rtnl_link_get_name(link)}};
  if (const char* kind = ::rtnl_link_get_type(link)) l.kind = kind;
  l.ethernet = ::rtnl_link_get_arptype(link) == ARPHRD_ETHER;
  if (const nl_addr* address = ::rtnl_link_get_addr(link); address && ::nl_addr_get_len(address) == l.mac.size())
    std::memcpy(l.mac.data(), ::nl_addr_get_binary_addr(address), l.mac.size());
  l.mtu = ::rtnl_link_get_mtu(link);
  l.master = ::rtnl_link_get_master(link);
  std::int32_t elsewhere = 0;
  if (::rtnl_link_is_vlan(link) && ::rtnl_link_get_link_netnsid(link, &elsewhere) != 0) {
    l.below = ::rtnl_link_get_link(link);
    l.tag = static_cast<std::uint32_t>(::rtnl_link_vlan_get_protocol(link)) << 16 |
            static_cast<std::uint32_t>(::rtnl_link_vlan_get_id(link));
  }
  return l;
}

}  // namespace

Result<Links> Links::read() {
  const std::unique_ptr<nl_sock, decltype(&::nl_socket_free)> sock(::nl_socket_alloc(), &::nl_socket_free);
  nl_cache* cache = nullptr;
  int error = sock ? ::nl_connect(sock.get(), NETLINK_ROUTE) : -NLE_NOMEM;
  if (error == 0) error = ::rtnl_link_alloc_cache(sock.get(), AF_UNSPEC, &cache);
  if (error != 0)
    return Error{Errc::kSystem, fmt::format("cannot list the network interfaces: {}", ::nl_geterror(error))};
  std::vector<Link> all;
  for (nl_object* object = ::nl_cache_get_first(cache); object; object = ::nl_cache_get_next(object))
    all.push_back(read_link(reinterpret_cast<rtnl_link*>(object)));
  ::nl_cache_free(cache);
  return Links(std::move(all));
}

const Link* Links::find(int index) const {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](const Link& l) { return l.interface.index == index; });
  return found == all_.end() ? nullptr : &*found;
}

Result<Link> Links::get(const Interface& interface) const {
  if (const Link* link = find(interface.index)) return *link;
  return Error{Errc::kNotFound, fmt::format("interface {} went away", interface.name)};
}

}  // namespace xlvs::kernel
