// SPDX-License-Identifier: GPL-2.0-or-later
// Destination hashing: the server by the address that the client addressed.
#pragma once

#include "sched/hash_table.h"

namespace xlvs::sched {

/// The servers one after the other in list order, over and over, whatever their weights.
/// Source: ip_vs_dh_reassign(), net/netfilter/ipvs/ip_vs_dh.c.
Table dh_table;

}  // namespace xlvs::sched
