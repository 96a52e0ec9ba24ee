// SPDX-License-Identifier: GPL-2.0-or-later
// A ladder in the data plane's blocks.
#pragma once

#include <vector>

#include "encode/table_memory.h"
#include "sched/ladder.h"

namespace xlvs::encode {

/// What stands in the place of a version's slots (struct xlvs_ladder). Ticket 0 takes the turn after `position`.
std::vector<Block> to_blocks(const sched::Ladder& ladder, sched::Position position);

}  // namespace xlvs::encode
