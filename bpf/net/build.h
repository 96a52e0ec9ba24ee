/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 and IPv6 headers of our own: around a tunnelled packet, in front of an error. */
#ifndef XLVS_NET_BUILD_H
#define XLVS_NET_BUILD_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "net/csum.h"

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
