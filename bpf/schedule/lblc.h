/* SPDX-License-Identifier: GPL-2.0-only */
/* lblc: locality-based least connection. */
#ifndef XLVS_SCHEDULE_LBLC_H
#define XLVS_SCHEDULE_LBLC_H

#include "config.h"
#include "maps.h"
#include "schedule/least.h"

/* The kernel keeps, for each destination address, the server that got the last
 * connection to it. A service is at one address, so here that is one word of
 * the service's row. Source: net/netfilter/ipvs/ip_vs_lblc.c. */

#define XLVS_NS_PER_S 1000000000ull

/* Is what was last used in tick `used` forgotten by now? The kernel removes it
 * in the first of its sweeps after the time is over; they start with the
 * scheduler's binding. */
static __always_inline bool xlvs_lblc_forgotten(const struct xlvs_version *v, __u32 used, __u32 now)
{
	__u64 age = (__u64)(now - used) << XLVS_TICK_SHIFT, since = (__u64)(now - v->state[0]) << XLVS_TICK_SHIFT;

	return age >= since % (XLVS_LBLC_SWEEP_S * XLVS_NS_PER_S) + XLVS_LBLC_EXPIRATION_S * XLVS_NS_PER_S;
}

/* The place of a server in the chunk that starts at `from`, or XLVS_NO_ROW. */
__noinline __u32 xlvs_place_scan(__u32 version, __u32 from, __u32 server)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick;
	__u32 i = 0;

	if (!v)
		return XLVS_NO_ROW;
	for (; i < XLVS_LIST_CHUNK && from + i < v->servers; i++) {
		pick = xlvs_get_pick(version, from + i);
		if (__builtin_expect(pick && pick->server == server, 0))
			return from + i;
	}
	return XLVS_NO_ROW;
}

/* 1 when a server of the group is less than half busy. */
__noinline __u64 xlvs_group_idle(__u32 version, __u32 group)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g = v ? xlvs_get_group(version, v, group) : NULL;
	struct xlvs_group_pick *p;
	struct xlvs_load *load;
	__u32 i = 0, picks;

	if (!g)
		return 0;
	picks = xlvs_group_picks(version, v);
	for (; i < XLVS_GROUP_ROWS && i < g->picks; i++) {
		p = xlvs_get_group_pick(picks, g->first + i);
		load = p ? xlvs_get_load(p->server) : NULL;
		if (__builtin_expect(load && (__u64)READ_ONCE(load->active) * 2 < p->weight, 0))
			return 1;
	}
	return 0;
}

__noinline __u32 xlvs_refresh_idle(__u32 version, __u32 from)
{
	return xlvs_refresh(version, from, XLVS_LOOK_IDLE, xlvs_group_idle);
}

/* 1 when a server was found less than half busy in the chunk of groups that starts at `from`. */
__noinline __u32 xlvs_idle_scan(__u32 version, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g;
	__u32 i = 0;

	if (!v)
		return 0;
	for (; i < XLVS_GROUP_CHUNK && from + i < xlvs_groups(v); i++) {
		g = xlvs_get_group(version, v, from + i);
		if (__builtin_expect(g && xlvs_group_found(g, XLVS_LOOK_IDLE), 0))
			return 1;
	}
	return 0;
}

/* 1 when the server at `at` has more active connections than weight, and
 * another one has fewer than half: time to look for a better one. */
__noinline __u32 xlvs_lblc_busy(__u32 version, __u32 at)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick = xlvs_get_pick(version, at);
	struct xlvs_load *load = pick ? xlvs_get_load(pick->server) : NULL;
	__u32 groups;

	if (!v || !load)
		return 1;
	groups = xlvs_groups(v);
	if (READ_ONCE(load->active) <= pick->weight)
		return 0;
	for (__u32 from = 0; from < XLVS_MAX_GROUPS && from < groups; from += XLVS_GROUP_CHUNK) {
		xlvs_refresh_idle(version, from);
		if (xlvs_idle_scan(version, from))
			return 1;
	}
	return 0;
}

/* The place of a server, first where it was; XLVS_NO_ROW when it is not in the list. */
__noinline __u32 xlvs_place_of(__u32 version, __u32 server, __u32 hint)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick;
	__u32 at;

	if (!v)
		return XLVS_NO_ROW;
	pick = hint < v->servers ? xlvs_get_pick(version, hint) : NULL;
	if (pick && pick->server == server)
		return hint;
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE; from += XLVS_LIST_CHUNK) {
		at = xlvs_place_scan(version, from, server);
		if (at != XLVS_NO_ROW)
			return at;
	}
	return XLVS_NO_ROW;
}

/* The place of the remembered server while it has a weight, whatever its
 * thresholds say; else XLVS_NO_ROW. */
__noinline __u32 xlvs_lblc_known(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	__u32 now = xlvs_ticks(bpf_ktime_get_coarse_ns()), cached, at;
	struct xlvs_pick *pick;

	if (!svc)
		return XLVS_NO_ROW;
	cached = READ_ONCE(svc->cached);
	if (!cached || xlvs_lblc_forgotten(v, READ_ONCE(svc->used), now))
		return XLVS_NO_ROW;
	if (svc->used != now)
		WRITE_ONCE(svc->used, now);
	at = xlvs_place_of(version, cached - 1, READ_ONCE(svc->cached_at));
	pick = at != XLVS_NO_ROW ? xlvs_get_pick(version, at) : NULL;
	return pick && pick->weight ? at : XLVS_NO_ROW;
}

/* Remembers the server at a place and returns its row. */
__noinline __u32 xlvs_lblc_learn(__u32 version, __u32 at)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	__u32 server = xlvs_place_server(version, at);

	if (!svc || server == XLVS_NO_ROW)
		return XLVS_NO_ROW;
	WRITE_ONCE(svc->used, xlvs_ticks(bpf_ktime_get_coarse_ns()));
	WRITE_ONCE(svc->cached_at, at);
	WRITE_ONCE(svc->cached, server + 1);
	return server;
}

#endif
