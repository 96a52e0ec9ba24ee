// SPDX-License-Identifier: GPL-2.0-or-later
// Maglev hashing as kernel IPVS has it: the server by the client's address.
#pragma once

#include "sched/hash_table.h"

namespace xlvs::sched {

/// Slots of the table: a prime, CONFIG_IP_VS_MH_TAB_INDEX at its default of 12.
inline constexpr std::size_t kMhSlots = 4093;

/// Two hashes of a server's address and port make a permutation of the slots: a first one and a step. The
/// servers take turns in list order, each taking the next free slots of its permutation, as many as its
/// weight says, until no slot is free. So the table depends on the order in which servers were added.
/// What counts is the last weight above 0: setting the weight to 0 moves no slot. A server that was added with
/// weight 0 has none. Weights are scaled down to 6 bits, after division by their greatest common divisor.
/// Source: net/netfilter/ipvs/ip_vs_mh.c; Eisenbud and others, "Maglev", NSDI 2016.
Table mh_table;

}  // namespace xlvs::sched
