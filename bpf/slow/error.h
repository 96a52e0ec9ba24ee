/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors to clients, made from the packet they are about (RFC 792, RFC 1812, RFC 4443). */
#ifndef XLVS_SLOW_ERROR_H
#define XLVS_SLOW_ERROR_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "config.h"
#include "maps.h"
#include "net/build.h"
#include "net/fib.h"
#include "net/icmp.h"
#include "slow/case.h"
#include "slow/sum.h"

#define XLVS_QUOTE4 (576 - sizeof(struct iphdr) - sizeof(struct xlvs_icmp))	 /* RFC 1812, 4.3.2.3 */
#define XLVS_QUOTE6 (1280 - sizeof(struct ipv6hdr) - sizeof(struct xlvs_icmp)) /* RFC 4443, 2.4 (c) */

/* What the error needs of the packet it is about. */
struct xlvs_subject {
	struct xlvs_addr src, dst;
	__u8 macs[12]; /* destination, source */
	__u32 quote;   /* bytes of it to send back */
	__u8 tos;      /* of the error */
};

static __always_inline bool xlvs_read_subject4(struct __sk_buff *skb, struct xlvs_subject *s)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 first;

	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return false;
	__builtin_memcpy(s->macs, eth, sizeof(s->macs));
	s->src.word[0] = ip->saddr;
	s->dst.word[0] = ip->daddr;
	s->tos = (ip->tos & 0x1e) | 0xc0; /* internetwork control, and the packet's own wishes (RFC 1812, 4.3.2.5) */
	s->quote = bpf_ntohs(ip->tot_len);
	if (s->quote > XLVS_QUOTE4)
		s->quote = XLVS_QUOTE4;
	/* never to a group, to this host, or to nobody (RFC 1122, 3.2.2) */
	first = bpf_ntohl(ip->saddr) >> 24;
	return first && first != 127 && first < 224;
}

static __always_inline bool xlvs_read_subject6(struct __sk_buff *skb, struct xlvs_subject *s)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct ipv6hdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return false;
	__builtin_memcpy(s->macs, eth, sizeof(s->macs));
	__builtin_memcpy(&s->src, &ip->saddr, sizeof(s->src));
	__builtin_memcpy(&s->dst, &ip->daddr, sizeof(s->dst));
	s->quote = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (s->quote > XLVS_QUOTE6)
		s->quote = XLVS_QUOTE6;
	return *(__u8 *)&s->src != 0xff && (s->src.word[0] | s->src.word[1] | s->src.word[2] | s->src.word[3]);
}

static __always_inline void xlvs_write_icmp(struct xlvs_icmp *icmp, const struct xlvs_meta *meta)
{
	icmp->type = (__u8)(meta->type_code >> 8);
	icmp->code = (__u8)meta->type_code;
	icmp->checksum = 0;
	icmp->info[0] = bpf_htons((__u16)(meta->info >> 16));
	icmp->info[1] = bpf_htons((__u16)meta->info);
}

/* The checksum of len bytes from the ICMP header on, in its place. */
static __always_inline bool xlvs_finish_icmp(struct __sk_buff *skb, __u32 at, __u32 len, __u64 sum)
{
	__u16 check = (__u16)~xlvs_csum_fold(sum + xlvs_sum_bytes(skb, at, len));

	return !bpf_skb_store_bytes(skb, at + offsetof(struct xlvs_icmp, checksum), &check, sizeof(check), 0);
}

/* Headers of an IPv4 error in front of its quote. */
static __always_inline bool xlvs_write_error4(struct __sk_buff *skb, const struct xlvs_meta *meta,
					      const struct xlvs_subject *s)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct xlvs_icmp *icmp = (void *)(ip + 1);

	if ((void *)(icmp + 1) > (void *)(long)skb->data_end)
		return false;
	xlvs_ip4_build(ip, s->dst.word[0], s->src.word[0], IPPROTO_ICMP, s->tos, XLVS_DEFAULT_TTL, 0,
		       (__be16)bpf_get_prandom_u32(), (__u16)(sizeof(*ip) + sizeof(*icmp) + s->quote));
	xlvs_write_icmp(icmp, meta);
	return xlvs_finish_icmp(skb, XLVS_IP_AT + sizeof(*ip), sizeof(*icmp) + s->quote, 0);
}

