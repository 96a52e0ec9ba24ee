// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/turns.h"

#include <string>

namespace xlvs::sched {

Status check_slots(std::uint64_t slots) {
  if (slots <= kMaxSlots) return ok();
  return Error{Errc::kUnsupported, "the weights need " + std::to_string(slots) +
                                       " scheduler slots, more than " + std::to_string(kMaxSlots)};
}

}  // namespace xlvs::sched
