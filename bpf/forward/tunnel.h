/* SPDX-License-Identifier: GPL-2.0-only */
/* Tunnels: an outer header of the server's family around the packet as it is (RFC 2003, RFC 2473, RFC 4213), for GUE
 * and GRE with a shim between the two. */
#ifndef XLVS_FORWARD_TUNNEL_H
#define XLVS_FORWARD_TUNNEL_H

#include <linux/udp.h>

#include "forward/direct.h"
#include "net/shim.h"

/* What the outer header takes from the inner one: type of service, time to
 * live and IPv4's Don't Fragment in one word, which costs the stack one place. */
static __always_inline __u32 xlvs_inner(__u8 tos, __u8 ttl, __be16 df)
{
	return tos | (__u32)ttl << 8 | (__u32)df << 16;
}
static __always_inline __u8 xlvs_inner_tos(__u32 inner)
{
	return (__u8)inner;
}
static __always_inline __u8 xlvs_inner_ttl(__u32 inner)
{
	return (__u8)(inner >> 8);
}
static __always_inline __be16 xlvs_inner_df(__u32 inner)
{
	return (__be16)(inner >> 16);
}

/* Type, flags and port of a server's tunnel in one load, so that an edit cannot come between them. */
static __always_inline __u32 xlvs_tunnel_of(const struct xlvs_server *s)
{
	return READ_ONCE(*(const __u32 *)&s->tun_type);
}

static __always_inline __u32 xlvs_tunnel_overhead(const struct xlvs_server *s, __u32 tun)
{
	return (s->family == XLVS_AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) + xlvs_shim_length(tun);
}

/* A tunnel with a checksum around a packet without one, or around SCTP, whose
 * own is of another kind: every byte must be summed, which the slow path does.
 * A packet's own checksum saves that. */
static __always_inline bool xlvs_sum_by_hand(const struct xlvs_packet *p, __u32 tun)
{
	struct udphdr *udp = xlvs_data(p) + sizeof(struct ethhdr) +
			     (p->family == XLVS_AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));

	if (!xlvs_shim_sums(tun) || p->proto == IPPROTO_TCP || (void *)(udp + 1) > xlvs_data_end(p))
		return false;
	return p->proto == IPPROTO_SCTP || !udp->check;
}

/* A transport checksum makes the words that it covers, pseudo header included,
 * add up to nothing. So does an IPv4 header's. What is left of the whole
 * packet's sum is in its addresses and lengths (RFC 1071; the kernel calls it
 * local checksum offload). A packet whose checksum is wrong gets a wrong one
 * outside as well, and is dropped where the tunnel ends. */
static __always_inline __u64 xlvs_inner_sum(const struct xlvs_packet *p, const void *inner)
{
	const struct ipv6hdr *ip6 = inner;
	const struct iphdr *ip4 = inner;
	const __u16 *word = inner;

	if (p->family == XLVS_AF_INET) {
		if ((void *)(ip4 + 1) > xlvs_data_end(p))
			return 0;
		return (__u64)(__u32)~ip4->saddr + (__u32)~ip4->daddr + (__u16)~bpf_htons(ip4->protocol) +
		       (__u16)~bpf_htons((__u16)(p->len - sizeof(*ip4)));
	}
	if ((void *)(ip6 + 1) > xlvs_data_end(p))
		return 0;
	return (__u64)word[0] + word[1] + word[2] + word[3] + (__u16)~bpf_htons(ip6->nexthdr) +
	       (__u16)~bpf_htons((__u16)(p->len - sizeof(*ip6)));
}

/* Decreases the inner TTL and reads what the outer header copies.
 * returns NEXT | PASS/TRUNCATED (never after parse) */
static __always_inline enum xlvs_verdict xlvs_tunnel_inner(struct xlvs_packet *p, __u32 *inner)
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
		*inner = xlvs_inner(ip->tos, ip->ttl, ip->frag_off & XLVS_IP4_DF);
	} else {
		struct ipv6hdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		*inner = xlvs_inner(xlvs_ip6_tos(ip), ip->hop_limit, 0);
	}
	return XLVS_NEXT;
}

