// SPDX-License-Identifier: GPL-2.0-or-later
// How this namespace's table fares, collected for showing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "encode/digest.h"
#include "kernel/programs.h"
#include "kernel/sizing.h"

namespace xlvs::kernel {

/// Packets that met one end, by the names of abi/verdict.h.
struct ReasonCount {
  const char* name;
  const char* verdict;
  const char* text;
  std::uint64_t packets;
};

struct TableStatus {
  std::string folder;
  std::uint32_t abi = 0;
  Capacity capacity;
  std::uint64_t memory_bytes = 0;
  std::uint32_t services = 0;
  std::vector<encode::MaglevDigest> maglev;
  bool sweep_timer = false;
  std::vector<Attachment> interfaces;
  std::vector<ReasonCount> reasons;  ///< without FORWARDED, which is counted at the servers
};

/// As OpenedTable::open(): kNotFound when there is no table.
Result<TableStatus> table_status();

/// Interfaces that carry a director although no table was found: its pins were lost. kPermission if we may
/// not know.
Result<std::vector<Attachment>> directors_without_table();

}  // namespace xlvs::kernel
