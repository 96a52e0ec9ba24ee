// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted round robin: passes over the list with a falling threshold, as kernel IPVS makes them.
#pragma once

#include "sched/turns.h"

namespace xlvs::sched {

/// In each pass the servers whose weight reaches the threshold "cw" are served in list order; then cw falls
/// by the weights' greatest common divisor "di", and from the bottom returns to the top, mw = max - (di - 1).
/// So a server is served weight/di times a period. Any edit sends the walk back to the list's head but keeps
/// cw, fitted to the new di and mw: the phase of the sequence depends on the history of the list.
/// Source: net/netfilter/ipvs/ip_vs_wrr.c.
extern const Turns kWeightedRoundRobin;

}  // namespace xlvs::sched
