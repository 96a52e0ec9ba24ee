/* SPDX-License-Identifier: GPL-2.0-only */
/* The dynamic schedulers: the server of least cost, group by group. */
#ifndef XLVS_SCHEDULE_LEAST_H
#define XLVS_SCHEDULE_LEAST_H

#include "maps.h"
#include "schedule/fo.h"
#include "schedule/group.h"
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

/* The best server so far. */
struct xlvs_least {
	__u64 cost;
	__u64 weight;
	__u32 place; /* in the list; XLVS_NO_ROW = there is none */
};
/* Nobody: who is compared with it comes before it. */
#define XLVS_LEAST_NONE                                                                                  \
	{                                                                                                \
		.place = XLVS_NO_ROW                                                                     \
	}

/* Puts a server in the place of the best one so far if it takes new connections
 * and comes before it: it is cheaper, or as cheap and earlier in the list. No
 * branch that can be spared: the verifier follows all of them, for each server. */
static __always_inline void xlvs_least_try(struct xlvs_least *least, const struct xlvs_cost *cost, __u32 server,
					   __u32 weight, __u32 place)
{
	struct xlvs_load *load = xlvs_get_load(server);
	__u64 own, x, y;
	__u32 active;

	if (!weight || !load || READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD)
		return;
	active = READ_ONCE(load->active);
	if (active > (weight | cost->unlimited))
		return;
	own = (__u64)active * cost->per_active + (__u64)READ_ONCE(load->inactive) * cost->per_inactive +
	      (active ? cost->busy : cost->idle);
	weight = (weight | cost->unweighted) >> (cost->unweighted & 31);
	x = least->cost * weight;
	y = own * least->weight;
	if (x < y || (x == y && place > least->place))
		return;
	least->cost = own;
	least->weight = weight;
	least->place = place;
}

static __always_inline const struct xlvs_cost *xlvs_cost_of(const struct xlvs_version *v)
{
	__u32 sched = v->sched;

	asm volatile("" : "+r"(sched)); /* the verifier wants to see the mask */
	return &xlvs_costs[sched & (XLVS_COSTS - 1)];
}

/* The place of a group's best server plus 1, or XLVS_FOUND_NONE. */
__noinline __u64 xlvs_group_least(__u32 version, __u32 group)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g = v ? xlvs_get_group(version, v, group) : NULL;
	struct xlvs_least least = XLVS_LEAST_NONE;
	const struct xlvs_cost *cost;
	struct xlvs_group_pick *p;
	__u32 picks, at, left;

	if (!g)
		return XLVS_FOUND_NONE;
	cost = xlvs_cost_of(v);
	picks = xlvs_group_picks(version, v);
	at = g->first;
	left = g->picks;
	for (__u32 i = 0; i < XLVS_GROUP_ROWS && i < left; i++) {
		p = xlvs_get_group_pick(picks, at + i);
		if (!p)
			break;
		asm volatile("" : "+r"(cost)); /* held in registers, what it says would cost stack */
		xlvs_least_try(&least, cost, p->server, p->weight, p->place);
	}
	return (__u32)(least.place + 1);
}

__noinline __u32 xlvs_refresh_least(__u32 version, __u32 from)
{
	return xlvs_refresh(version, from, XLVS_LOOK_LEAST, xlvs_group_least);
}

/* The better of the server at place `best`, or none if that is XLVS_NO_ROW, and
 * those found in the chunk of groups that starts at `from`: its place, or XLVS_NO_ROW. */
__noinline __u32 xlvs_least_scan(__u32 version, __u32 from, __u32 best)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_least least = XLVS_LEAST_NONE;
	const struct xlvs_cost *cost;
	struct xlvs_group *g;
	struct xlvs_pick *pick;
	__u32 found = best + 1;

	if (!v)
		return XLVS_NO_ROW;
	cost = xlvs_cost_of(v);
	for (__u32 i = 0; i <= XLVS_GROUP_CHUNK; i++) {
		pick = found != XLVS_FOUND_NONE ? xlvs_get_pick(version, found - 1) : NULL;
		asm volatile("" : "+r"(cost));
		if (pick)
			xlvs_least_try(&least, cost, pick->server, pick->weight, found - 1);
		if (from + i >= xlvs_groups(v))
			break;
		g = xlvs_get_group(version, v, from + i);
		found = g ? xlvs_group_found(g, XLVS_LOOK_LEAST) : XLVS_FOUND_NONE;
	}
	return least.place;
}

/* The place of the server with the least cost / weight, compared by cross
 * multiplication; of equals the first in the list, which is the newest. Servers
 * of weight 0 and overloaded ones are never chosen. O(groups), and O(servers) of
 * those where something changed since the last pick. */
static __always_inline __u32 xlvs_least_place(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 best = XLVS_NO_ROW;

	if (!v)
		return XLVS_NO_ROW;
	for (__u32 from = 0; from < XLVS_MAX_GROUPS && from < xlvs_groups(v); from += XLVS_GROUP_CHUNK) {
		xlvs_refresh_least(version, from);
		best = xlvs_least_scan(version, from, best);
	}
	return best < v->servers ? best : XLVS_NO_ROW;
}

/* The better of two places, of equals the first; either may be XLVS_NO_ROW. */
__noinline __u32 xlvs_least_of_two(__u32 version, __u32 first, __u32 second)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_least least = XLVS_LEAST_NONE;
	struct xlvs_pick *pick;

	if (!v)
		return XLVS_NO_ROW;
	/* not their places in the list decide here between equals, but who was drawn first */
	pick = first < v->servers ? xlvs_get_pick(version, first) : NULL;
	if (pick)
		xlvs_least_try(&least, xlvs_cost_of(v), pick->server, pick->weight, 0);
	pick = second < v->servers ? xlvs_get_pick(version, second) : NULL;
	if (pick)
		xlvs_least_try(&least, xlvs_cost_of(v), pick->server, pick->weight, 1);
	if (least.place == XLVS_NO_ROW)
		return XLVS_NO_ROW;
	return least.place ? second : first;
}

#endif
