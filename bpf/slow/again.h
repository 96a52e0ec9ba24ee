/* SPDX-License-Identifier: GPL-2.0-only */
/* The slow path's own way of a packet: as the director's, for headers that the director does not read. */
#ifndef XLVS_SLOW_AGAIN_H
#define XLVS_SLOW_AGAIN_H

#include "slow/carry.h"
#include "slow/fragment.h"
#include "slow/hold.h"
#include "slow/icmp.h"
#include "slow/match.h"
#include "slow/relay.h"
#include "slow/walk.h"
#include "stage/martian.h"

/* A source that stage/martian.h would not let open a connection: here the packet's own, also an error's. */
static __always_inline bool xlvs_from_nobody(struct __sk_buff *skb, const struct xlvs_case *c)
{
	if (xlvs_is_martian(c->family, &c->outer_saddr))
		return true;
	return c->family == XLVS_AF_INET && xlvs_from_here(skb, skb->ifindex, c->outer_saddr.word[0]);
}

/* Is the quoted packet in a tunnel that we sent? If not, it may still be one that NAT sent to that port.
 * returns  NEXT, with c->inner if it is ours | OK: nobody's */
static __always_inline int xlvs_match_tunnel(struct __sk_buff *skb, struct xlvs_case *c)
{
	int act = c->inner_family == XLVS_AF_INET ? xlvs_match4() : xlvs_match6();

	if (act == XLVS_SLOW_NEXT && xlvs_is_our_tunnel(c))
		return XLVS_SLOW_NEXT;
	c->inner = 0;
	c->plain = 1;
	return xlvs_read_error(skb, c);
}

/* Balances a packet that the director has passed on; or, when the stack sends
 * it, only puts back what a NAT server's packet must show.
 * returns  ORDER, in the case | a TC action: OK to the stack, SHOT with a reason */
static __always_inline int xlvs_balance_again(struct __sk_buff *skb, __u32 family, bool leaves)
{
	struct xlvs_case *c = xlvs_get_case();
	int act;

	if (!c)
		return TC_ACT_OK;
	__builtin_memset(c, 0, sizeof(*c));
	c->family = (__u8)family;
	c->leaves = c->plain = leaves;
	c->now = xlvs_ticks(bpf_ktime_get_coarse_ns());
	act = xlvs_walk(skb, c);
	if (act == XLVS_SLOW_NEXT && !c->leaves && xlvs_from_nobody(skb, c)) {
		xlvs_count(XLVS_REASON_MARTIAN);
		act = TC_ACT_OK;
	}
	if (act == XLVS_SLOW_NEXT && xlvs_case_is_icmp(c))
		act = xlvs_read_error(skb, c);
	if (act != XLVS_SLOW_NEXT)
		return act;
	if (c->inner) {
		act = xlvs_match_tunnel(skb, c);
		if (act != XLVS_SLOW_NEXT || c->inner)
			return act == XLVS_SLOW_NEXT ? xlvs_relay(skb, c) : act;
	}
	if (c->part == XLVS_PART_LATER)
		act = xlvs_may_be_ours(c) ? xlvs_recall_first(c) : TC_ACT_OK;
	else
		act = c->family == XLVS_AF_INET ? xlvs_match4() : xlvs_match6();
	if (act == XLVS_SLOW_HOLD)
		act = c->leaves ? TC_ACT_OK : xlvs_hold(skb, c);
	if (act == TC_ACT_OK && c->leaves)
		return act;
	if (act == TC_ACT_OK)
		c->server = XLVS_STACK_ROW;
	if ((act == XLVS_SLOW_NEXT || act == TC_ACT_OK) && c->part == XLVS_PART_FIRST) {
		if (xlvs_remember_first(c) && !xlvs_receive_all(skb, c))
			return TC_ACT_SHOT;
	}
	if (act == XLVS_SLOW_NEXT && c->quoted && !xlvs_icmp_sound(skb, c))
		act = xlvs_slow_drop(XLVS_REASON_MALFORMED);
	return act == XLVS_SLOW_NEXT ? xlvs_carry(skb, c) : act;
}

#endif
