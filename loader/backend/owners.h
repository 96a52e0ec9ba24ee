// SPDX-License-Identifier: GPL-2.0-or-later
// Who serves each virtual service of this network namespace, and why not XDP.
#pragma once

#include <string>
#include <vector>

#include "backend/backend.h"

namespace xlvs::backend {

enum class Owner { kXdp, kKernel };

struct OwnedService {
  model::ServiceKey key{};
  std::string scheduler{};
  Owner owner = Owner::kXdp;
  std::string remark{};  ///< why the kernel has it, or what is odd about it; "" = as it should be
};

/// Those of XDP first; either back end may be null. Both are read one after the other: a service that moves
/// meanwhile may show twice.
Result<std::vector<OwnedService>> owners(Backend* xdp, Backend* kernel);

}  // namespace xlvs::backend
