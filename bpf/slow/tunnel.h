/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors about our tunnels: the packet inside the quoted one. */
#ifndef XLVS_SLOW_TUNNEL_H
#define XLVS_SLOW_TUNNEL_H

#include "net/ip.h"
#include "net/shim.h"
#include "slow/case.h"

/* Where the inner packet starts behind the shim at `at`, or 0: no tunnel of the kinds that we build.
 * writes   inner_family tunnel_port */
static __always_inline __u32 xlvs_behind_shim(struct __sk_buff *skb, struct xlvs_case *c, __u32 at)
{
	struct xlvs_gue gue;
	struct xlvs_gre gre;
	__u8 inner = c->proto;

	if (c->proto == IPPROTO_UDP) {
		if (bpf_skb_load_bytes(skb, at, &gue, sizeof(gue)) || gue.version || gue.flags)
			return 0;
		c->tunnel_port = gue.udp.dest;
		inner = gue.proto;
		at += sizeof(gue);
	} else if (c->proto == IPPROTO_GRE) {
		if (bpf_skb_load_bytes(skb, at, &gre, sizeof(gre)) || gre.flags & ~XLVS_GRE_CSUM)
			return 0;
		inner = gre.proto == bpf_htons(ETH_P_IP) ? IPPROTO_IPIP : gre.proto == bpf_htons(ETH_P_IPV6) ? IPPROTO_IPV6 : 0;
		at += gre.flags ? sizeof(struct xlvs_gre_sum) : sizeof(gre);
	}
	c->inner_family = inner == IPPROTO_IPIP ? XLVS_AF_INET : XLVS_AF_INET6;
	return inner == IPPROTO_IPIP || inner == IPPROTO_IPV6 ? at : 0;
}

/* Addresses of the inner packet, the client's.  returns where its ports are, or 0 */
static __always_inline __u32 xlvs_read_inner(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct ipv6hdr ip6;
	struct iphdr ip4;

	if (c->inner_family == XLVS_AF_INET) {
		if (bpf_skb_load_bytes(skb, c->inner, &ip4, sizeof(ip4)) || ip4.version != 4 || ip4.ihl < 5 ||
		    ip4.frag_off & bpf_htons(0x1fff))
			return 0;
		c->saddr = (struct xlvs_addr){ .word = { ip4.saddr } };
		c->daddr = (struct xlvs_addr){ .word = { ip4.daddr } };
		c->proto = ip4.protocol;
		return c->inner + (*(__u8 *)&ip4 & 15) * 4;
	}
	if (bpf_skb_load_bytes(skb, c->inner, &ip6, sizeof(ip6)) || ip6.version != 6)
		return 0;
	__builtin_memcpy(&c->saddr, &ip6.saddr, sizeof(c->saddr));
	__builtin_memcpy(&c->daddr, &ip6.daddr, sizeof(c->daddr));
	c->proto = ip6.nexthdr;
	return c->inner + sizeof(ip6);
}

/* reads    the case as it is when the quoted header was read
 * writes   inner and what belongs to it; if that is not 0, proto saddr daddr sport dport of the packet inside
 * returns  whether the quoted packet may be in a tunnel of ours */
static __noinline int xlvs_read_tunnel(struct __sk_buff *skb, struct xlvs_case *c)
{
	const struct xlvs_addr saddr = c->saddr, daddr = c->daddr;
	const __u8 proto = c->proto;
	__be16 ports[2];
	__u32 at;

	if (proto != IPPROTO_IPIP && proto != IPPROTO_IPV6 && proto != IPPROTO_GRE && proto != IPPROTO_UDP)
		return 0;
	c->inner = xlvs_behind_shim(skb, c, c->quoted_l4);
	if (!c->inner)
		return 0;
	at = xlvs_read_inner(skb, c);
	if (at && at + sizeof(ports) <= XLVS_IP_AT + c->len && !bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) &&
	    xlvs_is_balanced(c->proto)) {
		c->tunnel = saddr; /* turned round: whom the quoted packet was sent to */
		c->outer_proto = proto;
		c->sport = ports[0];
		c->dport = ports[1];
		return 1;
	}
	c->inner = 0;
	c->saddr = saddr;
	c->daddr = daddr;
	c->proto = proto;
	return 0;
}

/* Does the connection that was found go through this tunnel? */
static __always_inline bool xlvs_is_our_tunnel(const struct xlvs_case *c)
{
	const struct xlvs_server *s = xlvs_get_server(c->server);
	__u8 wanted = XLVS_TUNNEL_IPIP;

	if (c->outer_proto == IPPROTO_UDP)
		wanted = XLVS_TUNNEL_GUE;
	else if (c->outer_proto == IPPROTO_GRE)
		wanted = XLVS_TUNNEL_GRE;
	if (!s || s->tun_type != wanted || c->dir != XLVS_DIR_INPUT || c->forward != XLVS_FORWARD_TUNNEL || s->family != c->family ||
	    !xlvs_addr_equal(&s->addr, &c->tunnel))
		return false;
	return wanted != XLVS_TUNNEL_GUE || c->tunnel_port == s->tun_port;
}

#endif
