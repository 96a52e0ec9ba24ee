/* SPDX-License-Identifier: GPL-2.0-only */
/* lblcr: locality-based least connection with replication. */
#ifndef XLVS_SCHEDULE_LBLCR_H
#define XLVS_SCHEDULE_LBLCR_H

#include "schedule/lblc.h"

/* The kernel keeps, for each destination address, a list of servers that take
 * its connections, the latest first. A service is at one address, so it has one
 * such set. A server's load row says when it joined: a number that rises with
 * each that joins, so that the order of the list can be told from it; numbers
 * up to xlvs_service.forgotten are void.
 *
 * One thing differs: a deleted server keeps its number, and is a member again
 * when it comes back, but while it is away it does not count when a set that
 * did not change for a day gives up its most loaded server.
 * Source: net/netfilter/ipvs/ip_vs_lblcr.c. */

struct xlvs_member {
	__u64 cost, weight;
	__u32 joined;
	__u32 place; /* in the list; XLVS_NO_ROW = there is none */
};
/* Nobody: any member comes before it, if .joined is the last number that is void. */
#define XLVS_MEMBER_NONE                                                                                 \
	{                                                                                                \
		.place = XLVS_NO_ROW                                                                     \
	}

static __always_inline bool xlvs_is_member(__u32 joined, __u32 forgotten)
{
	return joined && (__s32)(joined - forgotten) > 0;
}

/* Puts a member in the place of the best one so far if it comes before it: less
 * loaded, and not overloaded, or if that is asked for more loaded; of equals in
 * the order of the set, which has who joined last first. */
static __always_inline void xlvs_member_try(struct xlvs_member *best, __u32 server, __u32 weight, __u32 place,
					    __u32 forgotten, const bool most)
{
	struct xlvs_load *load = xlvs_get_load(server);
	__u64 cost, x, y;
	__u32 joined;

	if (!weight || !load)
		return;
	joined = READ_ONCE(load->joined);
	if (!xlvs_is_member(joined, forgotten))
		return;
	if (!most && READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD)
		return;
	cost = (__u64)READ_ONCE(load->active) * 256 + READ_ONCE(load->inactive);
	x = best->cost * weight;
	y = cost * best->weight;
	if ((most ? x > y : x < y) || (x == y && (__s32)(joined - best->joined) < 0))
		return;
	best->cost = cost;
	best->weight = weight;
	best->joined = joined;
	best->place = place;
}

/* The place of a group's least loaded member plus 1, or XLVS_FOUND_NONE. */
__noinline __u64 xlvs_group_set(__u32 version, __u32 group)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g = v ? xlvs_get_group(version, v, group) : NULL;
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	struct xlvs_member member = XLVS_MEMBER_NONE;
	struct xlvs_group_pick *p;
	__u32 picks, forgotten;

	if (!g || !svc)
		return XLVS_FOUND_NONE;
	forgotten = READ_ONCE(svc->forgotten);
	member.joined = forgotten;
	picks = xlvs_group_picks(version, v);
	for (__u32 i = 0; i < XLVS_GROUP_ROWS && i < g->picks; i++) {
		p = xlvs_get_group_pick(picks, g->first + i);
		if (!p)
			break;
		xlvs_member_try(&member, p->server, p->weight, p->place, forgotten, false);
	}
	return (__u32)(member.place + 1);
}

__noinline __u32 xlvs_refresh_set(__u32 version, __u32 from)
{
	return xlvs_refresh(version, from, XLVS_LOOK_SET, xlvs_group_set);
}

/* The better of the member at place `best`, or none if that is XLVS_NO_ROW, and
 * those found in the chunk of groups that starts at `from`: its place, or XLVS_NO_ROW.
 * A set that was forgotten took all numbers along that were given until then:
 * what was found in a group is a member no more, or still the best one there. */
__noinline __u32 xlvs_set_scan(__u32 version, __u32 from, __u32 best, __u32 forgotten)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_member member = XLVS_MEMBER_NONE;
	struct xlvs_group *g;
	struct xlvs_pick *pick;
	__u32 found;

	if (!v)
		return XLVS_NO_ROW;
	member.joined = forgotten;
	pick = best < v->servers ? xlvs_get_pick(version, best) : NULL;
	if (pick)
		xlvs_member_try(&member, pick->server, pick->weight, best, forgotten, false);
	for (__u32 i = 0; i < XLVS_GROUP_CHUNK && from + i < xlvs_groups(v); i++) {
		g = xlvs_get_group(version, v, from + i);
		found = g ? xlvs_group_found(g, XLVS_LOOK_SET) : XLVS_FOUND_NONE;
		pick = found != XLVS_FOUND_NONE ? xlvs_get_pick(version, found - 1) : NULL;
		if (!pick)
			continue;
		xlvs_member_try(&member, pick->server, pick->weight, found - 1, forgotten, false);
	}
	return member.place;
}

/* The place of the least loaded member, as wlc compares them. */
static __always_inline __u32 xlvs_set_least(__u32 version, __u32 forgotten)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 best = XLVS_NO_ROW;

	if (!v)
		return XLVS_NO_ROW;
	for (__u32 from = 0; from < XLVS_MAX_GROUPS && from < xlvs_groups(v); from += XLVS_GROUP_CHUNK) {
		xlvs_refresh_set(version, from);
		best = xlvs_set_scan(version, from, best, forgotten);
	}
	return best;
}

/* The most loaded member of those at `best`, or none if that is XLVS_NO_ROW, and in the
 * chunk that starts at `from`: its place, or XLVS_NO_ROW. Once a day: looks at all. */
