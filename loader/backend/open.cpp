// SPDX-License-Identifier: GPL-2.0-or-later
// The choice of an engine.
#include "backend/open.h"

#include <cstdlib>
#include <string_view>

#include "backend/kernel_backend.h"

namespace xlvs::backend {

Result<std::unique_ptr<Backend>> open_backend() {
  const char* chosen = std::getenv("XLVS_BACKEND");
  const std::string_view which = chosen && *chosen ? chosen : "auto";
  if (which == "auto" || which == "kernel") return open_kernel_backend();
  return Error{Errc::kInvalidArgument, "XLVS_BACKEND=" + std::string(which) + ": no such engine"};
}

}  // namespace xlvs::backend
