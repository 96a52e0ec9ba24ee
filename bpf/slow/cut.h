/* SPDX-License-Identifier: GPL-2.0-only */
/* A finished IPv4 packet that is too big for its way, cut into fragments (RFC 791, 3.2). */
#ifndef XLVS_SLOW_CUT_H
#define XLVS_SLOW_CUT_H

#include "net/ip.h"
#include "slow/order.h"
#include "slow/sum.h"

#define XLVS_CUT_BYTES 4096 /* the longest packet to cut: above what native XDP without multi-buffer takes */
#define XLVS_CUT_PIECES 8
#define XLVS_CUT_LEAST	64 /* bytes of the last one */

/* Header of the fragment that starts `at` bytes into the payload and has n. whole: the header as it was. */
static __always_inline bool xlvs_cut_header(struct __sk_buff *skb, const struct iphdr *whole, __u32 at, __u32 n,
					    bool last)
{
	__u16 fragment = bpf_ntohs(whole->frag_off);
	struct iphdr ip = *whole;

	fragment = (fragment & 0xe000) | ((fragment & 0x1fff) + (at >> 3));
	if (!last)
		fragment |= 0x2000;
	xlvs_ip4_build(&ip, whole->saddr, whole->daddr, whole->protocol, whole->tos, whole->ttl, bpf_htons(fragment),
		       whole->id, (__u16)(sizeof(ip) + n));
	return !bpf_skb_store_bytes(skb, XLVS_IP_AT, &ip, sizeof(ip), 0);
}

/* Puts n bytes of the scratch behind the header. */
static __always_inline bool xlvs_cut_body(struct __sk_buff *skb, struct xlvs_scratch *s, __u32 at, __u32 n)
{
	if (bpf_skb_change_tail(skb, XLVS_IP_AT + sizeof(struct iphdr) + n, 0))
		return false;
	asm volatile("" : "+r"(at));
	at &= XLVS_CUT_BYTES - 1;
	return !bpf_skb_store_bytes(skb, XLVS_IP_AT + sizeof(struct iphdr), s->byte + at,
				    xlvs_bounded(n, XLVS_CUT_BYTES), 0);
}

/* Sends all fragments but the last, which is left in skb. The next hop is the
 * one in xlvs_routes, whose address the kernel knows: it has told the MTU.
 * returns  whether the last one may go */
static __noinline int xlvs_cut(struct __sk_buff *skb, __u32 mtu)
{
	struct xlvs_scratch *s = xlvs_get_scratch();
	struct xlvs_route *route = xlvs_get_route();
	__u32 piece = (mtu - sizeof(struct iphdr)) & ~7u, total, at = 0;
	struct iphdr whole;
	__u8 macs[12];

	if (!s || !route || bpf_skb_load_bytes(skb, XLVS_IP_AT, &whole, sizeof(whole)))
		return 0;
	total = bpf_ntohs(whole.tot_len) - sizeof(whole);
	/* options would have to be sorted by who is to see them: nobody sends such packets */
	if (*(__u8 *)&whole != 0x45 || mtu < 576 || total - 1 >= XLVS_CUT_BYTES ||
	    bpf_skb_load_bytes(skb, XLVS_IP_AT + sizeof(whole), s->byte, xlvs_bounded(total, XLVS_CUT_BYTES)))
		return 0;
	/* a short last one would be cut off before the transport header that the kernel thinks is there */
	if (total % piece < XLVS_CUT_LEAST)
		piece -= XLVS_CUT_LEAST;
	__builtin_memcpy(macs, route->hop.dmac, 6);
	__builtin_memcpy(macs + 6, route->hop.smac, 6);
	if (bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0))
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < XLVS_CUT_PIECES; i++) {
		const bool last = total - at <= piece;
		__u32 n = last ? total - at : piece;

		if (!xlvs_cut_body(skb, s, at, n) ||
		    !xlvs_cut_header(skb, &whole, at, n, last && !(whole.frag_off & bpf_htons(0x2000))))
			return 0;
		if (last)
			return 1;
		if (bpf_clone_redirect(skb, route->hop.ifindex, 0))
			return 0;
		at += piece;
	}
	return 0;
}

#endif
