/* SPDX-License-Identifier: GPL-2.0-only */
/* The checksum of a tunnel's shim, over every byte that it covers. */
#ifndef XLVS_SLOW_SUM_H
#define XLVS_SLOW_SUM_H

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "config.h"
#include "net/shim.h"

#define XLVS_SUM_CHUNK 512 /* what bpf_csum_diff() takes at once */

/* Bytes of the packet in hand.  Writer, reader: the functions of slow/, one packet at a time. */
struct xlvs_scratch {
	__u8 byte[XLVS_SLOW_PACKET + 4];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_scratch);
} xlvs_scratch SEC(".maps");

static __always_inline struct xlvs_scratch *xlvs_get_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&xlvs_scratch, &zero);
}

/* n itself, from 1 to a power of two, in a form in which the verifier of Linux 6.1 sees both bounds. */
static __always_inline __u32 xlvs_bounded(__u32 n, const __u32 most)
{
	n--;
	asm volatile("" : "+r"(n));
	n &= most - 1;
	asm volatile("" : "+r"(n));
	return n + 1;
}

/* The sum of the 16-bit words of the first len bytes of the scratch. A global
 * function: the verifier walks its loop once, whoever calls. */
__noinline __u32 xlvs_sum_scratch(__u32 len)
{
	struct xlvs_scratch *s = xlvs_get_scratch();
	__u32 sum = 0;

	if (!s)
		return 0;
	for (__u32 i = 0; i < XLVS_SLOW_PACKET / XLVS_SUM_CHUNK && len; i++) {
		__u32 n = len < XLVS_SUM_CHUNK ? len : XLVS_SUM_CHUNK;

		sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(s->byte + i * XLVS_SUM_CHUNK),
					   xlvs_bounded((n + 3) & ~3u, XLVS_SUM_CHUNK), sum);
		len -= n;
	}
	return sum;
}

/* The sum of the 16-bit words of len bytes from `from` on. Of more than
 * XLVS_SLOW_PACKET bytes it is wrong: such a frame is no packet of ours. */
static __noinline __u32 xlvs_sum_bytes(struct __sk_buff *skb, __u32 from, __u32 len)
{
	struct xlvs_scratch *s = xlvs_get_scratch();
	__u32 n = xlvs_bounded(len, XLVS_SLOW_PACKET);

	if (!s || bpf_skb_load_bytes(skb, from, s->byte, n))
		return 0;
	s->byte[n] = s->byte[n + 1] = s->byte[n + 2] = 0;
	return xlvs_sum_scratch(n);
}

/* Puts the right checksum, whatever stands there, into the GUE or GRE header behind the outer IP header.
 * returns  whether there was one to fill in */
static __always_inline bool xlvs_fill_sum(struct __sk_buff *skb)
{
	const __u32 ip_at = sizeof(struct ethhdr);
	struct xlvs_addr src = {}, dst = {};
	struct ipv6hdr ip6;
	struct iphdr ip4;
	__u32 at, len, check_at;
	__u16 check = 0;
	__u64 sum = 0;
	__u8 proto;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, ip_at, &ip4, sizeof(ip4)))
			return false;
		at = ip_at + sizeof(ip4);
		len = bpf_ntohs(ip4.tot_len) - sizeof(ip4);
		proto = ip4.protocol;
		src.word[0] = ip4.saddr;
		dst.word[0] = ip4.daddr;
		if (proto == IPPROTO_UDP)
			sum = xlvs_pseudo_sum(&src, &dst, XLVS_AF_INET, proto, len);
	} else {
		if (bpf_skb_load_bytes(skb, ip_at, &ip6, sizeof(ip6)))
			return false;
		at = ip_at + sizeof(ip6);
		len = bpf_ntohs(ip6.payload_len);
		proto = ip6.nexthdr;
		__builtin_memcpy(&src, &ip6.saddr, sizeof(src));
		__builtin_memcpy(&dst, &ip6.daddr, sizeof(dst));
		if (proto == IPPROTO_UDP)
			sum = xlvs_pseudo_sum(&src, &dst, XLVS_AF_INET6, proto, len);
	}
	check_at = at + (proto == IPPROTO_UDP ? offsetof(struct udphdr, check) : offsetof(struct xlvs_gre_sum, check));
	if (bpf_skb_store_bytes(skb, check_at, &check, sizeof(check), 0))
		return false;
	sum += xlvs_sum_bytes(skb, at, len);
	check = proto == IPPROTO_UDP ? xlvs_udp_finish(sum) : (__u16)~xlvs_csum_fold(sum);
	return !bpf_skb_store_bytes(skb, check_at, &check, sizeof(check), 0);
}

#endif
