/* SPDX-License-Identifier: GPL-2.0-only */
/* IPIP: an outer header of the server's family around the packet as it is (RFC 2003, RFC 2473, RFC 4213). */
#ifndef XLVS_FORWARD_TUNNEL_H
#define XLVS_FORWARD_TUNNEL_H

#include "forward/direct.h"

/* What the outer header takes from the inner one. */
struct xlvs_inner {
	__u8 tos, ttl;
	__be16 df; /* IPv4's Don't Fragment, else 0 */
};

static __always_inline __u32 xlvs_tunnel_overhead(const struct xlvs_server *s)
{
	return s->family == XLVS_AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Decreases the inner TTL and reads what the outer header copies.
 * returns NEXT | PASS/TRUNCATED (never after parse) */
static __always_inline enum xlvs_verdict xlvs_tunnel_inner(struct xlvs_packet *p, struct xlvs_inner *inner)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p);

	if (xlvs_decrease_ttl(p) != XLVS_NEXT)
		return XLVS_PASS;
	data = xlvs_data(p);
	end = xlvs_data_end(p);
	if (p->family == XLVS_AF_INET) {
		struct iphdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		inner->tos = ip->tos;
		inner->ttl = ip->ttl;
		inner->df = ip->frag_off & XLVS_IP4_DF;
	} else {
		struct ipv6hdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		inner->tos = xlvs_ip6_tos(ip);
		inner->ttl = ip->hop_limit;
		inner->df = 0;
	}
	return XLVS_NEXT;
}

static __always_inline enum xlvs_verdict xlvs_encap4(struct xlvs_packet *p, const struct xlvs_server *s,
						     const struct xlvs_inner *inner)
{
	struct ethhdr *eth;
	struct iphdr *ip;
	__be16 id = 0;
	__u8 proto = p->family == XLVS_AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;

	if (bpf_xdp_adjust_head(p->ctx, -(int)sizeof(*ip)))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	eth = xlvs_data(p);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > xlvs_data_end(p))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	eth->h_proto = bpf_htons(ETH_P_IP);
	if (!inner->df)
		id = (__be16)bpf_get_prandom_u32(); /* may be fragmented: must differ (RFC 6864) */
	xlvs_ip4_build(ip, s->tun_src.word[0], s->addr.word[0], proto, inner->tos, inner->ttl, inner->df, id,
		       (__u16)(p->len + sizeof(*ip)));
	return XLVS_NEXT;
}

static __always_inline enum xlvs_verdict xlvs_encap6(struct xlvs_packet *p, const struct xlvs_server *s,
						     const struct xlvs_inner *inner)
{
	struct ethhdr *eth;
	struct ipv6hdr *ip;
	__u8 proto = p->family == XLVS_AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;

	if (bpf_xdp_adjust_head(p->ctx, -(int)sizeof(*ip)))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	eth = xlvs_data(p);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > xlvs_data_end(p))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	xlvs_ip6_build(ip, &s->tun_src, &s->addr, proto, inner->tos, inner->ttl, 0, (__u16)p->len);
	return XLVS_NEXT;
}

/* returns NEXT | DROP/HEADROOM */
static __always_inline enum xlvs_verdict xlvs_forward_tunnel(struct xlvs_packet *p, const struct xlvs_server *s)
{
	struct xlvs_inner inner = {};
	enum xlvs_verdict v = xlvs_tunnel_inner(p, &inner);

	if (v != XLVS_NEXT)
		return v;
	return s->family == XLVS_AF_INET ? xlvs_encap4(p, s, &inner) : xlvs_encap6(p, s, &inner);
}

#endif
