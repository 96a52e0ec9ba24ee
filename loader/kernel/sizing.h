// SPDX-License-Identifier: GPL-2.0-or-later
// From what an administrator asks for to map sizes and the memory they take; pure arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "abi/control.h"
#include "base/result.h"

namespace xlvs::kernel {

inline constexpr std::uint64_t kDefaultConns = 1048576;
inline constexpr std::uint64_t kDefaultServices = 4096;
inline constexpr std::uint64_t kDefaultServers = 65536;

/// What was asked for; nothing = the default.
struct CapacityRequest {
  std::optional<std::uint64_t> conns{};   ///< IPv4 connections
  std::optional<std::uint64_t> conns6{};  ///< IPv6 connections; default a quarter of conns
  std::optional<std::uint64_t> services{};
  std::optional<std::uint64_t> servers{};
  std::optional<std::uint64_t> blocks{};  ///< of xlvs_arena
};

/// Sizes of a table's maps, in entries.
struct Capacity {
  std::uint32_t max_conns = 0;
  std::uint32_t max_conns6 = 0;
  std::uint32_t index_buckets = 0;  ///< of one half
  std::uint32_t max_services = 0;
  std::uint32_t max_servers = 0;
  std::uint32_t arena_blocks = 0;
  std::uint32_t buckets4 = 0;
  std::uint32_t buckets6 = 0;
};

/// @error kRange, naming the option, its value and its limits.
Result<Capacity> capacity_for(const CapacityRequest& request);

/// The capacity that a table was made with; its conns6 is what the buckets hold at the same filling.
Capacity capacity_of(const xlvs_control& control);

/// Bytes of kernel memory for all maps; `cpus` is the number of possible CPUs.
std::uint64_t memory_bytes(const Capacity& capacity, unsigned cpus);

/// @error kNoSpace when `needed` is more than `available`, with both and what to lower.
Status check_memory(std::uint64_t needed, std::uint64_t available);

/// The first thing in `request` that a table of `capacity` does not have as asked, in words; "" if none.
std::string mismatch(const CapacityRequest& request, const Capacity& capacity);

/// 1536 -> "1.5 KiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace xlvs::kernel
