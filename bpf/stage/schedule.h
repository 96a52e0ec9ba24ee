/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 4: a real server for a new connection. */
#ifndef XLVS_STAGE_SCHEDULE_H
#define XLVS_STAGE_SCHEDULE_H

#include "schedule/hash.h"
#include "schedule/ladder.h"
#include "schedule/lblcr.h"
#include "schedule/least.h"
#include "schedule/maglev.h"
#include "schedule/mh.h"
#include "schedule/turn.h"
#include "schedule/twos.h"
#include "stage/service.h"

/* The current version of f->service: re-read when an edit replaced it behind us. */
static __always_inline struct xlvs_version *xlvs_current_version(struct xlvs_flow *f)
{
	for (int i = 0; i < XLVS_VERSION_TRIES; i++) {
		struct xlvs_service *svc = xlvs_get_service(f->service);
		struct xlvs_version *v;

		if (!svc)
			return NULL;
		f->version = READ_ONCE(svc->version);
		v = xlvs_get_version(f->version);
		if (v && v->service == f->service)
			return v;
	}
	return NULL;
}

static __always_inline __u32 xlvs_pick(const int family, const struct xlvs_flow *f, const struct xlvs_version *v)
{
	__u32 value;

	switch (v->sched) {
	case XLVS_SCHED_TURN:
		return xlvs_pick_turn(f->version);
	case XLVS_SCHED_LADDER:
		return xlvs_pick_ladder(f->version);
	case XLVS_SCHED_DH:
		return xlvs_pick_hash(f->version, xlvs_fold_addr(&f->daddr, family));
	case XLVS_SCHED_SH:
	case XLVS_SCHED_MH:
		value = xlvs_fold_addr(&f->saddr, family);
		if (v->flags & XLVS_SVC_F_SCHED2)
			value += bpf_ntohs(f->sport);
		return v->sched == XLVS_SCHED_SH ? xlvs_pick_hash(f->version, value) : xlvs_pick_mh(f->version, value);
	case XLVS_SCHED_MAGLEV:
		return xlvs_pick_maglev(f->version,
					xlvs_maglev_client(family, &f->saddr,
							   v->flags & XLVS_SVC_F_SCHED2 ? bpf_ntohs(f->sport) : 0,
							   v->state[0]));
	case XLVS_SCHED_TWOS:
		return xlvs_pick_twos(f->version);
	case XLVS_SCHED_NONE:
		return XLVS_NO_ROW;
	default:
		return xlvs_pick_least(f->version, f->service, v->sched);
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

/* A real server for the flow, by the version v of its service.
 * writes   server forward
 * returns  NEXT | DROP/NO_SERVER
 * cost     rr, wrr, dh, sh, mh, maglev: flat; the others: some ns for every 64 servers, and for each of
 *          those 64 where something changed since the last pick */
static __always_inline enum xlvs_verdict xlvs_schedule(const int family, struct xlvs_flow *f,
							 const struct xlvs_version *v)
{
	struct xlvs_server *s;

	f->server = xlvs_pick(family, f, v);
	s = xlvs_get_server(f->server);
	if (!s)
		return xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_NO_SERVER);
	f->forward = s->forward;
	return XLVS_NEXT;
}

#endif
