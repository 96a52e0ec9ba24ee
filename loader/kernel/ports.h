// SPDX-License-Identifier: GPL-2.0-or-later
// The rows of xlvs_ports: interfaces that the director is on, with the address that makes a frame theirs.
#pragma once

#include <string>
#include <vector>

#include "abi/port.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/interface.h"
#include "kernel/programs.h"

namespace xlvs::kernel {

/// The map xlvs_ports of one table. Who changes it holds the lock of the tables.
class Ports {
 public:
  /// The table pinned in `folder`. kUnsupported when it is of another ABI version.
  static Result<Ports> open(const std::string& folder);

  /// Enters an interface as it is now, before the director is on it; one that is there gets its address anew.
  /// @error  kInvalidArgument when it is no Ethernet interface, kNoSpace when an interface that is there has
  ///         the row
  Status enter(const Interface& interface);

  /// Nothing to remove is no error.
  Status remove(const Interface& interface);

  /// Says of each entered interface whether frames may be redirected to it, from any of the others: a driver
  /// takes them if it runs XDP itself; generic XDP sends what it redirects as the stack does, to any.
  Status settle(const std::vector<Attachment>& carriers);

  /// Had the interface a clsact when it was entered? Not if it is not entered.
  [[nodiscard]] bool had_clsact(const Interface& interface) const;

 private:
  explicit Ports(UniqueFd map) : map_(std::move(map)) {}
  [[nodiscard]] Result<xlvs_port> read(const Interface& interface) const;
  Status write(const Interface& interface, const xlvs_port& port);

  UniqueFd map_;
};

}  // namespace xlvs::kernel
