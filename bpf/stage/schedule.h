/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 4: a real server for a new connection, and the connection's entry. */
#ifndef XLVS_STAGE_SCHEDULE_H
#define XLVS_STAGE_SCHEDULE_H

#include "schedule/hash.h"
#include "schedule/least.h"
#include "schedule/mh.h"
#include "schedule/turn.h"
#include "stage/insert.h"
#include "stage/service.h"

/* The current version of p->service: re-read when an edit replaced it behind us. */
static __always_inline struct xlvs_version *xlvs_current_version(struct xlvs_packet *p)
{
	for (int i = 0; i < XLVS_VERSION_TRIES; i++) {
		struct xlvs_service *svc = xlvs_get_service(p->service);
		struct xlvs_version *v;

		if (!svc)
			return NULL;
		p->version = READ_ONCE(svc->version);
		v = xlvs_get_version(p->version);
		if (v && v->service == p->service)
			return v;
	}
	return NULL;
}

static __always_inline __u32 xlvs_pick(const struct xlvs_packet *p, const struct xlvs_version *v)
{
	__u32 value;

	switch (v->sched) {
	case XLVS_SCHED_TURN:
		return xlvs_pick_turn(p->version);
	case XLVS_SCHED_DH:
		return xlvs_pick_hash(p->version, xlvs_fold_addr(&p->daddr, p->family));
	case XLVS_SCHED_SH:
	case XLVS_SCHED_MH:
		value = xlvs_fold_addr(&p->saddr, p->family);
		if (v->flags & XLVS_SVC_F_SCHED2)
			value += bpf_ntohs(p->sport);
		return v->sched == XLVS_SCHED_SH ? xlvs_pick_hash(p->version, value) : xlvs_pick_mh(p->version, value);
	case XLVS_SCHED_NONE:
		return XLVS_NO_ROW;
	default:
		return xlvs_pick_least(p->version);
	}
}

/* A server by hash alone, for flows that the table has no room for: all their
 * packets agree as long as the version stands. Tries a few servers from the
 * hash's place on, past those of weight 0.  Returns its row, or XLVS_NO_ROW. */
__noinline __u32 xlvs_pick_stateless(__u32 version, __u32 hash)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 servers, start;

	if (!v || !v->servers)
		return XLVS_NO_ROW;
	servers = v->servers;
	start = xlvs_reduce(hash, servers);
	for (__u32 i = 0; i < XLVS_STATELESS_TRIES && i < servers; i++) {
		__u32 at = start + i < servers ? start + i : start + i - servers;
		__u32 block = version + XLVS_FIRST_PICK + at / XLVS_PICKS_PER_BLOCK;
		struct xlvs_pick_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

		if (b && b->pick[at % XLVS_PICKS_PER_BLOCK].weight)
			return b->pick[at % XLVS_PICKS_PER_BLOCK].server;
	}
	return XLVS_NO_ROW;
}

/* reads    p->service, conn == NULL
 * writes   server forward; the server's count of connections
 * returns  NEXT | DROP/NO_SERVER | DROP/TABLE_BUSY
 * cost     rr, wrr, dh, sh: flat; the others: a few ns per server */
static __always_inline enum xlvs_verdict xlvs_schedule(struct xlvs_packet *p)
{
	struct xlvs_version *v = xlvs_current_version(p);
	struct xlvs_server *s;
	enum xlvs_entered entered;
	struct xlvs_line *line;

	if (!v)
		return xlvs_drop(p, XLVS_REASON_TABLE_BUSY);
	p->server = xlvs_pick(p, v);
	s = xlvs_get_server(p->server);
	if (!s)
		return xlvs_drop(p, XLVS_REASON_NO_SERVER);
	p->forward = s->forward;
	entered = xlvs_insert(p);
	if (entered == XLVS_ENTERED_NEW) {
		line = xlvs_get_line(p->server);
		if (line)
			line->counters.conns++;
	} else if (entered == XLVS_ENTERED_NOWHERE) {
		p->server = xlvs_pick_stateless(p->version, (__u32)(p->hash >> 16));
		s = xlvs_get_server(p->server);
		if (!s)
			return xlvs_drop(p, XLVS_REASON_NO_SERVER);
		p->forward = s->forward;
		xlvs_count(XLVS_REASON_STATELESS);
	}
	return XLVS_NEXT;
}

#endif
