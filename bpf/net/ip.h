/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 and IPv6 header mechanics: reading and time to live. */
#ifndef XLVS_NET_IP_H
#define XLVS_NET_IP_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>

#include "net/build.h"
#include "net/csum.h"
#include "net/eth.h"

#define XLVS_IP4_FRAGMENT bpf_htons(0x3fff) /* more fragments, or an offset */
#define XLVS_IP4_DF	  bpf_htons(0x4000)

static __always_inline bool xlvs_addr_equal(const struct xlvs_addr *a, const struct xlvs_addr *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

/* Two loads: of memory that may not be aligned the compiler would copy each byte by itself, and hold all of them. */
static __always_inline void xlvs_copy_addr6(struct xlvs_addr *to, const void *from)
{
	const __u64 *word = from;

	((__u64 *)to)[0] = word[0];
	((__u64 *)to)[1] = word[1];
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

#endif

