// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/registry.h"

#include "sched/dh.h"
#include "sched/maglev.h"
#include "sched/mh.h"
#include "sched/rr.h"
#include "sched/sh.h"
#include "sched/wrr.h"

namespace xlvs::sched {
namespace {

using Flags = std::array<std::string_view, 3>;
constexpr Flags kPlain{"flag-1", "flag-2", "flag-3"};

const std::array kSchedulers{
    Scheduler{"none", Pick::kNone, nullptr, nullptr, kPlain},
    Scheduler{"rr", Pick::kTurn, &kRoundRobin, nullptr, kPlain},
    Scheduler{"wrr", Pick::kTurn, &kWeightedRoundRobin, nullptr, kPlain},
    Scheduler{"lc", Pick::kLc, nullptr, nullptr, kPlain},
    Scheduler{"wlc", Pick::kWlc, nullptr, nullptr, kPlain},
    Scheduler{"sed", Pick::kSed, nullptr, nullptr, kPlain},
    Scheduler{"nq", Pick::kNq, nullptr, nullptr, kPlain},
    Scheduler{"fo", Pick::kFo, nullptr, nullptr, kPlain},
    Scheduler{"ovf", Pick::kOvf, nullptr, nullptr, kPlain},
    Scheduler{"twos", Pick::kTwos, nullptr, nullptr, kPlain},
    Scheduler{"lblc", Pick::kLblc, nullptr, nullptr, kPlain},
    Scheduler{"lblcr", Pick::kLblcr, nullptr, nullptr, kPlain},
    Scheduler{"dh", Pick::kDh, nullptr, dh_table, kPlain},
    Scheduler{"sh", Pick::kSh, nullptr, sh_table, Flags{"sh-fallback", "sh-port", "flag-3"}},
    Scheduler{"mh", Pick::kMh, nullptr, mh_table, Flags{"mh-fallback", "mh-port", "flag-3"}},
    Scheduler{"maglev", Pick::kMaglev, nullptr, maglev_table,
              Flags{"maglev-fallback", "maglev-port", "flag-3"}},  // ours alone
};

}  // namespace

std::span<const Scheduler> schedulers() { return kSchedulers; }

const Scheduler* find_scheduler(std::string_view name) {
  for (const Scheduler& s : kSchedulers)
    if (s.name == name) return &s;
  return nullptr;
}

}  // namespace xlvs::sched
