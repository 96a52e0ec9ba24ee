// SPDX-License-Identifier: GPL-2.0-or-later
// The rows of xlvs_ports and xlvs_vlans: interfaces that the director is on, with the address that makes a frame theirs,
// and the VLANs on them.
#pragma once

#include <string>
#include <vector>

#include "abi/port.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/links.h"
#include "kernel/programs.h"
#include "kernel/vlans.h"

namespace xlvs::kernel {

/// The maps xlvs_ports and xlvs_vlans of one table. Who changes them holds the lock of the tables.
class Ports {
 public:
  /// The table pinned in `folder`. kUnsupported when it is of another ABI version.
  static Result<Ports> open(const std::string& folder);

  /// Enters an interface as it is now, before the director is on it; one that is there gets its address anew.
  /// @error  kNoSpace when an interface that is there has the row
  Status enter(const Link& link);
  /// The same for a VLAN on an entered interface. Its frames pass until take_frames().
  Status enter(const Vlan& vlan);
  /// The slow path is on the entered VLAN: from now on the director takes its frames.
  /// members: of the bond that it is on, where XDP meets its frames; else none
  Status take_frames(const Vlan& vlan, const std::vector<Link>& members);
  /// A member of an entered bond.
  Status enter_member(const Link& member, const Link& bond);

  /// Nothing to remove is no error. A VLAN's frames pass from before its row goes.
  Status remove(const Interface& interface);

  /// VLANs and members that are entered for this interface, as their rows say, also those that are gone since.
  [[nodiscard]] Result<std::vector<xlvs_port>> standing_on(const Interface& interface) const;

  /// The row of an interface; ifindex = 0 when it is not entered.
  [[nodiscard]] Result<xlvs_port> row(const Interface& interface) const;

  /// Says of each entered interface, and of the VLANs on it, whether it is native, so that its driver takes frames that are
  /// redirected to it, or generic.
  Status settle(const std::vector<Attachment>& carriers);

  /// Says that an entered interface, with the VLANs on it, has the program for jumbo frames, or has it not.
  Status set_spread(const Interface& interface, bool spread);

  /// Had the interface a clsact when it was entered? Not if it is not entered.
  [[nodiscard]] bool had_clsact(const Interface& interface) const;

 private:
  Ports(UniqueFd ports, UniqueFd vlans) : ports_(std::move(ports)), vlans_(std::move(vlans)) {}
  [[nodiscard]] Result<xlvs_port> read(const Interface& interface) const;
  [[nodiscard]] Result<std::vector<xlvs_port>> read_all() const;
  Result<xlvs_port> prepare(const Link& link);
  Status write(const Interface& interface, const xlvs_port& port);
  Status set_flag(const Interface& interface, std::uint16_t flag, bool on);

  UniqueFd ports_;
  UniqueFd vlans_;
};

}  // namespace xlvs::kernel
