// SPDX-License-Identifier: GPL-2.0-or-later
// Digests of the published maglev tables: equal on directors that send every client to the same server.
#pragma once

#include <vector>

#include "encode/shared.h"
#include "model/service.h"

namespace xlvs::encode {

struct MaglevDigest {
  model::ServiceKey service;
  std::uint64_t digest = 0;
};

/// One for each service whose scheduler is maglev, by their keys.
Result<std::vector<MaglevDigest>> maglev_digests(const Shared& shared);

}  // namespace xlvs::encode
