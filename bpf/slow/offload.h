/* SPDX-License-Identifier: GPL-2.0-only */
/* What the stack or the hardware is yet to do with a packet when it leaves: cut it into segments, make its checksum. */
#ifndef XLVS_SLOW_OFFLOAD_H
#define XLVS_SLOW_OFFLOAD_H

#include <linux/tcp.h>
#include <linux/udp.h>

#include "slow/case.h"
#include "slow/sum.h"

/* The checksum that is left open, as an order says. */
static __always_inline struct xlvs_open_sum xlvs_open_sum_of(const struct xlvs_meta *order)
{
	const struct xlvs_case *c = xlvs_get_case();
	struct xlvs_open_sum open = {};

	if (!c || !(order->flags & XLVS_META_F_UNFINISHED))
		return open;
	open.l4 = c->l4;
	open.check = c->proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check);
	return open;
}

#define XLVS_SHORTEN_BYTES 4080 /* at once: the kernel allows 4095 */
#define XLVS_SHORTEN_STEPS 4	/* from the longest jumbo frame to the shortest MTU */

/* A packet that a sender on this machine left unfinished, or that the stack put together of several: its checksum is
 * made when it leaves. The kernel does not say so, but lets the field be when a change is not to the pseudo header. */
static __noinline int xlvs_is_unfinished(struct __sk_buff *skb, __u32 check_at)
{
	__u16 before, after;

	if (bpf_skb_load_bytes(skb, check_at, &before, sizeof(before)) ||
	    bpf_l4_csum_replace(skb, check_at, 0, bpf_htons(1), sizeof(before)) ||
	    bpf_skb_load_bytes(skb, check_at, &after, sizeof(after)))
		return 0;
	return before == after || bpf_skb_store_bytes(skb, check_at, &before, sizeof(before), 0);
}

/* What the stack does with the packet when it leaves.  
 * header   bytes of the transport header;  check: where its checksum is
 * writes   unit unfinished */
static __always_inline void xlvs_walk_offloads(struct __sk_buff *skb, struct xlvs_case *c, __u32 header, __u32 check)
{
	if (c->part != XLVS_PART_WHOLE)
		return;
	if (skb->gso_size)
		c->unit = c->l4 - XLVS_IP_AT + header + skb->gso_size;
	c->unfinished = (__u8)xlvs_is_unfinished(skb, c->l4 + check);
}

/* TCP may be cut anywhere: segments that the stack makes at the end shall each be shorter by `excess`. The header's growth
 * and shrinking do that, for the kernel takes what it grows by from the segments.
 * returns  whether they are */
static __noinline int xlvs_shorten_segments(struct __sk_buff *skb, __u32 excess)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < XLVS_SHORTEN_STEPS && excess; i++) {
		__u32 step = excess < XLVS_SHORTEN_BYTES ? excess : XLVS_SHORTEN_BYTES;

		if (bpf_skb_adjust_room(skb, (__s32)step, BPF_ADJ_ROOM_MAC, 0) ||
		    bpf_skb_adjust_room(skb, -(__s32)step, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
			return 0;
		excess -= step;
	}
	return !excess;
}

#endif
