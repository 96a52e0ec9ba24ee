// SPDX-License-Identifier: GPL-2.0-or-later
// A pinned table, opened: its arrays mapped into this process, its counters, clock and lock.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encode/table_memory.h"
#include "kernel/sizing.h"
#include "kernel/table_dir.h"

namespace xlvs::kernel {

/// Whoever opens a table needs to know nothing: it is found by the network namespace of the caller.
/// Packets go on changing the memory; programs need no permission of ours to run.
class OpenedTable : public encode::TableHost {
 public:
  /// This namespace's table. kNotFound when it has none, kUnsupported when its ABI version is another,
  /// kPermission for who may not open it, kSystem when the pins are not what a table should be.
  static Result<std::unique_ptr<OpenedTable>> open();
  /// The table in a folder that was already found.
  static Result<std::unique_ptr<OpenedTable>> open(TableDir dir);
  /// A table that is being made: its control row is still zero, so the sizes are told.
  static Result<std::unique_ptr<OpenedTable>> open_fresh(TableDir dir, const Capacity& capacity);

  ~OpenedTable() override;
  OpenedTable(const OpenedTable&) = delete;
  OpenedTable& operator=(const OpenedTable&) = delete;

  /// Valid as long as this object.
  [[nodiscard]] encode::TableMemory memory() const { return memory_; }
  [[nodiscard]] const TableDir& dir() const { return dir_; }
  [[nodiscard]] Capacity capacity() const { return capacity_of(*memory_.control); }

  /// Packets by enum xlvs_reason, summed over CPUs.
  Result<std::vector<std::uint64_t>> reasons();

  Result<std::vector<xlvs_counters>> counters(std::span<const std::uint32_t> servers) override;
  Status map_connections() override;
  void wait_for_packets() override;
  Status forget(std::span<const std::uint32_t> servers) override;
  std::uint32_t now() override;
  xlvs_addr source_for(const xlvs_addr& to, unsigned family) override;
  /// kNotFound when the table was removed while we waited.
  Status lock(bool exclusive) override;
  void unlock() override;

 private:
  struct Mapping {
    void* address;
    std::size_t length;
  };

  OpenedTable(TableDir dir, unsigned cpus) : dir_(std::move(dir)), cpus_(cpus) {}
  Status map_all(const Capacity& capacity);
  template <typename T>
  Status map_array(const char* name, std::uint64_t entries, std::span<T>& view);
  template <typename T>
  Status reserve_array(const char* name, std::uint64_t entries, std::span<T>& view, UniqueFd& map);
  /// Counters of the rows from `first` to before `end`, appended.
  Status read_lines(std::uint32_t first, std::uint32_t end, std::vector<xlvs_counters>& out);
  Result<UniqueFd> open_array(const char* name, std::uint64_t entries, std::size_t entry_size);

  TableDir dir_;
  unsigned cpus_;  ///< possible ones: the length of a per-CPU value
  UniqueFd lines_;
  UniqueFd conns4_, conns6_;  ///< until map_connections()
  UniqueFd reasons_;
  std::vector<Mapping> mappings_;
  encode::TableMemory memory_;
};

}  // namespace xlvs::kernel
