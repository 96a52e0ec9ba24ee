// SPDX-License-Identifier: GPL-2.0-or-later
// The director as a contender.
#include "bench/contender.h"

namespace xlvs::bench {

Result<std::unique_ptr<Contender>> make_director(const Scenario& s, Wrapper& wrapper) {
  (void)s, (void)wrapper;
  return Error{Errc::kUnsupported, "there is no director yet"};
}

}  // namespace xlvs::bench
