// SPDX-License-Identifier: GPL-2.0-or-later
// Which rows the real servers of a plan get: those that they have, those they left in the trash, or free
// ones.
#pragma once

#include <span>

#include "encode/change.h"
#include "encode/shared.h"

namespace xlvs::encode {

struct RowsTaken {
  std::uint32_t revived = 0;  ///< servers that leave the trash
  bool reused = false;        ///< rows were taken from the trash for others
  std::uint32_t cursor = 0;   ///< where the next search begins
};

/// Sets Entry::row of every draft, and the totals that come back with a row. When no row is free, deleted
/// servers without connections give theirs up, the oldest first, before their time. kNoSpace, with who holds
/// the rows; then the trash is as it was.
Result<RowsTaken> allot_rows(const Shared& shared, std::span<Change> changes);

}  // namespace xlvs::encode
