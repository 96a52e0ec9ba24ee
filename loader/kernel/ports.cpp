// SPDX-License-Identifier: GPL-2.0-or-later
// Finds and writes rows of xlvs_ports and xlvs_vlans.
#include "kernel/ports.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/pinned.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {
namespace {

/// What a VLAN has of the interface below.
constexpr std::uint16_t kInherited = XLVS_PORT_F_OUT | XLVS_PORT_F_GENERIC | XLVS_PORT_F_SPREAD;

Error failed(const Interface& interface, int error) {
  return Error{
      Errc::kSystem,
      fmt::format("cannot enter interface {} in xlvs_ports: {}", interface.name, std::strerror(error)),
      error};
}

bool exists(std::uint32_t ifindex) { return !interface_by_number(ifindex).name.empty(); }

std::uint32_t number(const Interface& interface) { return static_cast<std::uint32_t>(interface.index); }

std::uint32_t row_of(const Interface& interface) { return number(interface) % XLVS_PORTS; }

bool is(const xlvs_port& port, const Interface& interface) { return port.ifindex == number(interface); }

/// What leads to a VLAN in xlvs_vlans.
std::vector<xlvs_vlan_key> keys_to(const UniqueFd& vlans, std::uint32_t ifindex) {
  std::vector<xlvs_vlan_key> found;
  xlvs_vlan_key key{}, next{};
  for (bool first = true; ::bpf_map_get_next_key(vlans.get(), first ? nullptr : &key, &next) == 0; first = false) {
    std::uint32_t leads_to = 0;
    if (::bpf_map_lookup_elem(vlans.get(), &next, &leads_to) == 0 && leads_to == ifindex) found.push_back(next);
    key = next;
  }
  return found;
}

}  // namespace

Result<Ports> Ports::open(const std::string& folder) {
  const auto control = read_pinned_control(folder);
  if (!control || control->abi != XLVS_ABI_VERSION)
    return Error{Errc::kUnsupported, "the table is of another ABI version"};
  auto ports = open_pinned(folder, "xlvs_ports");
  if (!ports) return ports.error();
  auto vlans = open_pinned(folder, "xlvs_vlans");
  if (!vlans) return vlans.error();
  return Ports(std::move(*ports), std::move(*vlans));
}

Result<xlvs_port> Ports::read(const Interface& interface) const {
  const std::uint32_t row = row_of(interface);
  xlvs_port port{};
  if (::bpf_map_lookup_elem(ports_.get(), &row, &port) != 0) return failed(interface, errno);
  return port;
}

Result<std::vector<xlvs_port>> Ports::read_all() const {
  std::vector<std::uint32_t> keys(XLVS_PORTS);
  std::vector<xlvs_port> rows(XLVS_PORTS);
  std::uint32_t next = 0, count = XLVS_PORTS;
  if (::bpf_map_lookup_batch(ports_.get(), nullptr, &next, keys.data(), rows.data(), &count, nullptr) != 0 &&
      errno != ENOENT)  // the end
    return Error{Errc::kSystem, fmt::format("cannot read xlvs_ports: {}", std::strerror(errno)), errno};
  rows.resize(count);
  return rows;
}

Status Ports::write(const Interface& interface, const xlvs_port& port) {
  const std::uint32_t row = row_of(interface);
  if (::bpf_map_update_elem(ports_.get(), &row, &port, BPF_ANY) != 0) return failed(interface, errno);
  return ok();
}

/// The row for a link, not yet written.
Result<xlvs_port> Ports::prepare(const Link& link) {
  auto port = read(link.interface);
  if (!port) return port.error();
  if (!is(*port, link.interface)) {
    if (exists(port->ifindex))  // there is no interface 0
      return Error{Errc::kNoSpace,
                   fmt::format("cannot attach to {}: interface number {} is attached, and {} leaves the same "
                               "remainder by {}; make one of the two anew",
                               link.interface.name, port->ifindex, link.interface.index, XLVS_PORTS)};
    *port = {};
    port->ifindex = number(link.interface);
    if (has_clsact(link.interface)) port->flags |= XLVS_PORT_F_CLSACT;
  }
  std::memcpy(port->mac, link.mac.data(), link.mac.size());
  return port;
}

Status Ports::enter(const Link& link) {
  auto port = prepare(link);
  if (!port) return port.error();
  port->flags &= static_cast<std::uint16_t>(~(XLVS_PORT_F_VLAN | XLVS_PORT_F_MEMBER));
  port->link = 0;
  return write(link.interface, *port);
}

