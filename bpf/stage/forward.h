/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 5: the packet rewritten for its server and on its way, or handed to the slow path. */
#ifndef XLVS_STAGE_FORWARD_H
#define XLVS_STAGE_FORWARD_H

#include "forward/nat.h"
#include "forward/tunnel.h"
#include "net/fib.h"
#include "net/pmtu.h"
#include "stage/again.h"
#include "stage/connection.h"

/* Has the packet hops left?  returns NEXT | DROP/TTL */
static __always_inline enum xlvs_verdict xlvs_check_ttl(struct xlvs_packet *p)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p);
	__u8 ttl;

	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > end)
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	if (p->family == XLVS_AF_INET)
		ttl = ((struct iphdr *)(data + sizeof(struct ethhdr)))->ttl;
	else
		ttl = ((struct ipv6hdr *)(data + sizeof(struct ethhdr)))->hop_limit;
	return ttl > 1 ? XLVS_NEXT : xlvs_drop(p, XLVS_REASON_TTL);
}

/* Leaves the next hop in the frame's metadata for xlvs_slowpath, which lets
 * the kernel resolve it; nothing is lost meanwhile.
 * flags    XLVS_META_F_*: what else is left to do
 * returns  PASS/reason | DROP/HEADROOM */
static __always_inline enum xlvs_verdict xlvs_ask_slowpath(struct xlvs_packet *p, const struct xlvs_route *route,
							   __u32 flags, enum xlvs_reason reason)
{
	struct xlvs_meta *meta = xlvs_new_note(p, XLVS_META_NEIGHBOUR);

	if (!meta)
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	meta->ifindex = route->hop.ifindex;
	meta->family = (__u16)route->family;
	meta->flags = flags;
	__builtin_memcpy(meta->nexthop, &route->gateway, 16);
	return xlvs_pass(p, reason);
}

/* Puts the frame on its way out.  returns TX | REDIRECT | PASS/NEIGHBOUR */
static __always_inline enum xlvs_verdict xlvs_send(struct xlvs_packet *p, const struct xlvs_nexthop *hop)
{
	struct ethhdr *eth = xlvs_data(p);

	if ((void *)(eth + 1) > xlvs_data_end(p))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	xlvs_set_macs(eth, hop->dmac, hop->smac);
	p->reason = XLVS_REASON_FORWARDED;
	if (hop->ifindex == p->ctx->ingress_ifindex)
		return XLVS_TX;
	p->out_ifindex = hop->ifindex;
	return XLVS_REDIRECT;
}

/* Saves the Ethernet header over a growing head: the slow path needs the
 * frame's own addresses to take it for ours. */
static __always_inline bool xlvs_keep_macs(struct xlvs_packet *p, struct xlvs_route *route)
{
	struct ethhdr *eth = xlvs_data(p);

	if ((void *)(eth + 1) > xlvs_data_end(p))
		return false;
	__builtin_memcpy(route->macs, eth, sizeof(route->macs));
	return true;
}
static __always_inline void xlvs_put_macs(struct xlvs_packet *p, const struct xlvs_route *route)
{
	struct ethhdr *eth = xlvs_data(p);

	if ((void *)(eth + 1) <= xlvs_data_end(p))
		__builtin_memcpy(eth, route->macs, sizeof(route->macs));
}

/* Rewrites the packet by the connection's method.  returns NEXT | DROP with a reason */
static __always_inline enum xlvs_verdict xlvs_rewrite(struct xlvs_packet *p, struct xlvs_server *s)
{
	switch (p->forward) {
	case XLVS_FORWARD_DIRECT:
		return xlvs_decrease_ttl(p);
	case XLVS_FORWARD_TUNNEL:
		return xlvs_forward_tunnel(p, s);
	default:
		return xlvs_translate(p, true, &s->addr, xlvs_server_port(s, p->dport));
	}
}

/* The way to a server whose cached next hop has aged. */
static __always_inline enum xlvs_verdict xlvs_find_route(struct xlvs_packet *p, struct xlvs_server *s,
							 struct xlvs_route *route)
{
	struct xlvs_addr src;
	enum xlvs_verdict v;

	if (p->forward != XLVS_FORWARD_TUNNEL) {
		src = p->saddr;
		return xlvs_fib(p, s->family, &src, &s->addr, route);
	}
	v = xlvs_fib(p, s->family, NULL, &s->addr, route);
	if (v == XLVS_NEXT && xlvs_limits.fib_src && !xlvs_addr_equal(&route->source, &s->tun_src))
		s->tun_src = route->source;
	xlvs_heed_pmtu(p->server, p->now);
	return v;
}

/* Keeps what the FIB said for the packets to come. route->hop.valid = 0: this
 * one takes the slow path, because the neighbour is not resolved or must be
 * looked after, or because the way out takes no frames from XDP, as far as we know. */
