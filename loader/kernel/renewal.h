// SPDX-License-Identifier: GPL-2.0-or-later
// New programs for an old table: after the pins were lost, or from a newer xlvs.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/construction.h"
#include "kernel/netns.h"

namespace xlvs::kernel {

/// Pins a table again whose pins are lost, found through a director that still runs: with its connections,
/// services and counters, and with fresh programs in the place of the old on all interfaces. kNotFound when
/// the director does not lead to a whole table of this namespace and ABI.
Result<MadeTable> recover_table(const TablesLock& lock, const Netns& ns, const UniqueFd& director);

/// Loads the programs that are built into this xlvs, puts them in the place of the table's old ones on all
/// interfaces, and then pins them in their place. No packet is lost. Death at any point leaves each interface
/// with an old or a new program, both of which work on the same maps. The sweep's problem, "" for none.
Result<std::string> renew_programs(const TablesLock& lock, const Netns& ns, const TableDir& table);

}  // namespace xlvs::kernel
