// SPDX-License-Identifier: GPL-2.0-or-later
// What rtnetlink says of the interfaces of this namespace: kind, address, MTU, and how they stand on each other.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/interface.h"

namespace xlvs::kernel {

using Mac = std::array<std::uint8_t, 6>;

struct Link {
  Interface interface;
  std::string kind{};  ///< rtnetlink's word, such as "veth"; "" = a device that says of no kind, as hardware
  bool ethernet = false;
  Mac mac{};           ///< of an Ethernet interface
  unsigned mtu = 0;
  int master = 0;      ///< the interface whose port or member it is; 0 = nobody's
  int below = 0;       ///< VLAN: the interface on whose frames its tags are; 0 = none in this namespace
  std::uint32_t tag = 0;  ///< VLAN: Ethernet type of the tag << 16 | id
};

/// All interfaces of this namespace at one moment.
class Links {
 public:
  explicit Links(std::vector<Link> all) : all_(std::move(all)) {}
  static Result<Links> read();

  [[nodiscard]] const std::vector<Link>& all() const { return all_; }
  /// Null when there is none.
  [[nodiscard]] const Link* find(int index) const;
  /// kNotFound when it went away since its name was looked up.
  [[nodiscard]] Result<Link> get(const Interface& interface) const;

 private:
  std::vector<Link> all_;
};

}  // namespace xlvs::kernel
