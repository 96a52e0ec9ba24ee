// SPDX-License-Identifier: GPL-2.0-or-later
// What every part of the table's logic works on: the memory, its host, and the one way to store into it.
#pragma once

#include "encode/table_memory.h"
#include "encode/writer.h"

namespace xlvs::encode {

struct Shared {
  TableMemory memory;
  TableHost& host;
  Writer writer;
};

/// How long a deleted server's row waits for its connections and its return, at least: IPVS's
/// IP_VS_DEST_TRASH_PERIOD.
inline constexpr std::uint32_t kTrashPeriod_s = 120;

}  // namespace xlvs::encode