static __always_inline bool xlvs_write_error6(struct __sk_buff *skb, const struct xlvs_meta *meta,
					      const struct xlvs_subject *s)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct xlvs_icmp *icmp = (void *)(ip + 1);

	if ((void *)(icmp + 1) > (void *)(long)skb->data_end)
		return false;
	xlvs_ip6_build(ip, &s->dst, &s->src, IPPROTO_ICMPV6, 0, XLVS_DEFAULT_TTL, 0,
		       (__u16)(sizeof(*icmp) + s->quote));
	xlvs_write_icmp(icmp, meta);
	return xlvs_finish_icmp(skb, XLVS_IP_AT + sizeof(*ip), sizeof(*icmp) + s->quote,
				xlvs_pseudo_sum(&s->src, &s->dst, XLVS_AF_INET6, IPPROTO_ICMPV6,
						sizeof(*icmp) + s->quote));
}

static __always_inline void xlvs_count_error(const struct xlvs_meta *meta, __u32 bytes)
{
	struct xlvs_line *line = xlvs_get_line(meta->server);

	if (!line)
		return;
	line->counters.out_pkts++;
	line->counters.out_bytes += bytes;
}

/* Sends a finished error by its own route: that is where the client is, not where the error came from. */
static __always_inline int xlvs_route_error(struct __sk_buff *skb, int family, const struct xlvs_subject *s)
{
	struct bpf_redir_neigh to = { .nh_family = (__u32)family };
	struct xlvs_addr src = s->dst, dst = s->src;
	struct xlvs_route *route = xlvs_get_route();

	if (!route || xlvs_ask_fib(skb, skb->ifindex, family, &src, &dst, route) != XLVS_REASON_FORWARDED)
		return TC_ACT_SHOT;
	to.nh_family = route->family;
	__builtin_memcpy(to.ipv6_nh, &route->gateway, sizeof(to.ipv6_nh));
	return (int)bpf_redirect_neigh(route->hop.ifindex, &to, sizeof(to), 0);
}

/* Turns the packet into an error about itself, from its destination to its
 * source, back where it came from or, when ROUTED, by its route.
 * returns  the TC action: REDIRECT, or SHOT when no error may be sent */
static __noinline int xlvs_send_error(struct __sk_buff *skb, const struct xlvs_meta *meta)
{
	const bool v4 = meta->family == XLVS_AF_INET;
	const __u32 grow = (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) + sizeof(struct xlvs_icmp);
	struct xlvs_subject s = {};
	__u64 room = BPF_F_ADJ_ROOM_NO_CSUM_RESET;
	__u8 back[12];

	if (!(v4 ? xlvs_read_subject4(skb, &s) : xlvs_read_subject6(skb, &s)) || s.macs[0] & 1)
		return TC_ACT_SHOT;
	if (s.quote > skb->len - sizeof(struct ethhdr)) /* relayed: the packet was cut short by who quoted it */
		s.quote = skb->len - sizeof(struct ethhdr);
	if (skb->protocol != xlvs_ether_type(meta->family)) /* sets it */
		room |= v4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	if (bpf_skb_change_tail(skb, sizeof(struct ethhdr) + s.quote, 0) ||
	    bpf_skb_adjust_room(skb, (__s32)grow, BPF_ADJ_ROOM_MAC, room) ||
	    bpf_skb_pull_data(skb, 0))
		return TC_ACT_SHOT;
	if (!(v4 ? xlvs_write_error4(skb, meta, &s) : xlvs_write_error6(skb, meta, &s)))
		return TC_ACT_SHOT;
	__builtin_memcpy(back, s.macs + 6, 6);
	__builtin_memcpy(back + 6, s.macs, 6);
	if (bpf_skb_store_bytes(skb, 0, back, sizeof(back), 0))
		return TC_ACT_SHOT;
	xlvs_count_error(meta, grow + s.quote);
	if (meta->flags & XLVS_META_F_ROUTED)
		return xlvs_route_error(skb, meta->family, &s);
	return (int)bpf_redirect(skb->ifindex, 0);
}

#endif
