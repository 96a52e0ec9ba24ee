// SPDX-License-Identifier: GPL-2.0-or-later
// What a writer does first when it finds that the one before it died.
#pragma once

#include "encode/shared.h"

namespace xlvs::encode {

/// Derives again what follows from the published services: mirrors, availability, trash, counts, filter,
/// timeouts in ticks. Published services stay as they are. The caller holds the lock.
void repair(const Shared& shared);

}  // namespace xlvs::encode
