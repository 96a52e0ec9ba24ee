/* SPDX-License-Identifier: GPL-2.0-only */
/* A new connection's entry in the table. */
#ifndef XLVS_STAGE_INSERT_H
#define XLVS_STAGE_INSERT_H

#include "flow.h"
#include "stage/shadow.h"
#include "stage/slot.h"
#include "stage/state.h"

static __always_inline void xlvs_write_key(const int family, struct xlvs_conn *c, const struct xlvs_addr *caddr,
					   __be16 cport, const struct xlvs_addr *vaddr, __be16 vport)
{
	if (family == XLVS_AF_INET) {
		struct xlvs_conn4 *e = (struct xlvs_conn4 *)c;

		e->cport = cport;
		e->vport = vport;
		e->caddr = caddr->word[0];
		e->vaddr = vaddr->word[0];
	} else {
		struct xlvs_conn6 *e = (struct xlvs_conn6 *)c;

		e->cport = cport;
		e->vport = vport;
		e->caddr = *caddr;
		e->vaddr = *vaddr;
	}
}

/* The second bucket of the flow, forwarded as it is. */
static __always_inline __u32 xlvs_flow_second(const int family, const struct xlvs_flow *f)
{
	__u32 n = xlvs_family_buckets(family);

	return f->forward == XLVS_FORWARD_NAT ? xlvs_conn_second_nat(f->hash, n) :
						xlvs_conn_second_flow(f->hash, &f->daddr, f->dport, family, n);
}

/* What became of an attempt to enter a flow. */
enum xlvs_entered {
	XLVS_ENTERED_NEW,    /* in the table, with f->server */
	XLVS_ENTERED_TWIN,   /* another core was first; f follows its entry */
	XLVS_ENTERED_NOWHERE /* no slot can be had */
};

/* After publishing: is there an entry of the same flow in front of ours? */
static __always_inline enum xlvs_entered xlvs_keep(const int family, struct xlvs_flow *f, struct xlvs_conn *own, __u32 meta,
						   __u32 first, __u32 second, __u32 at)
{
	__u32 twin_at = family == XLVS_AF_INET ? xlvs_find_twin4(first, second, at, f->now) :
						    xlvs_find_twin6(first, second, at, f->now);
	struct xlvs_conn *twin;

	if (twin_at >= XLVS_NOWHERE) {
		if (f->forward == XLVS_FORWARD_NAT)
			xlvs_shadow_others(family, first, second, at);
		return XLVS_ENTERED_NEW;
	}
	twin = xlvs_way(family, twin_at & XLVS_AT_SECOND ? second : first, twin_at);
	if (!twin)
		return XLVS_ENTERED_NEW;
	xlvs_release_apart(family, own, meta);
	f->forward = XLVS_CONN_FORWARD(READ_ONCE(twin->meta));
	f->server = READ_ONCE(twin->server);
	return XLVS_ENTERED_TWIN;
}

/* Enters the flow with its server, forward and template, which a timer just set holds.
 * writes    server forward, when a twin was first */
static __always_inline enum xlvs_entered xlvs_insert(const int family, struct xlvs_flow *f)
{
	__u32 n = xlvs_family_buckets(family), first = xlvs_conn_first(f->hash, n),
	      second = xlvs_flow_second(family, f);
	__u32 at = xlvs_take_slot(family, first, second, f->now);
	struct xlvs_control *control;
	struct xlvs_conn *c, *t;
	__u32 meta;

	if (at >= XLVS_NOWHERE)
		return XLVS_ENTERED_NOWHERE;
	c = xlvs_way(family, at & XLVS_AT_SECOND ? second : first, at);
	control = xlvs_get_control(); /* asked for again: held, it would cost stack */
	if (!c || !control)
		return XLVS_ENTERED_NOWHERE;
	meta = (READ_ONCE(c->meta) & XLVS_CONN_SEQ_MASK) | XLVS_CONN_F_LIVE | XLVS_CONN_F_INACTIVE | f->proto |
	       f->forward << 13;
	if (f->forward != XLVS_FORWARD_NAT)
		meta |= XLVS_CONN_F_NOOUTPUT;
	meta = xlvs_step(f->event, meta, XLVS_DIR_INPUT);
	xlvs_write_key(family, c, &f->saddr, f->sport, &f->daddr, f->dport);
	c->server = f->server;
	c->expires = f->now + xlvs_timeout(control, meta);
	t = xlvs_template_at(family, f->template);
	if (t)
		__sync_fetch_and_add(&t->control, 1);
	if (t && f->proto == IPPROTO_TCP && XLVS_CONN_STATE(meta) == XLVS_TCP_ESTABLISHED)
		__sync_fetch_and_or(&t->meta, XLVS_TEMPLATE_ASSURED << 8); /* sloppy_tcp: by its first packet */
	c->control = t ? f->template : 0;
	c->packets = 1;
	xlvs_bind(f->server, meta);
	__sync_lock_test_and_set(&c->meta, meta);
	return xlvs_keep(family, f, c, meta, first, second, at);
}

#endif
