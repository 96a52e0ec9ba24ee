// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/pool.h"

namespace xlvs::sched {

std::uint32_t folded(model::Family family, const model::Address& address) {
  const std::size_t bytes = family == model::Family::kInet ? 4 : 16;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes; ++i) sum ^= std::uint32_t{address.bytes[i]} << (24 - 8 * (i % 4));
  return sum;
}

}  // namespace xlvs::sched
