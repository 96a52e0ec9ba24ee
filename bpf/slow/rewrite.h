/* SPDX-License-Identifier: GPL-2.0-only */
/* Rewriting on the slow path: one hop less, NAT at any offset, an outer header of any kind. */
#ifndef XLVS_SLOW_REWRITE_H
#define XLVS_SLOW_REWRITE_H

#include "forward/nat.h"
#include "net/icmp.h"
#include "net/ip.h"
#include "net/shim.h"
#include "slow/case.h"
#include "stage/connection.h"

/* What replaces what. */
struct xlvs_change {
	struct xlvs_addr from, to;
	__be16 from_port, to_port;
};

static __always_inline __u64 xlvs_addr_diff(const struct xlvs_change *w)
{
	__u64 diff = 0;

#pragma unroll
	for (int i = 0; i < 4; i++)
		diff += xlvs_csum_diff32(w->from.word[i], w->to.word[i]);
	return diff;
}

static __always_inline bool xlvs_load16(struct __sk_buff *skb, __u32 at, __u16 *v)
{
	return !bpf_skb_load_bytes(skb, at, v, sizeof(*v));
}
static __always_inline bool xlvs_store16(struct __sk_buff *skb, __u32 at, __u16 v)
{
	return !bpf_skb_store_bytes(skb, at, &v, sizeof(v), BPF_F_RECOMPUTE_CSUM);
}

/* Adds a difference to the checksum at that place. */
static __always_inline bool xlvs_fix_sum(struct __sk_buff *skb, __u32 at, __u64 diff)
{
	__u16 check;

	return xlvs_load16(skb, at, &check) && xlvs_store16(skb, at, xlvs_csum_update(check, diff));
}

static __always_inline bool xlvs_hop_less(struct __sk_buff *skb, const struct xlvs_case *c)
{
	__u16 word;

	if (c->family != XLVS_AF_INET) {
		__u8 hops = c->ttl - 1;

		return !bpf_skb_store_bytes(skb, XLVS_IP_AT + offsetof(struct ipv6hdr, hop_limit), &hops, 1,
					    BPF_F_RECOMPUTE_CSUM);
	}
	if (!xlvs_load16(skb, XLVS_IP_AT + offsetof(struct iphdr, ttl), &word))
		return false;
	return xlvs_store16(skb, XLVS_IP_AT + offsetof(struct iphdr, ttl), word - bpf_htons(0x0100)) &&
	       xlvs_fix_sum(skb, XLVS_IP_AT + offsetof(struct iphdr, check),
			    xlvs_csum_diff16(word, word - bpf_htons(0x0100)));
}

/* One address of the IP header at `ip`, its own checksum kept right. destination: that one, else the source */
static __always_inline bool xlvs_put_addr(struct __sk_buff *skb, const struct xlvs_case *c, __u32 ip, bool destination,
					  const struct xlvs_change *w)
{
	if (c->family != XLVS_AF_INET)
		return !bpf_skb_store_bytes(skb,
					    ip + (destination ? offsetof(struct ipv6hdr, daddr) :
								offsetof(struct ipv6hdr, saddr)),
					    &w->to, sizeof(w->to), BPF_F_RECOMPUTE_CSUM);
	return !bpf_skb_store_bytes(
		       skb, ip + (destination ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr)),
		       &w->to, sizeof(__be32), BPF_F_RECOMPUTE_CSUM) &&
	       xlvs_fix_sum(skb, ip + offsetof(struct iphdr, check), xlvs_addr_diff(w));
}

/* SCTP's port and checksum. The checksum covers the whole datagram, so that of a first fragment cannot be known: it may
 * pass if its port stays. */
static __always_inline bool xlvs_put_sctp_port(struct __sk_buff *skb, const struct xlvs_case *c, bool destination,
					       const struct xlvs_change *w)
{
	__u32 at = c->l4 + offsetof(struct xlvs_sctp, check), check;

	if (w->from_port == w->to_port)
		return true;
	if (c->part != XLVS_PART_WHOLE) {
		xlvs_count(XLVS_REASON_FRAGMENT_SUM);
		return false;
	}
	if (bpf_skb_load_bytes(skb, at, &check, sizeof(check)) ||
	    !xlvs_store16(skb, c->l4 + (destination ? 2 : 0), w->to_port))
		return false;
	check = xlvs_sctp_check(check, destination, w->from_port, w->to_port, XLVS_IP_AT + c->len - c->l4);
	return !bpf_skb_store_bytes(skb, at, &check, sizeof(check), BPF_F_RECOMPUTE_CSUM);
}

