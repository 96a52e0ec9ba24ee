// SPDX-License-Identifier: GPL-2.0-or-later
// The rows of xlvs_ports: interfaces that the director is on, with the address that makes a frame theirs.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/interface.h"

namespace xlvs::kernel {

using Mac = std::array<std::uint8_t, 6>;

/// kInvalidArgument when the interface is no Ethernet interface.
Result<Mac> ethernet_address(const Interface& interface);

/// Enters the interface, or gives its row another address.
/// @param ports  the map xlvs_ports
/// @error  kNoSpace when an interface that is there has the row
Status set_port(const UniqueFd& ports, const Interface& interface, const Mac& mac);

/// Nothing to remove is no error.
Status remove_port(const UniqueFd& ports, const Interface& interface);

/// Enters an interface as it is now, in the table pinned in `folder`.
Status enter_port(const std::string& folder, const Interface& interface);

}  // namespace xlvs::kernel