Status Ports::enter_member(const Link& member, const Link& bond) {
  auto port = prepare(member);
  if (!port) return port.error();
  port->flags |= XLVS_PORT_F_MEMBER;
  port->link = number(bond.interface);
  return write(member.interface, *port);
}

Status Ports::enter(const Vlan& vlan) {
  auto port = prepare(vlan.link);
  if (!port) return port.error();
  const auto carrier = row(vlan.carrier);
  if (!carrier) return carrier.error();
  port->flags |= static_cast<std::uint16_t>(XLVS_PORT_F_VLAN | (carrier->flags & kInherited));
  port->link = number(vlan.carrier);
  port->tag[0] = port->tag[1] = 0;
  for (std::size_t i = 0; i < vlan.tags.size(); ++i) port->tag[i] = htonl(vlan.tags[i]);
  return write(vlan.link.interface, *port);
}

Status Ports::take_frames(const Vlan& vlan, const std::vector<Link>& members) {
  std::vector<std::uint32_t> below{static_cast<std::uint32_t>(vlan.link.below)};
  if (vlan.link.below == vlan.carrier.index)
    for (const Link& member : members) below.push_back(number(member.interface));
  const std::uint32_t ifindex = number(vlan.link.interface);
  for (const std::uint32_t from : below) {
    const xlvs_vlan_key key{.ifindex = from, .tag = htonl(vlan.link.tag)};
    if (::bpf_map_update_elem(vlans_.get(), &key, &ifindex, BPF_ANY) == 0) continue;
    if (errno == E2BIG)
      return Error{Errc::kNoSpace, fmt::format("cannot attach to {}: xlvs_vlans has room for {} VLANs",
                                               vlan.link.interface.name, XLVS_VLANS)};
    return failed(vlan.link.interface, errno);
  }
  return ok();
}

Status Ports::remove(const Interface& interface) {
  const auto port = read(interface);
  if (!port) return port.error();
  if (!is(*port, interface)) return ok();
  if ((port->flags & XLVS_PORT_F_VLAN) != 0) {
    for (const auto& key : keys_to(vlans_, port->ifindex)) (void)::bpf_map_delete_elem(vlans_.get(), &key);
  }
  return write(interface, {});
}

Result<std::vector<xlvs_port>> Ports::standing_on(const Interface& interface) const {
  auto rows = read_all();
  if (!rows) return rows;
  std::erase_if(*rows, [&](const xlvs_port& port) { return port.ifindex == 0 || port.link != number(interface); });
  return rows;
}

Result<xlvs_port> Ports::row(const Interface& interface) const {
  auto port = read(interface);
  if (port && !is(*port, interface)) return xlvs_port{};
  return port;
}

/// Of the interface and the VLANs on it.
Status Ports::set_flag(const Interface& interface, std::uint16_t flag, bool on) {
  auto rows = standing_on(interface);
  if (!rows) return rows.error();
  std::erase_if(*rows, [](const xlvs_port& port) { return (port.flags & XLVS_PORT_F_VLAN) == 0; });
  const auto own = row(interface);
  if (!own) return own.error();
  if (own->ifindex != 0) rows->push_back(*own);
  for (xlvs_port& port : *rows) {
    const auto flags = static_cast<std::uint16_t>(on ? port.flags | flag : port.flags & ~flag);
    if (flags == port.flags) continue;
    port.flags = flags;
    if (auto s = write(interface_by_number(port.ifindex), port); !s) return s;
  }
  return ok();
}

Status Ports::settle(const std::vector<Attachment>& carriers) {
  for (const Attachment& a : carriers) {
    const bool native = a.mode == XdpMode::kNative;
    if (auto s = set_flag(a.interface, XLVS_PORT_F_OUT, native); !s) return s;
    if (auto s = set_flag(a.interface, XLVS_PORT_F_GENERIC, !native); !s) return s;
  }
  return ok();
}

Status Ports::set_spread(const Interface& interface, bool spread) {
  return set_flag(interface, XLVS_PORT_F_SPREAD, spread);
}

bool Ports::had_clsact(const Interface& interface) const {
  const auto port = row(interface);
  return port && (port->flags & XLVS_PORT_F_CLSACT) != 0;
}

}  // namespace xlvs::kernel