/* The same where the checksum may be unfinished, left to the device: the kernel knows whether it is. */
static __noinline int xlvs_put_leaving_port(struct __sk_buff *skb, const struct xlvs_case *c, __u32 at,
					    const struct xlvs_change *w)
{
	const __u64 none = c->proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	const __u32 words = c->family == XLVS_AF_INET ? 1 : 4;

#pragma unroll
	for (__u32 i = 0; i < 4; i++)
		if (i < words && bpf_l4_csum_replace(skb, at, w->from.word[i], w->to.word[i], BPF_F_PSEUDO_HDR | none | 4))
			return 0;
	return !bpf_l4_csum_replace(skb, at, w->from_port, w->to_port, none | 2) &&
	       !bpf_skb_store_bytes(skb, c->l4, &w->to_port, sizeof(w->to_port), 0);
}

/* The transport header's port and checksum. Later fragments have neither. */
static __always_inline bool xlvs_put_port(struct __sk_buff *skb, const struct xlvs_case *c, bool destination,
					  const struct xlvs_change *w)
{
	__u64 diff = xlvs_addr_diff(w) + xlvs_csum_diff16(w->from_port, w->to_port);
	__u32 at = c->l4 + (c->proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	__u16 check;

	if (c->part == XLVS_PART_LATER)
		return true;
	if (c->proto == IPPROTO_SCTP)
		return xlvs_put_sctp_port(skb, c, destination, w);
	if (c->leaves)
		return xlvs_put_leaving_port(skb, c, at, w);
	if (!xlvs_load16(skb, at, &check) || !xlvs_store16(skb, c->l4 + (destination ? 2 : 0), w->to_port))
		return false;
	if (c->proto == IPPROTO_UDP)
		xlvs_udp_csum(&check, diff);
	else
		check = xlvs_csum_update(check, diff);
	return xlvs_store16(skb, at, check);
}

/* The packet that an error quotes goes the other way: what is replaced in the
 * error's own header is replaced at the other end of the quote. The quote's
 * transport checksum stays, as the kernel leaves it: nobody can check it. */
static __always_inline bool xlvs_put_quote(struct __sk_buff *skb, const struct xlvs_case *c, bool destination,
					   const struct xlvs_change *w)
{
	__u64 diff = xlvs_csum_diff16(w->from_port, w->to_port);

	if (c->family != XLVS_AF_INET) /* IPv4's header keeps its sum */
		diff += xlvs_addr_diff(w);
	return xlvs_put_addr(skb, c, c->quoted, !destination, w) &&
	       xlvs_store16(skb, c->quoted_l4 + (destination ? 0 : 2), w->to_port) &&
	       xlvs_fix_sum(skb, c->l4 + offsetof(struct xlvs_icmp, checksum), diff);
}

/* NAT: destination (to the server) or source (back to the client) replaced.
 * returns  NEXT | SHOT */
static __noinline int xlvs_slow_translate(struct __sk_buff *skb, struct xlvs_case *c, const struct xlvs_server *s)
{
	const bool destination = c->dir == XLVS_DIR_INPUT;
	struct xlvs_change w = {};

	if (destination) {
		w.from = c->outer_daddr;
		w.to = s->addr;
		w.from_port = c->dport;
		w.to_port = xlvs_server_port(s, c->dport);
	} else {
		w.from = c->outer_saddr;
		w.to = c->vaddr;
		w.from_port = c->sport;
		w.to_port = c->vport;
	}
	if (!xlvs_put_addr(skb, c, XLVS_IP_AT, destination, &w))
		return TC_ACT_SHOT;
	if (!c->quoted)
		return xlvs_put_port(skb, c, destination, &w) ? XLVS_SLOW_NEXT : TC_ACT_SHOT;
	if (c->family != XLVS_AF_INET && /* the pseudo header */
	    !xlvs_fix_sum(skb, c->l4 + offsetof(struct xlvs_icmp, checksum), xlvs_addr_diff(&w)))
		return TC_ACT_SHOT;
	w.from = destination ? c->daddr : c->saddr;
	return xlvs_put_quote(skb, c, destination, &w) ? XLVS_SLOW_NEXT : TC_ACT_SHOT;
}

/* An outer header and its shim in front of the packet, the shim's checksum left open.
 * tun      the server's tunnel
 * returns  NEXT | SHOT */
static __noinline int xlvs_slow_encap(struct __sk_buff *skb, struct xlvs_case *c, const struct xlvs_server *s,
				      __u32 tun)
{
	struct {
		union {
			struct iphdr ip4;
			struct ipv6hdr ip6;
		};
	} outer = {};
	struct {
		union {
			struct xlvs_gue gue;
			struct xlvs_gre_sum gre;
		};
	} shim = {};
	const bool v4 = s->family == XLVS_AF_INET;
	const __u32 outer_len = v4 ? sizeof(outer.ip4) : sizeof(outer.ip6), shim_len = xlvs_shim_length(tun);
	const __u8 ttl = c->ttl - 1;
	const __u8 inner = c->family == XLVS_AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
	const __u8 proto = shim_len ? xlvs_shim_proto(tun) : inner;
	const __be16 type = xlvs_ether_type(s->family);
	__u64 room = 0;
	__u64 flow = (__u64)c->saddr.word[0] << 32 ^ c->saddr.word[3] ^ ((__u64)c->sport << 16 | c->dport);

	if (v4)
		xlvs_ip4_build(&outer.ip4, s->tun_src.word[0], s->addr.word[0], proto, c->tos, ttl,
			       c->df && c->family == XLVS_AF_INET ? XLVS_IP4_DF : 0, (__be16)bpf_get_prandom_u32(),
			       (__u16)(c->len + shim_len + sizeof(outer.ip4)));
	else
		xlvs_ip6_build(&outer.ip6, &s->tun_src, &s->addr, proto, c->tos, ttl, 0, (__u16)(c->len + shim_len));
	if (proto == IPPROTO_UDP) {
		xlvs_gue_build(&shim.gue, xlvs_flow_port(flow), xlvs_tunnel_port(tun), inner,
			       (__u16)(c->len + shim_len));
	} else {
		shim.gre.gre.flags = xlvs_shim_sums(tun) ? XLVS_GRE_CSUM : 0;
		shim.gre.gre.proto = xlvs_ether_type(c->family);
	}
	/* the flag sets skb->protocol, but it also marks the packet as a tunnel's,
	 * whose end then cannot be moved: slow/cut.h */
	if (s->family != c->family)
		room = v4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	if (bpf_skb_adjust_room(skb, (__s32)(outer_len + shim_len), BPF_ADJ_ROOM_MAC, room) ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0))
		return TC_ACT_SHOT;
	if (v4 ? bpf_skb_store_bytes(skb, XLVS_IP_AT, &outer, sizeof(outer.ip4), 0) :
		 bpf_skb_store_bytes(skb, XLVS_IP_AT, &outer, sizeof(outer.ip6), 0))
		return TC_ACT_SHOT;
	if (shim_len == sizeof(shim.gue) && bpf_skb_store_bytes(skb, XLVS_IP_AT + outer_len, &shim, sizeof(shim.gue), 0))
		return TC_ACT_SHOT;
	if (shim_len == sizeof(shim.gre) && bpf_skb_store_bytes(skb, XLVS_IP_AT + outer_len, &shim, sizeof(shim.gre), 0))
		return TC_ACT_SHOT;
	if (shim_len == sizeof(shim.gre.gre) &&
	    bpf_skb_store_bytes(skb, XLVS_IP_AT + outer_len, &shim, sizeof(shim.gre.gre), 0))
		return TC_ACT_SHOT;
	return XLVS_SLOW_NEXT;
}

#endif
