/* SPDX-License-Identifier: GPL-2.0-only */
/* The connection of a packet on the slow path: found, or opened, with the stages that XDP runs. */
#ifndef XLVS_SLOW_MATCH_H
#define XLVS_SLOW_MATCH_H

#include <linux/in.h>

#include "slow/case.h"
#include "slow/order.h"
#include "stage/connection.h"
#include "stage/open.h"
#include "stage/parse.h"

static __always_inline void xlvs_keep_match(struct xlvs_case *c, const struct xlvs_packet *p, enum xlvs_direction dir)
{
	c->now = p->now;
	c->server = p->server;
	c->forward = p->forward;
	c->dir = dir;
	if (dir == XLVS_DIR_OUTPUT) {
		c->vaddr = p->vaddr;
		c->vport = p->vport;
	}
}

/* An error: the connection that the quoted packet belongs to, from either
 * side. Nothing about it changes. */
static __always_inline int xlvs_match_quoted(struct xlvs_case *c, struct xlvs_packet *p)
{
	enum xlvs_direction dir = XLVS_DIR_INPUT;

	p->now = xlvs_ticks(bpf_ktime_get_coarse_ns());
	if (c->leaves || !xlvs_lookup(p, XLVS_DIR_INPUT)) {
		dir = XLVS_DIR_OUTPUT;
		if (!xlvs_lookup(p, XLVS_DIR_OUTPUT))
			return TC_ACT_OK;
	}
	xlvs_keep_match(c, p, dir);
	return XLVS_SLOW_NEXT;
}

/* From a NAT server back to its client. What cannot go on is the stack's, as in stage/reply.h. */
static __always_inline int xlvs_match_reply(struct xlvs_case *c, struct xlvs_packet *p)
{
	p->now = c->now;
	if ((c->ttl <= 1 && !c->leaves) || !xlvs_lookup(p, XLVS_DIR_OUTPUT))
		return TC_ACT_OK;
	xlvs_advance(p, XLVS_DIR_OUTPUT);
	xlvs_keep_match(c, p, XLVS_DIR_OUTPUT);
	return XLVS_SLOW_NEXT;
}

/* reads    the case after walk
 * writes   all under "match"; the connection's state and timer
 * returns  NEXT | OK: nobody's | ORDER: no server, the error is asked for | SHOT with a reason */
static __always_inline int xlvs_match(const int family)
{
	struct xlvs_packet p = { .control = xlvs_get_control(), .family = family };
	struct xlvs_case *c = xlvs_get_case();
	enum xlvs_verdict v;

	if (!p.control || !c)
		return TC_ACT_OK;
	p.saddr = c->saddr;
	p.daddr = c->daddr;
	p.sport = c->sport;
	p.dport = c->dport;
	p.proto = c->proto;
	p.event = c->event;
	if (c->quoted)
		return xlvs_match_quoted(c, &p);
	v = xlvs_filter_packet(&p);
	if (v == XLVS_NEXT)
		v = p.to_vip && !c->leaves ? xlvs_find_connection(&p) : XLVS_PASS;
	if (v == XLVS_NEXT && !p.conn)
		v = xlvs_open_connection(&p);
	if (v == XLVS_NEXT) {
		xlvs_keep_match(c, &p, XLVS_DIR_INPUT);
		return XLVS_SLOW_NEXT;
	}
	if (v == XLVS_PASS)
		return p.from_nat ? xlvs_match_reply(c, &p) : TC_ACT_OK;
	if (p.reason != XLVS_REASON_NO_SERVER)
		return xlvs_slow_drop(p.reason);
	c->server = XLVS_NO_ROW;
	return xlvs_order_error(c, XLVS_REASON_NO_SERVER,
				family == XLVS_AF_INET ? XLVS_ICMP4_PORT_UNREACHABLE : XLVS_ICMP6_PORT_UNREACHABLE, 0);
}

/* Global functions, which the verifier checks once each, by themselves. */
__noinline int xlvs_match4(void)
{
	return xlvs_match(XLVS_AF_INET);
}
__noinline int xlvs_match6(void)
{
	return xlvs_match(XLVS_AF_INET6);
}

#endif
