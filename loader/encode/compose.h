// SPDX-License-Identifier: GPL-2.0-or-later
// The blocks of a version (abi/service.h), from a draft.
#pragma once

#include <cstdint>
#include <vector>

#include "encode/change.h"
#include "encode/table_memory.h"

namespace xlvs::encode {

/// What change.first will hold: the servers have their rows, change.row, period and zero are set. `now`: the
/// data plane's clock, where schedulers that draw start from.
std::vector<Block> version_blocks(const Change& change, std::uint32_t now);

}  // namespace xlvs::encode
