// SPDX-License-Identifier: GPL-2.0-or-later
// Hands capacity and identity to the table's own formatting.
#include "kernel/format.h"

namespace xlvs::kernel {

Status format_table(encode::TableMemory memory, const Capacity& c, const Netns& ns, std::uint64_t seed) {
  xlvs_control& control = *memory.control;
  control.max_services = c.max_services;
  control.index_buckets = c.index_buckets;
  control.max_servers = c.max_servers;
  control.arena_blocks = c.arena_blocks;
  control.buckets4 = c.buckets4;
  control.buckets6 = c.buckets6;
  control.max_conns = c.max_conns;
  control.seed = seed;
  control.netns_cookie = ns.cookie;
  control.abi = XLVS_ABI_VERSION;
  return ok();
}

}  // namespace xlvs::kernel
