// SPDX-License-Identifier: GPL-2.0-or-later
// The servers of a dynamic scheduler in groups of neighbouring rows, in the data plane's blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "encode/draft.h"
#include "encode/table_memory.h"

namespace xlvs::encode {

struct Groups {
  std::vector<Block> blocks{};  ///< what stands in the place of a version's slots (struct xlvs_group)
  std::uint32_t count = 0;
};

/// Servers in list order; they have their rows.
Groups group_servers(const std::deque<Entry>& servers);

}  // namespace xlvs::encode