static __always_inline void xlvs_keep_hop(const struct xlvs_packet *p, struct xlvs_line *line,
					  struct xlvs_route *route)
{
	__u16 confirmed = line->nexthop.valid;

	route->hop.expires = p->now + XLVS_NEXTHOP_TICKS;
	if (!xlvs_takes_frames(route->hop.ifindex))
		route->hop.valid = 0;
	line->nexthop = route->hop;
	if (!route->hop.valid)
		return;
	line->nexthop.valid = confirmed;
	if (confirmed && (!xlvs_limits.confirm || (__u16)((__u16)p->now - confirmed) < xlvs_limits.confirm))
		return;
	line->nexthop.valid = (__u16)p->now | 1;
	if (confirmed)
		route->hop.valid = 0;
}

/* The packet is not counted here: it starts again on the slow path. */
static __always_inline void xlvs_not_counted(const struct xlvs_packet *p, struct xlvs_line *line)
{
	line->counters.in_pkts--;
	line->counters.in_bytes -= p->len;
}

/* The real server is this host. Its stack gets the packet as it came, or from
 * the slow path, translated.  returns PASS/SERVER_LOCAL */
static __always_inline enum xlvs_verdict xlvs_stay(struct xlvs_packet *p, struct xlvs_line *line)
{
	if (p->forward == XLVS_FORWARD_NAT) {
		xlvs_not_counted(p, line);
		xlvs_mark_again(p);
	}
	return xlvs_pass(p, XLVS_REASON_SERVER_LOCAL);
}

/* Too big for the way out. The error quotes the packet with one hop taken, as
 * the kernel's does. A packet that may be cut starts again on the slow path,
 * which counts it there.
 * mtu      what would have fitted, bytes
 * returns  DROP/TOO_BIG | PASS/CUT */
static __always_inline enum xlvs_verdict xlvs_too_big(struct xlvs_packet *p, struct xlvs_line *line, __u32 mtu)
{
	if (xlvs_may_be_cut(p)) {
		xlvs_not_counted(p, line);
		return xlvs_leave_to_cut(p);
	}
	if (xlvs_decrease_ttl(p) != XLVS_NEXT)
		return XLVS_PASS;
	p->mtu = mtu;
	return xlvs_drop(p, XLVS_REASON_TOO_BIG);
}

/* reads    p->server p->forward
 * writes   the server's line: traffic, next hop
 * returns  TX | REDIRECT | PASS/NEIGHBOUR | PASS/BY_HAND | PASS/CUT | PASS/SERVER_LOCAL | DROP with a reason
 * cost     two cache lines of the server; a FIB lookup twice a second */
static __always_inline enum xlvs_verdict xlvs_forward(struct xlvs_packet *p)
{
	struct xlvs_line *line = xlvs_get_line(p->server);
	struct xlvs_server *s = xlvs_get_server(p->server);
	struct xlvs_route *route = NULL;
	enum xlvs_verdict v;
	__u32 grow = 0, mtu;
	bool by_hand = false;

	if (!line || !s)
		return xlvs_drop(p, XLVS_REASON_NO_SERVER);
	line->counters.in_pkts++;
	line->counters.in_bytes += p->len;
	if (p->forward == XLVS_FORWARD_TUNNEL) {
		p->tun = xlvs_tunnel_of(s);
		grow = xlvs_tunnel_overhead(s, p->tun);
		by_hand = xlvs_sum_by_hand(p, p->tun);
	}
	mtu = line->nexthop.mtu;
	if (by_hand || !line->nexthop.valid || (__s32)(p->now - line->nexthop.expires) >= 0) {
		route = xlvs_get_route();
		if (!route)
			return xlvs_drop(p, XLVS_REASON_NO_ROUTE);
		v = xlvs_find_route(p, s, route);
		if (v != XLVS_NEXT)
			return route->here ? xlvs_stay(p, line) : v;
		mtu = route->hop.mtu;
		xlvs_keep_hop(p, line, route);
	}
	v = xlvs_check_ttl(p); /* behind the route: what stays here loses no hop */
	if (v != XLVS_NEXT)
		return v;
	if (p->len + grow > mtu && mtu)
		return xlvs_too_big(p, line, mtu - grow);
	if (grow && route && !xlvs_keep_macs(p, route))
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	v = xlvs_rewrite(p, s);
	if (v != XLVS_NEXT)
		return v;
	if (!by_hand && (!route || route->hop.valid))
		return xlvs_send(p, &line->nexthop);
	if (!route)
		return xlvs_drop(p, XLVS_REASON_NO_ROUTE); /* never: by_hand has asked for it */
	if (grow)
		xlvs_put_macs(p, route);
	if (by_hand)
		return xlvs_ask_slowpath(p, route, XLVS_META_F_SUM, XLVS_REASON_BY_HAND);
	return xlvs_ask_slowpath(p, route, 0, XLVS_REASON_NEIGHBOUR);
}

#endif
