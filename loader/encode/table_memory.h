// SPDX-License-Identifier: GPL-2.0-or-later
// A table's maps as plain memory: mapped from BPF arrays in production, ordinary vectors in tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "abi/conn.h"
#include "abi/control.h"
#include "abi/rate.h"
#include "abi/server.h"
#include "abi/service.h"
#include "base/result.h"

namespace xlvs::encode {

/// One block of xlvs_arena; the ABI structures of service.h overlay it.
struct alignas(XLVS_BLOCK_SIZE) Block {
  std::uint8_t bytes[XLVS_BLOCK_SIZE];
};

/// Borrowed views of every memory-mapped array of one table; conns* may be looked into after
/// TableHost::map_connections(). Packets change `loads`, `changes`, `conns*`, and
/// in `arena` tickets and what was found in groups, at any time: use std::atomic_ref for words that they share.
struct TableMemory {
  xlvs_control* control = nullptr;
  xlvs_filter* filter = nullptr;
  std::span<xlvs_index_bucket> index;  ///< both halves, control->index_buckets each
  std::span<xlvs_service> services;
  std::span<Block> arena;
  std::span<xlvs_server> servers;
  std::span<xlvs_load> loads;
  std::span<xlvs_changes> changes;  ///< of loads, XLVS_GROUP_ROWS each
  std::span<xlvs_bucket4> conns4;
  std::span<xlvs_bucket6> conns6;
  std::span<xlvs_rate> rates;  ///< of servers, then of services
};

/// What cannot be mapped or belongs to the system: traffic counters, time, the table's lock.
class TableHost {
 public:
  virtual ~TableHost() = default;
  /// Counters of these rows of xlvs_lines, summed over CPUs, in the order asked for.
  virtual Result<std::vector<xlvs_counters>> counters(std::span<const std::uint32_t> servers) = 0;
  /// Makes conns4 and conns6 of the memory readable. They are most of a table, and few commands need them.
  virtual Status map_connections() { return ok(); }
  /// Returns when every packet is done that came before. A row needs it before another server may have it.
  virtual void wait_for_packets() {}
  /// Empties these rows of xlvs_lines: counters, and the next hops of the servers that had them.
  virtual Status forget(std::span<const std::uint32_t> servers) = 0;
  /// The data plane's clock now, in ticks (abi/base.h).
  virtual std::uint32_t now() = 0;
  /// The address this host would send from to `to`, as its routes stand; all zero when there is no route.
  virtual xlvs_addr source_for(const xlvs_addr& to, unsigned family) {
    (void)to, (void)family;
    return {};
  }
  /// Exclusive against other writers, shared against readers; released by unlock() or process death.
  virtual Status lock(bool exclusive) = 0;
  virtual void unlock() = 0;
};

}  // namespace xlvs::encode
