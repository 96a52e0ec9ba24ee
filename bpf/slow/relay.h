/* SPDX-License-Identifier: GPL-2.0-only */
/* An ICMP error about one of our tunnels, relayed: the client is told about its own packet (RFC 2003, 4; RFC 2473, 8). */
#ifndef XLVS_SLOW_RELAY_H
#define XLVS_SLOW_RELAY_H

#include "forward/tunnel.h"
#include "slow/icmp.h"
#include "slow/order.h"

/* What a router says fits: remembered for the packets to come, and less the tunnel's headers for the client. */
static __always_inline __u32 xlvs_learn_pmtu(struct __sk_buff *skb, const struct xlvs_case *c, struct xlvs_server *s,
					     __u32 mtu)
{
	const __u32 least = c->family == XLVS_AF_INET ? XLVS_PMTU_MIN4 : XLVS_PMTU_MIN6;
	struct xlvs_route *route = xlvs_get_route();
	struct xlvs_addr end = c->tunnel;
	bool known = s->pmtu && (__s32)(c->now - s->pmtu_until) < 0;

	if (mtu < least)
		mtu = least;
	if (known && s->pmtu < mtu) {
		mtu = s->pmtu;
	} else if (mtu < 0xffff) {
		WRITE_ONCE(s->pmtu_until, c->now + xlvs_seconds_to_ticks(XLVS_PMTU_S));
		WRITE_ONCE(s->pmtu, (__u16)mtu);
	}
	if (route && xlvs_ask_fib(skb, skb->ifindex, c->family, NULL, &end, route) == XLVS_REASON_FORWARDED &&
	    route->hop.mtu && route->hop.mtu < mtu)
		mtu = route->hop.mtu;
	return mtu - xlvs_tunnel_overhead(s, xlvs_tunnel_of(s));
}

/* Type and code in the client's family; what has no counterpart is "host unreachable". */
static __always_inline __u32 xlvs_relayed_type(const struct xlvs_case *c, const struct xlvs_icmp *icmp, bool narrow)
{
	const bool v4 = c->inner_family == XLVS_AF_INET;

	if (c->family == c->inner_family)
		return (__u32)icmp->type << 8 | icmp->code;
	if (narrow)
		return v4 ? XLVS_ICMP4_FRAGMENTATION : XLVS_ICMP6_PACKET_TOO_BIG;
	if (icmp->type == (v4 ? XLVS_ICMP6_TIME_EXCEEDED : XLVS_ICMP4_TIME_EXCEEDED) >> 8)
		return v4 ? XLVS_ICMP4_TIME_EXCEEDED : XLVS_ICMP6_TIME_EXCEEDED;
	return v4 ? XLVS_ICMP4_HOST_UNREACHABLE : XLVS_ICMP6_ADDRESS_UNREACHABLE;
}

/* Leaves of the error the packet in the tunnel, as far as it was quoted, and orders an error about that.
 * returns  ORDER | SHOT: nothing to be said */
static __noinline int xlvs_relay(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct xlvs_server *s = xlvs_get_server(c->server);
	__be16 type = xlvs_ether_type(c->inner_family);
	struct xlvs_icmp icmp;
	__u32 type_code, info;
	bool narrow;

	if (!s || bpf_skb_load_bytes(skb, c->l4, &icmp, sizeof(icmp)))
		return TC_ACT_SHOT;
	if (!xlvs_icmp_sound(skb, c))
		return xlvs_slow_drop(XLVS_REASON_MALFORMED);
	narrow = c->family == XLVS_AF_INET ? icmp.type == 3 && icmp.code == 4 : icmp.type == 2;
	type_code = xlvs_relayed_type(c, &icmp, narrow);
	info = (__u32)bpf_ntohs(icmp.info[0]) << 16 | bpf_ntohs(icmp.info[1]);
	if (narrow) {
		info = xlvs_learn_pmtu(skb, c, s, c->family == XLVS_AF_INET ? info & 0xffff : info);
		if (c->family == XLVS_AF_INET && !c->tunnel_df)
			return TC_ACT_SHOT; /* what may be cut on its way need not be smaller */
	}
	if (!xlvs_icmp_allowed(c->now) || bpf_skb_change_tail(skb, XLVS_IP_AT + c->len, 0) ||
	    bpf_skb_adjust_room(skb, -(__s32)(c->inner - XLVS_IP_AT), BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0) ||
	    bpf_skb_pull_data(skb, 0))
		return TC_ACT_SHOT;
	c->order.kind = XLVS_META_ERROR;
	c->order.family = c->inner_family;
	c->order.type_code = type_code;
	c->order.info = info;
	c->order.server = c->server;
	c->order.flags = XLVS_META_F_ROUTED;
	return XLVS_SLOW_ORDER;
}

#endif
