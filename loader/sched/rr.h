// SPDX-License-Identifier: GPL-2.0-or-later
// Round robin: every server with a weight, one after the other in list order.
#pragma once

#include "sched/turns.h"

namespace xlvs::sched {

/// The kernel keeps a pointer to the server served last and continues behind it. An added server goes to
/// the list's head and does not move the pointer; deleting the server that it points to moves it to the
/// one before. Source: net/netfilter/ipvs/ip_vs_rr.c.
extern const Turns kRoundRobin;

}  // namespace xlvs::sched