__noinline __u32 xlvs_most_scan(__u32 version, __u32 from, __u32 best, __u32 forgotten)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_member member = XLVS_MEMBER_NONE;
	struct xlvs_pick *pick;
	__u32 left;

	if (!v || from >= v->servers)
		return XLVS_NO_ROW;
	member.joined = forgotten;
	pick = best < v->servers ? xlvs_get_pick(version, best) : NULL;
	if (pick)
		xlvs_member_try(&member, pick->server, pick->weight, best, forgotten, true);
	left = v->servers - from;
	for (__u32 i = 0; i < XLVS_LIST_CHUNK && i < left; i++) {
		pick = xlvs_get_pick(version, from + i);
		if (!pick)
			break;
		xlvs_member_try(&member, pick->server, pick->weight, from + i, forgotten, true);
	}
	return member.place;
}

static __always_inline __u32 xlvs_set_most(__u32 version, __u32 forgotten)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 best = XLVS_NO_ROW;

	if (!v)
		return XLVS_NO_ROW;
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE && from < v->servers; from += XLVS_LIST_CHUNK)
		best = xlvs_most_scan(version, from, best, forgotten);
	return best;
}

/* How many members are in the chunk that starts at `from`. */
__noinline __u32 xlvs_set_count(__u32 version, __u32 from, __u32 forgotten)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick;
	struct xlvs_load *load;
	__u32 n = 0;

	if (!v)
		return 0;
	for (__u32 i = 0; i < XLVS_LIST_CHUNK && from + i < v->servers; i++) {
		pick = xlvs_get_pick(version, from + i);
		load = pick ? xlvs_get_load(pick->server) : NULL;
		n += load && xlvs_is_member(READ_ONCE(load->joined), forgotten);
	}
	return n;
}

/* 1 when the service has a set. One that was not used for long is forgotten first. */
__noinline __u32 xlvs_set_exists(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	__u32 now = xlvs_ticks(bpf_ktime_get_coarse_ns());

	if (!svc)
		return 0;
	if (xlvs_lblc_forgotten(v, READ_ONCE(svc->used), now))
		WRITE_ONCE(svc->forgotten, READ_ONCE(svc->joined));
	if (svc->used != now)
		WRITE_ONCE(svc->used, now);
	return READ_ONCE(svc->joined) != READ_ONCE(svc->forgotten);
}

/* 1 when the set did not change for a day and has more than one member: it
 * gives up its most loaded one. */
__noinline __u32 xlvs_set_shrinks(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	__u32 now = xlvs_ticks(bpf_ktime_get_coarse_ns()), members = 0, forgotten;

	if (!svc || (__u64)(now - READ_ONCE(svc->changed)) << XLVS_TICK_SHIFT <= XLVS_LBLC_EXPIRATION_S * XLVS_NS_PER_S)
		return 0;
	forgotten = READ_ONCE(svc->forgotten);
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE; from += XLVS_LIST_CHUNK)
		members += xlvs_set_count(version, from, forgotten);
	return members > 1;
}

/* Takes the server at a place into the set (join), or out of it, if it is not
 * so already. Returns its row, or XLVS_NO_ROW for no place. */
__noinline __u32 xlvs_set_change(__u32 version, __u32 at, __u32 join)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	__u32 server = xlvs_place_server(version, at);
	struct xlvs_load *load = xlvs_get_load(server);

	if (!svc || !load)
		return XLVS_NO_ROW;
	if (xlvs_is_member(READ_ONCE(load->joined), READ_ONCE(svc->forgotten)) == !!join)
		return server;
	WRITE_ONCE(load->joined, join ? __sync_fetch_and_add(&svc->joined, 1) + 1 : 0);
	xlvs_note_change(server);
	WRITE_ONCE(svc->changed, xlvs_ticks(bpf_ktime_get_coarse_ns()));
	return server;
}

/* The place of the least loaded member of the set, as wlc compares them; else
 * XLVS_NO_ROW. Inlined like all that scans, for the kernel limits the stack of a
 * chain of calls to 512 bytes. */
static __always_inline __u32 xlvs_lblcr_known(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_service *svc = v ? xlvs_get_service(v->service) : NULL;
	__u32 at;

	if (!svc || !xlvs_set_exists(version))
		return XLVS_NO_ROW;
	at = xlvs_set_least(version, READ_ONCE(svc->forgotten));
	if (xlvs_set_shrinks(version))
		xlvs_set_change(version, xlvs_set_most(version, READ_ONCE(svc->forgotten)), 0);
	return at;
}

/* The dynamic schedulers: the least of all, before which lblc and lblcr look
 * what they remember, if it is not too busy, and which they remember then. */
static __always_inline __u32 xlvs_pick_least(__u32 version, __u32 sched)
{
	__u32 at = XLVS_NO_ROW;

	if (sched == XLVS_SCHED_LBLC)
		at = xlvs_lblc_known(version);
	if (sched == XLVS_SCHED_LBLCR)
		at = xlvs_lblcr_known(version);
	if (at != XLVS_NO_ROW && !xlvs_lblc_busy(version, at))
		return xlvs_place_server(version, at);
	at = xlvs_least_place(version);
	if (sched == XLVS_SCHED_LBLC)
		return xlvs_lblc_learn(version, at);
	if (sched == XLVS_SCHED_LBLCR)
		return xlvs_set_change(version, at, 1);
	return xlvs_place_server(version, at);
}

#endif
