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

/* What a scan of the set looks for. */
#define XLVS_SET_LEAST 0
#define XLVS_SET_MOST  1

struct xlvs_member {
	__u64 cost, weight; /* weight 0: out of the comparison */
	__u32 joined;
};

static __always_inline bool xlvs_is_member(__u32 joined, __u32 forgotten)
{
	return joined && (__s32)(joined - forgotten) > 0;
}

static __always_inline void xlvs_member_read(struct xlvs_member *m, __u32 version, __u32 at, __u32 forgotten, __u32 most)
{
	struct xlvs_pick *pick = xlvs_get_pick(version, at);
	struct xlvs_load *load;

	m->weight = 0;
	load = pick ? xlvs_get_load(pick->server) : NULL;
	if (!load)
		return;
	m->joined = READ_ONCE(load->joined);
	if (!xlvs_is_member(m->joined, forgotten))
		return;
	if (!most && READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD)
		return;
	m->cost = (__u64)READ_ONCE(load->active) * 256 + READ_ONCE(load->inactive);
	m->weight = pick->weight;
}

/* Does b come before a? Equals in the order of the list: who joined last is first. */
static __always_inline bool xlvs_member_before(const struct xlvs_member *a, const struct xlvs_member *b, __u32 most)
{
	__u64 x = a->cost * b->weight, y = b->cost * a->weight;

	if (!b->weight || !a->weight)
		return b->weight;
	if (x == y)
		return (__s32)(b->joined - a->joined) > 0;
	return most ? x < y : x > y;
}

/* The best member of those at `best`, or none if that is XLVS_NO_ROW, and in the
 * chunk that starts at `from`: its place, or XLVS_NO_ROW. */
__noinline __u32 xlvs_set_scan(__u32 version, __u32 from, __u32 best, __u32 forgotten, __u32 most)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_member member = {}, next = {};
	__u32 left;

	if (!v || from >= v->servers)
		return XLVS_NO_ROW;
	if (best < v->servers)
		xlvs_member_read(&member, version, best, forgotten, most);
	left = v->servers - from;
	for (__u32 i = 0; i < XLVS_LIST_CHUNK && i < left; i++) {
		xlvs_member_read(&next, version, from + i, forgotten, most);
		if (!xlvs_member_before(&member, &next, most))
			continue;
		member = next;
		best = from + i;
	}
	return member.weight ? best : XLVS_NO_ROW;
}

static __always_inline __u32 xlvs_set_find(__u32 version, __u32 forgotten, __u32 most)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 best = XLVS_NO_ROW;

	if (!v)
		return XLVS_NO_ROW;
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE && from < v->servers; from += XLVS_LIST_CHUNK)
		best = xlvs_set_scan(version, from, best, forgotten, most);
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
	WRITE_ONCE(svc->changed, xlvs_ticks(bpf_ktime_get_coarse_ns()));
	return server;
}

/* The least loaded member of the set, as wlc compares them, unless it is too
 * busy; else XLVS_NO_ROW. Inlined like all that scans, for the kernel limits the
 * stack of a chain of calls to 512 bytes. */
static __always_inline __u32 xlvs_lblcr_known(__u32 version, __u32 service)
{
	struct xlvs_service *svc = xlvs_get_service(service);
	__u32 at;

	if (!svc || !xlvs_set_exists(version))
		return XLVS_NO_ROW;
	at = xlvs_set_find(version, READ_ONCE(svc->forgotten), XLVS_SET_LEAST);
	if (xlvs_set_shrinks(version))
		xlvs_set_change(version, xlvs_set_find(version, READ_ONCE(svc->forgotten), XLVS_SET_MOST), 0);
	return at != XLVS_NO_ROW && !xlvs_lblc_busy(version, at) ? xlvs_place_server(version, at) : XLVS_NO_ROW;
}

/* The dynamic schedulers: the least of all, before which lblc and lblcr look
 * what they remember, and which they remember then. */
static __always_inline __u32 xlvs_pick_least(__u32 version, __u32 service, __u32 sched)
{
	__u32 server = XLVS_NO_ROW, at;

	if (sched == XLVS_SCHED_LBLC)
		server = xlvs_lblc_known(version);
	if (sched == XLVS_SCHED_LBLCR)
		server = xlvs_lblcr_known(version, service);
	if (server != XLVS_NO_ROW)
		return server;
	at = xlvs_least_place(version);
	if (sched == XLVS_SCHED_LBLC)
		return xlvs_lblc_learn(version, at);
	if (sched == XLVS_SCHED_LBLCR)
		return xlvs_set_change(version, at, 1);
	return xlvs_place_server(version, at);
}

#endif
