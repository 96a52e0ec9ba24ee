/* SPDX-License-Identifier: GPL-2.0-only */
/* twos: the power of two choices, weighted. */
#ifndef XLVS_SCHEDULE_TWOS_H
#define XLVS_SCHEDULE_TWOS_H

#include "maps.h"
#include "schedule/group.h"
#include "schedule/least.h"

/* What xlvs_twos_find() returns when the lot falls into a group: this bit, the
 * group, and in the low bits what is left of the lot there. */
#define XLVS_TWOS_FOUND (1ull << 63)
#define XLVS_TWOS_LEFT	40

/* A server's weight; 0 when it takes no new connections. */
static __always_inline __u32 xlvs_twos_weight(__u32 server, __u32 weight)
{
	struct xlvs_load *load = xlvs_get_load(server);

	return load && !(READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD) ? weight : 0;
}

/* Sum of a group's weights. */
__noinline __u64 xlvs_group_sum(__u32 version, __u32 group)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g = v ? xlvs_get_group(version, v, group) : NULL;
	struct xlvs_group_pick *p;
	__u64 sum = 0;
	__u32 picks;

	if (!g)
		return 0;
	picks = xlvs_group_picks(version, v);
	for (__u32 i = 0; i < XLVS_GROUP_ROWS && i < g->picks; i++) {
		p = xlvs_get_group_pick(picks, g->first + i);
		if (p)
			sum += xlvs_twos_weight(p->server, p->weight);
	}
	return sum & XLVS_FOUND_MASK;
}

__noinline __u32 xlvs_refresh_sum(__u32 version, __u32 from)
{
	return xlvs_refresh(version, from, XLVS_LOOK_SUM, xlvs_group_sum);
}

/* Sum of the weights in the chunk of groups that starts at `from`. */
__noinline __u64 xlvs_twos_sum(__u32 version, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g;
	__u64 sum = 0;

	if (!v)
		return 0;
	for (__u32 i = 0; i < XLVS_GROUP_CHUNK && from + i < xlvs_groups(v); i++) {
		g = xlvs_get_group(version, v, from + i);
		sum += g ? xlvs_group_found(g, XLVS_LOOK_SUM) : 0;
	}
	return sum;
}

/* Walks the chunk of groups that starts at `from`, each taking its weights off
 * the lot: XLVS_TWOS_FOUND, or what is left. */
__noinline __u64 xlvs_twos_find(__u32 version, __u32 from, __u64 lot)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g;
	__u32 i = 0;
	__u64 sum;

	if (!v)
		return lot;
	for (; i < XLVS_GROUP_CHUNK && from + i < xlvs_groups(v); i++) {
		g = xlvs_get_group(version, v, from + i);
		sum = g ? xlvs_group_found(g, XLVS_LOOK_SUM) : 0;
		if (__builtin_expect(lot <= sum, 0))
			return XLVS_TWOS_FOUND | (__u64)(from + i) << XLVS_TWOS_LEFT | lot;
		lot -= sum;
	}
	return lot;
}

/* The place of the server of a group where nothing is left of the lot. */
__noinline __u32 xlvs_twos_within(__u32 version, __u32 at, __u64 lot)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g = v ? xlvs_get_group(version, v, at) : NULL;
	__u32 i = 0, picks, weight;

	if (!g)
		return XLVS_NO_ROW;
	picks = xlvs_group_picks(version, v);
	for (; i < XLVS_GROUP_ROWS && i < g->picks; i++) {
		struct xlvs_group_pick *p = xlvs_get_group_pick(picks, g->first + i);

		if (!p)
			break;
		weight = xlvs_twos_weight(p->server, p->weight);
		if (__builtin_expect(weight && lot <= weight, 0))
			return p->place;
		lot -= weight;
	}
	return XLVS_NO_ROW;
}

/* The place of the first server in the chunk of the list that starts at `from`
 * that takes new connections. */
__noinline __u32 xlvs_twos_first(__u32 version, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick;
	__u32 i = 0;

	if (!v)
		return XLVS_NO_ROW;
	for (; i < XLVS_LIST_CHUNK && from + i < v->servers; i++) {
		pick = xlvs_get_pick(version, from + i);
		if (__builtin_expect(pick && xlvs_twos_weight(pick->server, pick->weight), 0))
			return from + i;
	}
	return XLVS_NO_ROW;
}

/* The place of one server drawn by lot; total: of all weights. Which lots a
 * server has does not matter, only how many: each as many as its weight, and 0
 * is one more of the first in the list. */
__noinline __u32 xlvs_twos_draw(__u32 version, __u64 total)
{
	__u64 lot = ((__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32()) % (total + 1);
	__u32 place;

	for (__u32 from = 0; lot && from < XLVS_MAX_GROUPS; from += XLVS_GROUP_CHUNK) {
		lot = xlvs_twos_find(version, from, lot);
		if (lot & XLVS_TWOS_FOUND)
			return xlvs_twos_within(version, (lot & ~XLVS_TWOS_FOUND) >> XLVS_TWOS_LEFT,
						lot & ((1ull << XLVS_TWOS_LEFT) - 1));
	}
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE; from += XLVS_LIST_CHUNK) {
		place = xlvs_twos_first(version, from);
		if (place != XLVS_NO_ROW)
			return place;
	}
	return XLVS_NO_ROW;
}

/* Two servers are drawn with chances by weight, and of them that with the
 * fewer connections for its weight is chosen, as wlc compares them; of equals
 * the first drawn. A lot is a number from 0 to the sum of the weights, both
 * included, which favours the list's first server by one lot, as in the kernel.
 * Source: the rule of net/netfilter/ipvs/ip_vs_twos.c. O(groups), and O(servers)
 * of those where something changed and of two more. */
static __always_inline __u32 xlvs_pick_twos(__u32 version)
{
	__u32 first, second;
	__u64 total = 0;

	for (__u32 from = 0; from < XLVS_MAX_GROUPS; from += XLVS_GROUP_CHUNK) {
		xlvs_refresh_sum(version, from);
		total += xlvs_twos_sum(version, from);
	}
	if (!total)
		return XLVS_NO_ROW;
	first = xlvs_twos_draw(version, total);
	second = xlvs_twos_draw(version, total);
	return xlvs_place_server(version, xlvs_least_of_two(version, first, second));
}

#endif
