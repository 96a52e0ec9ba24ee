/* SPDX-License-Identifier: GPL-2.0-only */
/* A new connection's entry in the table. */
#ifndef XLVS_STAGE_INSERT_H
#define XLVS_STAGE_INSERT_H

#include "stage/connection.h"
#include "stage/slot.h"

static __always_inline void xlvs_write_key(const struct xlvs_packet *p, struct xlvs_conn *c)
{
	if (p->family == XLVS_AF_INET) {
		struct xlvs_conn4 *e = (struct xlvs_conn4 *)c;

		e->cport = p->sport;
		e->vport = p->dport;
		e->caddr = p->saddr.word[0];
		e->vaddr = p->daddr.word[0];
	} else {
		struct xlvs_conn6 *e = (struct xlvs_conn6 *)c;

		e->cport = p->sport;
		e->vport = p->dport;
		e->caddr = p->saddr;
		e->vaddr = p->daddr;
	}
}

/* What became of an attempt to enter a flow. */
enum xlvs_entered {
	XLVS_ENTERED_NEW,    /* in the table, with p->server */
	XLVS_ENTERED_TWIN,   /* another core was first: p follows its entry */
	XLVS_ENTERED_NOWHERE /* no slot can be had */
};

/* After publishing: is there an entry of the same flow in front of ours? */
static __always_inline enum xlvs_entered xlvs_keep(struct xlvs_packet *p, struct xlvs_conn *own, __u32 meta,
						   __u32 first, __u32 second, __u32 at)
{
	__u32 twin_at = p->family == XLVS_AF_INET ? xlvs_find_twin4(first, second, at, p->now) :
						    xlvs_find_twin6(first, second, at, p->now);
	struct xlvs_conn *twin;

	if (twin_at >= XLVS_NOWHERE)
		return XLVS_ENTERED_NEW;
	twin = xlvs_way(p->family, twin_at & XLVS_AT_SECOND ? second : first, twin_at);
	if (!twin)
		return XLVS_ENTERED_NEW;
	xlvs_release(own, meta);
	p->forward = XLVS_CONN_FORWARD(READ_ONCE(twin->meta));
	p->server = READ_ONCE(twin->server);
	return XLVS_ENTERED_TWIN;
}

/* Enters the packet's flow with p->server and p->forward.
 * writes   server forward, when a twin was first */
static __always_inline enum xlvs_entered xlvs_insert(struct xlvs_packet *p)
{
	__u32 n = xlvs_buckets(p), first = xlvs_conn_first(p->hash, n), second = xlvs_second_bucket(p, p->forward);
	__u32 at = p->family == XLVS_AF_INET ? xlvs_take_slot4(first, second, p->now) :
					       xlvs_take_slot6(first, second, p->now);
	struct xlvs_conn *c;
	__u32 meta;

	if (at >= XLVS_NOWHERE)
		return XLVS_ENTERED_NOWHERE;
	c = xlvs_way(p->family, at & XLVS_AT_SECOND ? second : first, at);
	if (!c)
		return XLVS_ENTERED_NOWHERE;
	meta = (READ_ONCE(c->meta) & XLVS_CONN_SEQ_MASK) | XLVS_CONN_F_LIVE | XLVS_CONN_F_INACTIVE | p->proto |
	       p->forward << 13;
	if (p->forward != XLVS_FORWARD_NAT)
		meta |= XLVS_CONN_F_NOOUTPUT;
	meta = xlvs_step(p, meta, XLVS_DIR_INPUT);
	xlvs_write_key(p, c);
	c->server = p->server;
	c->expires = p->now + xlvs_timeout(p, meta);
	c->control = 0;
	c->packets = 1;
	xlvs_bind(p->server, meta);
	__sync_lock_test_and_set(&c->meta, meta);
	return xlvs_keep(p, c, meta, first, second, at);
}

#endif
