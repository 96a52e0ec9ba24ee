// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the connection table while packets change it.
#pragma once

#include <functional>

#include "encode/table_memory.h"
#include "model/service.h"

namespace xlvs::encode {

/// Calls `each` for every live connection and template. Takes no lock: an entry whose owner word changed
/// while it was read is read again or, if it went, left out.
/// @param now  the data plane's clock, in ticks.
void walk_connections(const TableMemory& memory, std::uint32_t now,
                      const std::function<void(const model::Connection&)>& each);

}  // namespace xlvs::encode
