/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 and IPv6 header mechanics: reading, time to live, building outer headers. */
#ifndef XLVS_NET_IP_H
#define XLVS_NET_IP_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>

#include "net/csum.h"
#include "net/eth.h"

#define XLVS_IP4_FRAGMENT bpf_htons(0x3fff) /* more fragments, or an offset */
#define XLVS_IP4_DF	  bpf_htons(0x4000)

static __always_inline bool xlvs_addr_equal(const struct xlvs_addr *a, const struct xlvs_addr *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

static __always_inline void xlvs_copy_addr6(struct xlvs_addr *to, const void *from)
{
	__builtin_memcpy(to, from, sizeof(*to));
}

/* TTL - 1 with the checksum of RFC 1141; the caller has seen that TTL > 1. */
static __always_inline void xlvs_ip4_decrease_ttl(struct iphdr *ip)
{
	__u32 check = ip->check;

	check += bpf_htons(0x0100);
	ip->check = (__u16)(check + (check >= 0xffff));
	ip->ttl--;
}

/* Type of service of either family's header. */
static __always_inline __u8 xlvs_ip6_tos(const struct ipv6hdr *ip)
{
	const __u8 *b = (const __u8 *)ip;

	return (__u8)(b[0] << 4 | b[1] >> 4);
}

/* Builds a minimal IPv4 header. len: total length in bytes. */
static __always_inline void xlvs_ip4_build(struct iphdr *ip, __be32 src, __be32 dst, __u8 proto, __u8 tos, __u8 ttl,
					   __be16 frag_off, __be16 id, __u16 len)
{
	__u64 sum;

	*(__u8 *)ip = 0x45;
	ip->tos = tos;
	ip->tot_len = bpf_htons(len);
	ip->id = id;
	ip->frag_off = frag_off;
	ip->ttl = ttl;
	ip->protocol = proto;
	sum = (__u64)bpf_htons(0x4500 | tos) + ip->tot_len + id + frag_off + bpf_htons((__u16)(ttl << 8 | proto)) +
	      src + dst;
	ip->check = (__u16)~xlvs_csum_fold(sum);
	ip->saddr = src;
	ip->daddr = dst;
}

/* Builds an IPv6 header. len: bytes behind it; flow: 20-bit label in host order. */
static __always_inline void xlvs_ip6_build(struct ipv6hdr *ip, const struct xlvs_addr *src,
					   const struct xlvs_addr *dst, __u8 proto, __u8 tos, __u8 hops, __u32 flow,
					   __u16 len)
{
	__be32 first = bpf_htonl(6u << 28 | (__u32)tos << 20 | (flow & 0xfffff));

	__builtin_memcpy(ip, &first, 4);
	ip->payload_len = bpf_htons(len);
	ip->nexthdr = proto;
	ip->hop_limit = hops;
	__builtin_memcpy(&ip->saddr, src, 16);
	__builtin_memcpy(&ip->daddr, dst, 16);
}

#endif
