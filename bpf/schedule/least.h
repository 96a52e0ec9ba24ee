/* SPDX-License-Identifier: GPL-2.0-only */
/* The dynamic schedulers: one scan of a dense array for the least cost. */
#ifndef XLVS_SCHEDULE_LEAST_H
#define XLVS_SCHEDULE_LEAST_H

#include "maps.h"
#include "schedule/fo.h"
#include "schedule/lc.h"
#include "schedule/list.h"
#include "schedule/nq.h"
#include "schedule/ovf.h"
#include "schedule/sed.h"
#include "schedule/wlc.h"

#define XLVS_COSTS 16 /* a power of two, at least XLVS_SCHEDS */
static_assert(XLVS_SCHEDS <= XLVS_COSTS, "a row for each");
static const struct xlvs_cost xlvs_costs[XLVS_COSTS] = {
	[XLVS_SCHED_LC] = XLVS_COST_LC,	  [XLVS_SCHED_WLC] = XLVS_COST_WLC, [XLVS_SCHED_SED] = XLVS_COST_SED,
	[XLVS_SCHED_NQ] = XLVS_COST_NQ,	  [XLVS_SCHED_FO] = XLVS_COST_FO,   [XLVS_SCHED_OVF] = XLVS_COST_OVF,
	/* their second choice is wlc's */
	[XLVS_SCHED_TWOS] = XLVS_COST_WLC, [XLVS_SCHED_LBLC] = XLVS_COST_WLC, [XLVS_SCHED_LBLCR] = XLVS_COST_WLC,
};

/* A server's place in the comparison; weight 0 = out of it. */
struct xlvs_least {
	__u64 cost;
	__u64 weight;
};

static __always_inline void xlvs_least_read(struct xlvs_least *l, const struct xlvs_cost *cost, __u32 version, __u32 at)
{
	struct xlvs_pick *pick = xlvs_get_pick(version, at);
	struct xlvs_load *load;
	__u32 active, weight;

	l->weight = 0;
	if (!pick)
		return;
	weight = pick->weight;
	load = xlvs_get_load(pick->server);
	if (!load || READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD)
		return;
	active = READ_ONCE(load->active);
	if (cost->overflow && active > weight)
		return;
	l->cost = (__u64)active * cost->per_active + (__u64)READ_ONCE(load->inactive) * cost->per_inactive +
		  (active ? cost->busy : cost->idle);
	l->weight = cost->unweighted ? !!weight : weight;
}

/* Is b cheaper than a? Equals keep a, the earlier in the list. */
static __always_inline bool xlvs_least_less(const struct xlvs_least *a, const struct xlvs_least *b)
{
	return b->weight && (!a->weight || a->cost * b->weight > b->cost * a->weight);
}

static __always_inline const struct xlvs_cost *xlvs_cost_of(const struct xlvs_version *v)
{
	__u32 sched = v->sched;

	asm volatile("" : "+r"(sched)); /* the verifier wants to see the mask */
	return &xlvs_costs[sched & (XLVS_COSTS - 1)];
}

/* The better of the server at position `best`, or none if that is XLVS_NO_ROW,
 * and those of the chunk that starts at `from`: its position, or XLVS_NO_ROW. */
__noinline __u32 xlvs_least_scan(__u32 version, __u32 from, __u32 best)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_least least = {}, next = {};
	const struct xlvs_cost *cost;
	__u32 left;

	if (!v || from >= v->servers)
		return XLVS_NO_ROW;
	cost = xlvs_cost_of(v);
	if (best < v->servers)
		xlvs_least_read(&least, cost, version, best);
	left = v->servers - from;
	for (__u32 i = 0; i < XLVS_LIST_CHUNK && i < left; i++) {
		xlvs_least_read(&next, cost, version, from + i);
		if (!xlvs_least_less(&least, &next))
			continue;
		least = next;
		best = from + i;
	}
	return least.weight ? best : XLVS_NO_ROW;
}

/* The place of the server with the least cost / weight, compared by cross
 * multiplication; of equals the first in the list, which is the newest. Servers
 * of weight 0 and overloaded ones are never chosen. O(servers). */
static __always_inline __u32 xlvs_least_place(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 best = XLVS_NO_ROW;

	if (!v)
		return XLVS_NO_ROW;
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE && from < v->servers; from += XLVS_LIST_CHUNK)
		best = xlvs_least_scan(version, from, best);
	return best < v->servers ? best : XLVS_NO_ROW;
}

/* The better of two places, of equals the first; either may be XLVS_NO_ROW. */
__noinline __u32 xlvs_least_of_two(__u32 version, __u32 first, __u32 second)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_least a = {}, b = {};

	if (!v)
		return XLVS_NO_ROW;
	if (first < v->servers)
		xlvs_least_read(&a, xlvs_cost_of(v), version, first);
	if (second < v->servers)
		xlvs_least_read(&b, xlvs_cost_of(v), version, second);
	if (xlvs_least_less(&a, &b))
		return second;
	return a.weight ? first : XLVS_NO_ROW;
}

#endif
