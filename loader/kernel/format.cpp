// SPDX-License-Identifier: GPL-2.0-or-later
// Hands capacity and identity to the table's own formatting.
#include "kernel/format.h"

#include "encode/table.h"

namespace xlvs::kernel {

Status format_table(const encode::TableMemory& memory, const Capacity& capacity, const Netns& ns,
                    std::uint64_t seed) {
  return encode::Table::format(memory,
                               {.seed = seed, .netns_cookie = ns.cookie, .max_conns = capacity.max_conns});
}

}  // namespace xlvs::kernel
