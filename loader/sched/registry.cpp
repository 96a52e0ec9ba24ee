// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/registry.h"

#include "sched/rr.h"
#include "sched/wrr.h"

namespace xlvs::sched {
namespace {

using Flags = std::array<std::string_view, 3>;
constexpr Flags kPlain{"flag-1", "flag-2", "flag-3"};

const std::array kSchedulers{
    Scheduler{"rr", Pick::kTurn, &kRoundRobin, kPlain},
    Scheduler{"wrr", Pick::kTurn, &kWeightedRoundRobin, kPlain},
    Scheduler{"lc", Pick::kNone, nullptr, kPlain},
    Scheduler{"wlc", Pick::kWlc, nullptr, kPlain},
    Scheduler{"sed", Pick::kNone, nullptr, kPlain},
    Scheduler{"nq", Pick::kNone, nullptr, kPlain},
    Scheduler{"fo", Pick::kNone, nullptr, kPlain},
    Scheduler{"ovf", Pick::kNone, nullptr, kPlain},
    Scheduler{"twos", Pick::kNone, nullptr, kPlain},
    Scheduler{"lblc", Pick::kNone, nullptr, kPlain},
    Scheduler{"lblcr", Pick::kNone, nullptr, kPlain},
    Scheduler{"dh", Pick::kNone, nullptr, kPlain},
    Scheduler{"sh", Pick::kNone, nullptr, Flags{"sh-fallback", "sh-port", "flag-3"}},
    Scheduler{"mh", Pick::kNone, nullptr, Flags{"mh-fallback", "mh-port", "flag-3"}},
};

}  // namespace

std::span<const Scheduler> schedulers() { return kSchedulers; }

const Scheduler* find_scheduler(std::string_view name) {
  for (const Scheduler& s : kSchedulers)
    if (s.name == name) return &s;
  return nullptr;
}

}  // namespace xlvs::sched
