// SPDX-License-Identifier: GPL-2.0-or-later
// A service's real servers as the hash schedulers see them.
#pragma once

#include <cstdint>
#include <span>

#include "model/service.h"

namespace xlvs::sched {

using Weight = std::uint32_t;  ///< share of a real server, dimensionless; 0 = quiesced, never chosen
using Slot = std::uint32_t;    ///< position in the service's list of real servers, newest first

struct Member {
  model::ServerKey key{};
  Weight weight = 0;
  Weight last_weight = 0;  ///< the last weight above 0 that it was edited to, or the one it was added with
};

struct Pool {
  model::Family family = model::Family::kInet;  ///< of the service, whatever its servers' is
  std::span<const Member> members{};            ///< list order
  std::uint64_t seed = 0;                       ///< maglev: the table's
};

/// An address as one number in host order; IPv6 folded by exclusive or. Kernel IPVS reads the address of a
/// server of another family as if it were of the service's.
std::uint32_t folded(model::Family family, const model::Address& address);

}  // namespace xlvs::sched
