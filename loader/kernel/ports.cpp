// SPDX-License-Identifier: GPL-2.0-or-later
// Finds and writes rows of xlvs_ports.
#include "kernel/ports.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "abi/port.h"
#include "kernel/pinned.h"

namespace xlvs::kernel {
namespace {

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

}  // namespace

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

Status set_port(const UniqueFd& ports, const Interface& interface, const Mac& mac) {
  const auto ifindex = static_cast<std::uint32_t>(interface.index);
  const std::uint32_t row = row_of(interface);
  xlvs_port port{};
  if (::bpf_map_lookup_elem(ports.get(), &row, &port) != 0) return failed(interface, errno);
  if (port.ifindex != ifindex && exists(port.ifindex))  // there is no interface 0
    return Error{Errc::kNoSpace,
                 fmt::format("cannot attach to {}: interface number {} is attached, and {} leaves the same "
                             "remainder by {}; make one of the two anew",
                             interface.name, port.ifindex, ifindex, XLVS_PORTS)};
  port.ifindex = ifindex;
  std::memcpy(port.mac, mac.data(), mac.size());
  if (::bpf_map_update_elem(ports.get(), &row, &port, BPF_ANY) != 0) return failed(interface, errno);
  return ok();
}

Status remove_port(const UniqueFd& ports, const Interface& interface) {
  const std::uint32_t row = row_of(interface);
  xlvs_port port{};
  if (::bpf_map_lookup_elem(ports.get(), &row, &port) != 0) return failed(interface, errno);
  if (port.ifindex != static_cast<std::uint32_t>(interface.index)) return ok();
  port = {};
  if (::bpf_map_update_elem(ports.get(), &row, &port, BPF_ANY) != 0) return failed(interface, errno);
  return ok();
}

Status enter_port(const std::string& folder, const Interface& interface) {
  const auto ports = open_pinned(folder, "xlvs_ports");
  if (!ports) return ports.error();
  const auto mac = ethernet_address(interface);
  if (!mac) return mac.error();
  return set_port(*ports, interface, *mac);
}

}  // namespace xlvs::kernel
