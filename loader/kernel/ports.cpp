// SPDX-License-Identifier: GPL-2.0-or-later
// Finds and writes rows of xlvs_ports.
#include "kernel/ports.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "kernel/pinned.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {
namespace {

using Mac = std::array<std::uint8_t, 6>;

Error failed(const Interface& interface, int error) {
  return Error{
      Errc::kSystem,
      fmt::format("cannot enter interface {} in xlvs_ports: {}", interface.name, std::strerror(error)),
      error};
}

bool exists(std::uint32_t ifindex) {
  char name[IF_NAMESIZE];
  return ::if_indextoname(ifindex, name) != nullptr;
}

std::uint32_t row_of(const Interface& interface) {
  return static_cast<std::uint32_t>(interface.index) % XLVS_PORTS;
}

bool is(const xlvs_port& port, const Interface& interface) {
  return port.ifindex == static_cast<std::uint32_t>(interface.index);
}

/// kInvalidArgument when the interface is no Ethernet interface.
Result<Mac> ethernet_address(const Interface& interface) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  interface.name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (!fd || ::ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) return failed(interface, errno);
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
    return Error{
        Errc::kInvalidArgument,
        fmt::format("interface {} is no Ethernet interface: xlvs cannot attach to it", interface.name)};
  Mac mac;
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return mac;
}

}  // namespace

Result<Ports> Ports::open(const std::string& folder) {
  const auto control = read_pinned_control(folder);
  if (!control || control->abi != XLVS_ABI_VERSION)
    return Error{Errc::kUnsupported, "the table is of another ABI version"};
  auto map = open_pinned(folder, "xlvs_ports");
  if (!map) return map.error();
  return Ports(std::move(*map));
}

Result<xlvs_port> Ports::read(const Interface& interface) const {
  const std::uint32_t row = row_of(interface);
  xlvs_port port{};
  if (::bpf_map_lookup_elem(map_.get(), &row, &port) != 0) return failed(interface, errno);
  return port;
}

Status Ports::write(const Interface& interface, const xlvs_port& port) {
  const std::uint32_t row = row_of(interface);
  if (::bpf_map_update_elem(map_.get(), &row, &port, BPF_ANY) != 0) return failed(interface, errno);
  return ok();
}

Status Ports::enter(const Interface& interface) {
  const auto mac = ethernet_address(interface);
  if (!mac) return mac.error();
  auto port = read(interface);
  if (!port) return port.error();
  if (!is(*port, interface)) {
    if (exists(port->ifindex))  // there is no interface 0
      return Error{Errc::kNoSpace,
                   fmt::format("cannot attach to {}: interface number {} is attached, and {} leaves the same "
                               "remainder by {}; make one of the two anew",
                               interface.name, port->ifindex, interface.index, XLVS_PORTS)};
    *port = {};
    port->ifindex = static_cast<std::uint32_t>(interface.index);
    if (has_clsact(interface)) port->flags |= XLVS_PORT_F_CLSACT;
  }
  std::memcpy(port->mac, mac->data(), mac->size());
  return write(interface, *port);
}

Status Ports::remove(const Interface& interface) {
  const auto port = read(interface);
  if (!port) return port.error();
  return is(*port, interface) ? write(interface, {}) : ok();
}

Status Ports::settle(const std::vector<Attachment>& carriers) {
  const bool all_generic = std::all_of(carriers.begin(), carriers.end(),
                                       [](const Attachment& a) { return a.mode == XdpMode::kGeneric; });
  for (const Attachment& a : carriers) {
    auto port = read(a.interface);
    if (!port) return port.error();
    if (!is(*port, a.interface)) continue;
    const bool out = a.mode == XdpMode::kNative || all_generic;
    const auto flags = static_cast<std::uint16_t>((port->flags & ~XLVS_PORT_F_OUT) | (out ? XLVS_PORT_F_OUT : 0));
    if (flags == port->flags) continue;
    port->flags = flags;
    if (auto s = write(a.interface, *port); !s) return s;
  }
  return ok();
}

bool Ports::had_clsact(const Interface& interface) const {
  const auto port = read(interface);
  return port && is(*port, interface) && (port->flags & XLVS_PORT_F_CLSACT) != 0;
}

}  // namespace xlvs::kernel
