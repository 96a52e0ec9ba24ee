// SPDX-License-Identifier: GPL-2.0-or-later
// The real director object, loaded unpinned, with its table in this process's hands: for packet tests and the
// bench.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "abi/verdict.h"
#include "encode/table.h"
#include "kernel/sizing.h"
#include "support/network.h"
#include "support/test_run.h"

struct director;

namespace xlvs::support {

class Director : private encode::TableHost {
 public:
  /// Loads the object and formats its table. Packets arrive on network.client unless told otherwise.
  /// @param confirm  xlvs_limits.confirm: ticks between packets that have the kernel look after a neighbour
  static Result<std::unique_ptr<Director>> load(const kernel::Capacity& capacity, const Network& network,
                                                std::uint32_t confirm = 0);
  ~Director() override;

  /// Everything as after load(): no services, no connections, no counts.
  Status reset();

  /// What commands do to the table, and what they list.
  encode::Table& table() { return *table_; }

  /// One packet through the director.
  Result<Outcome> send(const Bytes& frame, std::uint32_t ifindex = 0);
  /// Packets by enum xlvs_reason, since reset().
  std::vector<std::uint64_t> reasons();

  [[nodiscard]] int program() const;
  /// Descriptor of a map by its name, or -1.
  [[nodiscard]] int map(const char* name) const;
  [[nodiscard]] const encode::TableMemory& memory() const { return memory_; }
  [[nodiscard]] const Network& network() const { return network_; }
  /// The constants that another object of the same table needs.
  [[nodiscard]] const xlvs_limits& limits() const { return limits_; }

 private:
  struct Close {
    void operator()(::director* skeleton) const;
  };

  Director(std::unique_ptr<::director, Close> skeleton, const kernel::Capacity& capacity,
           const Network& network);
  Status map_all();
  template <typename T>
  Status map_array(const char* name, std::span<T>& view);
  Status format();

  Result<std::vector<xlvs_counters>> counters(std::span<const std::uint32_t> rows) override;
  Status forget(std::span<const std::uint32_t> rows) override;
  std::uint32_t now() override;
  xlvs_addr source_for(const xlvs_addr& to, unsigned family) override;
  Status lock(bool) override { return ok(); }
  void unlock() override {}

  std::unique_ptr<::director, Close> skeleton_;
  kernel::Capacity capacity_;
  Network network_;
  xlvs_limits limits_{};
  encode::TableMemory memory_;
  std::vector<std::pair<void*, std::size_t>> mappings_;
  std::optional<encode::Table> table_;
};

}  // namespace xlvs::support
