/* SPDX-License-Identifier: GPL-2.0-only */
/* twos: the power of two choices, weighted. */
#ifndef XLVS_SCHEDULE_TWOS_H
#define XLVS_SCHEDULE_TWOS_H

#include "maps.h"
#include "schedule/least.h"

/* Returned by xlvs_twos_find() beside the place. */
#define XLVS_TWOS_FOUND (1ull << 63)

/* Weight of the server at a place in the list; 0 when it takes no new connections. */
static __always_inline __u32 xlvs_twos_weight(__u32 version, __u32 at)
{
	struct xlvs_pick *pick = xlvs_get_pick(version, at);
	struct xlvs_load *load;

	if (!pick)
		return 0;
	load = xlvs_get_load(pick->server);
	return load && !(READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD) ? pick->weight : 0;
}

/* Sum of the weights in the chunk that starts at `from`. */
__noinline __u64 xlvs_twos_sum(__u32 version, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u64 sum = 0;

	if (!v)
		return 0;
	for (__u32 i = 0; i < XLVS_LIST_CHUNK && from + i < v->servers; i++)
		sum += xlvs_twos_weight(version, from + i);
	return sum;
}

/* Walks the chunk that starts at `from`, each server taking its weight off the
 * lot: the place where nothing is left, with XLVS_TWOS_FOUND, or what is left. */
__noinline __u64 xlvs_twos_find(__u32 version, __u32 from, __u64 lot)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 i = 0, weight;

	if (!v)
		return lot;
	for (; i < XLVS_LIST_CHUNK && from + i < v->servers; i++) {
		weight = xlvs_twos_weight(version, from + i);
		if (__builtin_expect(weight && lot <= weight, 0))
			return XLVS_TWOS_FOUND | (from + i);
		lot -= weight;
	}
	return lot;
}

/* The place of one server drawn by lot; total: of all weights. */
__noinline __u32 xlvs_twos_draw(__u32 version, __u64 total)
{
	__u64 lot = ((__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32()) % (total + 1);

	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE; from += XLVS_LIST_CHUNK) {
		lot = xlvs_twos_find(version, from, lot);
		if (lot & XLVS_TWOS_FOUND)
			return (__u32)lot;
	}
	return XLVS_NO_ROW;
}

/* Two servers are drawn with chances by weight, and of them that with the
 * fewer connections for its weight is chosen, as wlc compares them; of equals
 * the first drawn. A lot is a number from 0 to the sum of the weights, both
 * included, which favours the list's first server by one lot, as in the kernel.
 * Source: the rule of net/netfilter/ipvs/ip_vs_twos.c. O(servers). */
__noinline __u32 xlvs_pick_twos(__u32 version)
{
	__u64 total = 0;
	__u32 first, second;

	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE; from += XLVS_LIST_CHUNK)
		total += xlvs_twos_sum(version, from);
	if (!total)
		return XLVS_NO_ROW;
	first = xlvs_twos_draw(version, total);
	second = xlvs_twos_draw(version, total);
	return xlvs_place_server(version, xlvs_least_of_two(version, first, second));
}

#endif
