/* SPDX-License-Identifier: GPL-2.0-only */
/* A matched packet of the slow path, rewritten and on its way. */
#ifndef XLVS_SLOW_CARRY_H
#define XLVS_SLOW_CARRY_H

#include "slow/order.h"
#include "slow/rewrite.h"
#include "forward/tunnel.h"
#include "net/pmtu.h"

/* The way out, whether the packet has a hop left for it, and whether it fits.
 * grow     bytes of new headers
 * returns  NEXT | CUT: it does not, and may be cut | ORDER: an error | SHOT with a reason |
 *          OK: the stack says so (replies), or delivers (the server is this host) | HERE: the same, by NAT */
static __noinline int xlvs_slow_route(struct __sk_buff *skb, struct xlvs_case *c, struct xlvs_server *s,
				      __u32 grow)
{
	const bool back = c->dir == XLVS_DIR_OUTPUT, tunnel = !back && c->forward == XLVS_FORWARD_TUNNEL;
	struct xlvs_route *route = xlvs_get_route();
	struct xlvs_addr src, dst;
	enum xlvs_reason reason;

	if (!route)
		return TC_ACT_SHOT;
	src = back ? c->vaddr : c->outer_saddr;
	dst = back ? c->outer_daddr : s->addr;
	reason = xlvs_ask_fib(skb, skb->ifindex, back ? c->family : s->family, tunnel ? NULL : &src, &dst, route);
	if (reason != XLVS_REASON_FORWARDED && route->here && !back) {
		if (c->forward == XLVS_FORWARD_NAT)
			return XLVS_SLOW_HERE;
		xlvs_count(XLVS_REASON_SERVER_LOCAL);
		return TC_ACT_OK;
	}
	if (reason == XLVS_REASON_NO_ROUTE)
		return back ? TC_ACT_OK :
			      xlvs_order_error(c, reason,
					       c->family == XLVS_AF_INET ? XLVS_ICMP4_HOST_UNREACHABLE :
									   XLVS_ICMP6_ADDRESS_UNREACHABLE,
					       0);
	if (reason != XLVS_REASON_FORWARDED)
		return xlvs_slow_drop(reason);
	if (c->ttl <= 1)
		return xlvs_order_error(c, XLVS_REASON_TTL,
					c->family == XLVS_AF_INET ? XLVS_ICMP4_TIME_EXCEEDED : XLVS_ICMP6_TIME_EXCEEDED,
					0);
	if (tunnel)
		xlvs_heed_pmtu(c->server, c->now);
	if (!route->hop.mtu || c->len + grow <= route->hop.mtu)
		return XLVS_SLOW_NEXT;
	if (!c->df)
		return (back ? c->family : s->family) == XLVS_AF_INET ? XLVS_SLOW_CUT :
									xlvs_slow_drop(XLVS_REASON_TOO_BIG);
	if (back)
		return TC_ACT_OK;
	if (!xlvs_hop_less(skb, c)) /* the kernel's error quotes it so */
		return TC_ACT_SHOT;
	return xlvs_order_error(c, XLVS_REASON_TOO_BIG,
				c->family == XLVS_AF_INET ? XLVS_ICMP4_FRAGMENTATION : XLVS_ICMP6_PACKET_TOO_BIG,
				route->hop.mtu - grow);
}

static __always_inline void xlvs_slow_count(const struct xlvs_case *c)
{
	struct xlvs_line *line = xlvs_get_line(c->server);

	if (!line)
		return;
	if (c->dir == XLVS_DIR_INPUT) {
		line->counters.in_pkts++;
		line->counters.in_bytes += c->len;
	} else {
		line->counters.out_pkts++;
		line->counters.out_bytes += c->len;
	}
}

/* reads    c after match
 * writes   the server's traffic; order
 * returns  ORDER: send it, or an error | OK: the stack's | SHOT with a reason */
static __always_inline int xlvs_carry(struct __sk_buff *skb, struct xlvs_case *c)
{
	const bool back = c->dir == XLVS_DIR_OUTPUT, tunnel = !back && c->forward == XLVS_FORWARD_TUNNEL;
	struct xlvs_server *s = xlvs_get_server(c->server);
	struct xlvs_route *route = xlvs_get_route();
	__u32 tun, flags = 0;
	int act;

	if (!s || !route)
		return xlvs_slow_drop(XLVS_REASON_NO_SERVER);
	tun = xlvs_tunnel_of(s);
	if (back && c->ttl <= 1 && !c->leaves)
		return TC_ACT_OK;
	if (!back || c->leaves)
		xlvs_slow_count(c);
	act = c->leaves ? XLVS_SLOW_HERE : xlvs_slow_route(skb, c, s, tunnel ? xlvs_tunnel_overhead(s, tun) : 0);
	if (act == XLVS_SLOW_HERE) /* no hop less: the packet has arrived, or the stack has seen to that */
		return xlvs_slow_translate(skb, c, s) == XLVS_SLOW_NEXT ? TC_ACT_OK : TC_ACT_SHOT;
	if (act == XLVS_SLOW_CUT)
		flags = XLVS_META_F_CUT | (__u32)route->hop.mtu << 16;
	else if (act != XLVS_SLOW_NEXT)
		return act;
	act = XLVS_SLOW_NEXT;
	if (back)
		xlvs_slow_count(c);
	if (!xlvs_hop_less(skb, c))
		return TC_ACT_SHOT;
	if (c->forward == XLVS_FORWARD_NAT) {
		act = xlvs_slow_translate(skb, c, s);
	} else if (tunnel) {
		act = xlvs_slow_encap(skb, c, s, tun);
		flags |= xlvs_shim_sums(tun) ? XLVS_META_F_SUM : 0;
	}
	return act == XLVS_SLOW_NEXT ? xlvs_order_send(c, route, flags) : act;
}

#endif
