// SPDX-License-Identifier: GPL-2.0-or-later
// Looks up interfaces through libc.
#include "kernel/interface.h"

#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace xlvs::kernel {

Result<Interface> interface_by_name(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0)
    return Error{Errc::kNotFound,
                 "there is no interface " + name + " in this network namespace (`ip link` lists them)",
                 errno};
  return Interface{static_cast<int>(index), name};
}

Result<std::vector<Interface>> interfaces_by_name(const std::vector<std::string>& names) {
  std::vector<Interface> found;
  for (const auto& name : names) {
    auto interface = interface_by_name(name);
    if (!interface) return interface.error();
    const bool twice = std::any_of(found.begin(), found.end(),
                                   [&](const Interface& other) { return other.index == interface->index; });
    if (!twice) found.push_back(std::move(*interface));
  }
  return found;
}

Result<std::vector<Interface>> all_interfaces() {
  const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> list(::if_nameindex(),
                                                                                 &::if_freenameindex);
  if (!list)
    return Error{Errc::kSystem, std::string("cannot list the network interfaces: ") + std::strerror(errno),
                 errno};
  std::vector<Interface> interfaces;
  for (const struct if_nameindex* i = list.get(); i->if_index != 0; ++i)
    interfaces.push_back({static_cast<int>(i->if_index), i->if_name});
  return interfaces;
}

}  // namespace xlvs::kernel
