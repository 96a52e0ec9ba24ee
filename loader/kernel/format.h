// SPDX-License-Identifier: GPL-2.0-or-later
// The first contents of a new table.
#pragma once

#include "encode/table_memory.h"
#include "kernel/netns.h"
#include "kernel/sizing.h"

namespace xlvs::kernel {

/// Writes the control row of a table whose memory is all zero.
Status format_table(const encode::TableMemory& memory, const Capacity& capacity, const Netns& ns,
                    std::uint64_t seed);

}  // namespace xlvs::kernel