static __always_inline __u8 xlvs_inner_proto(const struct xlvs_packet *p)
{
	return p->family == XLVS_AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static __always_inline void xlvs_outer4(struct iphdr *ip, const struct xlvs_server *s,
					__u32 inner, __u8 proto, __u32 len)
{
	__be16 id = xlvs_inner_df(inner) ? 0 : (__be16)bpf_get_prandom_u32(); /* may be fragmented: must differ (RFC 6864) */

	xlvs_ip4_build(ip, s->tun_src.word[0], s->addr.word[0], proto, xlvs_inner_tos(inner),
		       xlvs_inner_ttl(inner), xlvs_inner_df(inner), id, (__u16)(len + sizeof(*ip)));
}

/* What tells flows apart, read once more from the packet: hashes that stay in
 * registers until here would cost the stack more. */
static __always_inline __u64 xlvs_inner_flow(const struct xlvs_packet *p, const void *inner)
{
	const __u32 *word = inner;

	if (p->family == XLVS_AF_INET)
		return (void *)(word + 6) > xlvs_data_end(p) ? 0 : (__u64)word[3] << 32 | word[5];
	return (void *)(word + 11) > xlvs_data_end(p) ? 0 : ((__u64)word[5] << 32 | word[4]) ^ word[10];
}

/* GUE's shim. The source port is the flow's own, so that routers and network
 * cards spread flows, and keep one together. */
static __always_inline void xlvs_shim_gue(const struct xlvs_packet *p, struct xlvs_gue *gue,
					  const struct xlvs_server *s)
{
	__u32 len = p->len + sizeof(*gue);

	xlvs_gue_build(gue, xlvs_flow_port(xlvs_inner_flow(p, gue + 1)), xlvs_tunnel_port(p->tun), xlvs_inner_proto(p), (__u16)len);
	if (xlvs_shim_sums(p->tun))
		gue->udp.check = xlvs_udp_finish(xlvs_inner_sum(p, gue + 1) + xlvs_gue_sum(gue) +
						 xlvs_pseudo_sum(&s->tun_src, &s->addr, s->family, IPPROTO_UDP, len));
}

static __always_inline void xlvs_shim_gre(const struct xlvs_packet *p, struct xlvs_gre_sum *gre)
{
	gre->gre.flags = 0;
	gre->gre.proto = xlvs_ether_type(p->family);
	if (!xlvs_shim_sums(p->tun))
		return; /* four bytes are all of it */
	gre->gre.flags = XLVS_GRE_CSUM;
	gre->reserved = 0;
	gre->check = (__u16)~xlvs_csum_fold(xlvs_inner_sum(p, gre + 1) + gre->gre.flags + gre->gre.proto);
}

/* One growth of the head for outer header and shim, whose lengths are
 * variables: the branches only write to the frame, and the verifier goes on
 * from where they meet once.
 * reads    p->tun, the server's tunnel
 * returns  NEXT | DROP/HEADROOM */
static __always_inline enum xlvs_verdict xlvs_forward_tunnel(struct xlvs_packet *p, const struct xlvs_server *s)
{
	__u32 shim = xlvs_shim_length(p->tun), grow = xlvs_tunnel_overhead(s, p->tun);
	__u8 proto = shim ? xlvs_shim_proto(p->tun) : xlvs_inner_proto(p);
	__u32 inner = 0;
	enum xlvs_verdict v = xlvs_tunnel_inner(p, &inner);
	struct ethhdr *eth;
	void *outer, *behind;

	if (v != XLVS_NEXT)
		return v;
	if (bpf_xdp_adjust_head(p->ctx, -(int)grow))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	eth = xlvs_data(p);
	outer = eth + 1;
	behind = outer + sizeof(struct ipv6hdr); /* or in the inner header: the frame is long enough for either */
	if (behind > xlvs_data_end(p))
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	if (s->family == XLVS_AF_INET) {
		eth->h_proto = bpf_htons(ETH_P_IP);
		xlvs_outer4(outer, s, inner, proto, p->len + shim);
		behind = outer + sizeof(struct iphdr);
	} else {
		eth->h_proto = bpf_htons(ETH_P_IPV6);
		xlvs_ip6_build(outer, &s->tun_src, &s->addr, proto, xlvs_inner_tos(inner),
			       xlvs_inner_ttl(inner), 0, (__u16)(p->len + shim));
	}
	if (!shim)
		return XLVS_NEXT;
	if (behind + sizeof(struct xlvs_gue) > xlvs_data_end(p)) /* the longest */
		return xlvs_drop(p, XLVS_REASON_HEADROOM);
	if (proto == IPPROTO_UDP)
		xlvs_shim_gue(p, behind, s);
	else
		xlvs_shim_gre(p, behind);
	return XLVS_NEXT;
}

#endif
