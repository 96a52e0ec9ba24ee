// SPDX-License-Identifier: GPL-2.0-or-later
// Source hashing: the server by the client's address.
#pragma once

#include "sched/hash_table.h"

namespace xlvs::sched {

/// The servers in list order, over and over, each in as many slots on end as its weight, but at least one.
/// Source: ip_vs_sh_reassign(), net/netfilter/ipvs/ip_vs_sh.c.
Table sh_table;

}  // namespace xlvs::sched
