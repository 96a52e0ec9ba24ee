/* SPDX-License-Identifier: GPL-2.0-only */
/* Stages 3 and 4 as functions apart: what happens once to a connection, and not to each of its packets. */
#ifndef XLVS_STAGE_OPEN_H
#define XLVS_STAGE_OPEN_H

#include "stage/martian.h"
#include "stage/persist.h"
#include "stage/schedule.h"
#include "stage/service.h"

static __always_inline __u32 xlvs_open(const int family)
{
	struct xlvs_control *control = xlvs_get_control();
	struct xlvs_flow *f = xlvs_get_flow();
	struct xlvs_version *version;
	enum xlvs_verdict v;
	__u32 r;

	if (!control || !f)
		return XLVS_DROP;
	v = xlvs_find_service(f, control);
	if (v != XLVS_NEXT)
		return v;
	if (xlvs_is_martian(family, &f->saddr))
		return xlvs_flow_ends(f, XLVS_PASS, XLVS_REASON_MARTIAN);
	version = xlvs_current_version(f);
	if (!version)
		return xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_TABLE_BUSY);
	f->once = xlvs_is_once(f, version);
	if (version->flags & XLVS_SVC_F_PERSISTENT)
		return XLVS_TO_PERSIST;
	f->persists = false;
	f->template = 0;
	if (!f->opens) {
		xlvs_note_stateless(f);
		return xlvs_go_stateless(f, f->hash);
	}
	r = xlvs_schedule_turn(f, version);
	return r == XLVS_NEXT ? XLVS_TO_ENTER : r;
}

/* The service of the flow in xlvs_flows, and its server when it is that one's
 * turn. A global function for each family: the verifier checks it once, by
 * itself, and the fast path holds none of it. Few of them: a return costs some 10 ns on
 * processors that guard returns against speculation.
 * writes   service version opens once; server forward; reason
 * returns  TO_PERSIST | TO_CHOOSE | TO_ENTER, or enum xlvs_verdict: NEXT | PASS or DROP with f->reason
 * cost     the call, and what the stages say */
__noinline __u32 xlvs_open4(void)
{
	return xlvs_open(XLVS_AF_INET);
}
__noinline __u32 xlvs_open6(void)
{
	return xlvs_open(XLVS_AF_INET6);
}

/* The steps, one after the other, for the flow in xlvs_flows.
 * writes   server forward reason
 * returns  NEXT | PASS or DROP with f->reason */
static __always_inline enum xlvs_verdict xlvs_open_flow(const int family)
{
	const bool v4 = family == XLVS_AF_INET;
	__u32 r = v4 ? xlvs_open4() : xlvs_open6();

	if (r == XLVS_TO_PERSIST)
		r = v4 ? xlvs_persist4() : xlvs_persist6();
	if (r == XLVS_TO_CHOOSE)
		r = xlvs_choose();
	else if (r == XLVS_TO_SEEK)
		r = xlvs_seek();
	else if (r == XLVS_TO_CLIMB)
		r = xlvs_climb();
	if (r == XLVS_TO_TEMPLATE)
		r = v4 ? xlvs_tie4() : xlvs_tie6();
	if (r == XLVS_TO_ENTER)
		r = v4 ? xlvs_enter4() : xlvs_enter6();
	return r;
}

/* Is it an entry of the flow's former connection, that nobody finds any more? */
static __always_inline bool xlvs_is_former(const int family, const struct xlvs_flow *f, const struct xlvs_conn *c,
					   __u32 meta)
{
	const __u32 match = XLVS_CONN_F_LIVE | XLVS_CONN_F_BUSY | XLVS_CONN_F_TEMPLATE | 0xff;

	if ((meta & match) != (XLVS_CONN_F_LIVE | f->proto) || !xlvs_expired(c, f->now))
		return false;
	if (family == XLVS_AF_INET) {
		const struct xlvs_conn4 *e = (const struct xlvs_conn4 *)c;

		return e->caddr == f->saddr.word[0] && e->vaddr == f->daddr.word[0] && e->cport == f->sport &&
		       e->vport == f->dport;
	} else {
		const struct xlvs_conn6 *e = (const struct xlvs_conn6 *)c;

		return e->cport == f->sport && e->vport == f->dport && xlvs_addr_equal(&e->caddr, &f->saddr) &&
		       xlvs_addr_equal(&e->vaddr, &f->daddr);
	}
}

/* Takes the flow's former connection out of the table, wherever it was: in
 * one of three buckets, for it may have been forwarded by another method. */
static __always_inline void xlvs_bury(const int family)
{
	struct xlvs_flow *f = xlvs_get_flow();
	__u32 n = xlvs_family_buckets(family);

	if (!f)
		return;
	f->again = false;
	for (__u32 i = 0; i < 3 * XLVS_CONN_WAYS; i++) {
		__u32 bucket = i < XLVS_CONN_WAYS     ? xlvs_conn_first(f->hash, n) :
			       i < 2 * XLVS_CONN_WAYS ? xlvs_conn_second_flow(f->hash, &f->daddr, f->dport, family, n) :
							xlvs_conn_second_nat(f->hash, n);
		struct xlvs_conn *c = xlvs_way(family, bucket, i);
		__u32 meta, expires, server, control;

		if (!c)
			return;
		meta = READ_ONCE(c->meta);
		expires = READ_ONCE(c->expires);
		if (!xlvs_is_former(family, f, c, meta))
			continue;
		server = READ_ONCE(c->server);
		control = READ_ONCE(c->control);
		if (xlvs_swap_timed(c, meta, expires, meta & XLVS_CONN_SEQ_MASK, expires))
			xlvs_depart(family, server, control, meta);
	}
}

__noinline int xlvs_bury4(void)
{
	xlvs_bury(XLVS_AF_INET);
	return 0;
}
__noinline int xlvs_bury6(void)
{
	xlvs_bury(XLVS_AF_INET6);
	return 0;
}

/* Opens a connection for a packet that has none.
 * reads    p after parse; now hash
 * writes   server forward
 * returns  NEXT | PASS or DROP with a reason */
static __always_inline enum xlvs_verdict xlvs_open_connection(struct xlvs_packet *p)
{
	struct xlvs_flow *f = xlvs_get_flow();
	enum xlvs_verdict v;

	if (!f)
		return xlvs_drop(p, XLVS_REASON_TABLE_BUSY);
	xlvs_set_addr(&f->saddr, &p->saddr);
	xlvs_set_addr(&f->key.addr, &p->daddr);
	xlvs_set_key_end(&f->key, p->dport, p->proto, (__u8)p->family);
	f->hash = p->hash;
	f->now = p->now;
	f->sport = p->sport;
	f->dport = p->dport;
	f->family = (__u8)p->family;
	f->proto = p->proto;
	f->event = p->event;
	v = xlvs_open_flow(p->family);
	if (f->again)
		p->family == XLVS_AF_INET ? xlvs_bury4() : xlvs_bury6();
	p->server = f->server;
	p->forward = f->forward;
	p->reason = f->reason;
	return v;
}

#endif
