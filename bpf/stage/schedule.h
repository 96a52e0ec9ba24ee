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

/* The number that sh and mh hash. */
static __always_inline __u32 xlvs_client_value(const struct xlvs_flow *f, const struct xlvs_version *v)
{
	__u32 value = xlvs_fold_addr(&f->saddr, f->family);

	return v->flags & XLVS_SVC_F_SCHED2 ? value + bpf_ntohs(f->sport) : value;
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

/* The flow has this server, if there is one.
 * writes   server forward
 * returns  NEXT | DROP/NO_SERVER */
static __always_inline enum xlvs_verdict xlvs_lead_to(struct xlvs_flow *f, __u32 server)
{
	struct xlvs_server *s = xlvs_get_server(server);

	if (!s)
		return xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_NO_SERVER);
	f->server = server;
	f->forward = s->forward;
	return XLVS_NEXT;
}

/* The step that chooses a server by that scheduler. */
static __always_inline __u32 xlvs_chooser(__u32 sched)
{
	if (sched == XLVS_SCHED_LADDER)
		return XLVS_TO_CLIMB;
	return sched >= XLVS_SCHED_LC && sched <= XLVS_SCHED_LBLCR && sched != XLVS_SCHED_TWOS ? XLVS_TO_SEEK :
												 XLVS_TO_CHOOSE;
}

/* The server whose turn it is: rr and wrr, nearly always.
 * writes   ticket; server forward on NEXT
 * returns  NEXT | TO_CHOOSE TO_SEEK TO_CLIMB: another scheduler, or that server takes no new connections
 * cost     three cache lines, an atomic add */
static __always_inline __u32 xlvs_schedule_turn(struct xlvs_flow *f, struct xlvs_version *v)
{
	__u32 server;

	if (v->sched != XLVS_SCHED_TURN)
		return xlvs_chooser(v->sched);
	server = xlvs_take_turn(f->version, v, &f->ticket);
	return server == XLVS_NO_ROW ? XLVS_TO_CHOOSE : xlvs_lead_to(f, server);
}

/* What comes after the flow in xlvs_flows got this server.
 * writes   server forward
 * returns  TO_TEMPLATE | TO_ENTER | DROP/NO_SERVER */
static __always_inline __u32 xlvs_chosen(__u32 server)
{
	struct xlvs_flow *f = xlvs_get_flow();
	enum xlvs_verdict v;

	if (!f)
		return XLVS_DROP;
	v = xlvs_lead_to(f, server);
	if (v != XLVS_NEXT)
		return v;
	return f->persists ? XLVS_TO_TEMPLATE : XLVS_TO_ENTER;
}

/* A server for the flow in xlvs_flows. For both families: the verifier follows
 * it once. Three functions, so that none of them needs much stack.
 * writes   server forward
 * returns  TO_TEMPLATE | TO_ENTER | DROP/NO_SERVER
 * cost     dh, sh, mh, maglev: flat; the others: some ns for every 64 servers, and for each of
 *          those 64 where something changed since the last pick */
__noinline __u32 xlvs_choose(void)
{
	struct xlvs_flow *f = xlvs_get_flow();
	struct xlvs_version *v = f ? xlvs_get_version(f->version) : NULL;

	if (!v)
		return XLVS_DROP;
	switch (v->sched) {
	case XLVS_SCHED_TURN:
		return xlvs_chosen(xlvs_turn_on(f->version, f->ticket));
	case XLVS_SCHED_DH:
		return xlvs_chosen(xlvs_pick_hash(f->version, xlvs_fold_addr(&f->daddr, f->family)));
	case XLVS_SCHED_SH:
		return xlvs_chosen(xlvs_pick_hash(f->version, xlvs_client_value(f, v)));
	case XLVS_SCHED_MH:
		return xlvs_chosen(xlvs_pick_mh(f->version, xlvs_client_value(f, v)));
	case XLVS_SCHED_MAGLEV:
		return xlvs_chosen(xlvs_pick_maglev(
			f->version, xlvs_maglev_client(f->family, &f->saddr,
						       v->flags & XLVS_SVC_F_SCHED2 ? bpf_ntohs(f->sport) : 0,
						       v->state[0])));
	case XLVS_SCHED_TWOS:
		return xlvs_chosen(xlvs_pick_twos(f->version));
	default:
		return xlvs_chosen(XLVS_NO_ROW);
	}
}

/* The same by a dynamic scheduler. */
__noinline __u32 xlvs_seek(void)
{
	struct xlvs_flow *f = xlvs_get_flow();
	struct xlvs_version *v = f ? xlvs_get_version(f->version) : NULL;

	return v ? xlvs_chosen(xlvs_pick_least(f->version, v->sched)) : XLVS_DROP;
}

/* The same by wrr with a long period. */
__noinline __u32 xlvs_climb(void)
{
	struct xlvs_flow *f = xlvs_get_flow();

	return f ? xlvs_chosen(xlvs_pick_ladder(f->version)) : XLVS_DROP;
}

#endif
