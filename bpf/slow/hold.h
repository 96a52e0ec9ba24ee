/* SPDX-License-Identifier: GPL-2.0-only */
/* Fragments that come before the first of their datagram: kept as they came, and received anew behind it. */
#ifndef XLVS_SLOW_HOLD_H
#define XLVS_SLOW_HOLD_H

#include "slow/fragment.h"
#include "slow/sum.h"

#define XLVS_HELD_MARK 0x786c7666u /* of a frame that was held: "xlvf" */

struct xlvs_held_key {
	struct xlvs_fragment_key datagram;
	__u32 piece;
	__u32 reserved;
};
static_assert(sizeof(struct xlvs_held_key) == 48, "hash key: no implicit padding");
struct xlvs_held {
	__u32 len; /* bytes of the frame */
	__u32 expires; /* tick */
	__u8 frame[XLVS_HELD_FRAME];
};
static_assert(sizeof(struct xlvs_held) <= XLVS_SLOW_PACKET, "is made in the scratch");

/* Frames that wait. Bounded: a flood of such fragments pushes out the oldest
 * ones, and nothing else.  Writer, reader: this file. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, XLVS_HELD_ROWS);
	__type(key, struct xlvs_held_key);
	__type(value, struct xlvs_held);
} xlvs_held SEC(".maps");

/* A number for one more piece of the datagram, or XLVS_HELD_PIECES: no more. */
static __always_inline __u32 xlvs_next_piece(const struct xlvs_case *c, const struct xlvs_fragment_key *key)
{
	struct xlvs_fragment waiting = {
		.expires = c->now + xlvs_seconds_to_ticks(XLVS_FRAGMENT_S),
		.server = XLVS_NO_ROW,
	};
	struct xlvs_fragment *f = bpf_map_lookup_elem(&xlvs_fragments, key);

	if (f && (__s32)(c->now - f->expires) > 0) {
		bpf_map_delete_elem(&xlvs_fragments, key);
		f = NULL;
	}
	if (!f) {
		bpf_map_update_elem(&xlvs_fragments, key, &waiting, BPF_NOEXIST);
		f = bpf_map_lookup_elem(&xlvs_fragments, key);
	}
	return f ? __sync_fetch_and_add(&f->held, 1) : XLVS_HELD_PIECES;
}

/* Keeps the frame.  returns  SHOT, with a reason | NEXT: the first one has come meanwhile, on another core */
static __noinline int xlvs_hold(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct xlvs_scratch *s = xlvs_get_scratch();
	struct xlvs_held_key key;
	struct xlvs_held *h;
	__u32 len = skb->len;

	xlvs_fragment_key(c, &key.datagram);
	key.reserved = 0;
	key.piece = xlvs_next_piece(c, &key.datagram);
	if (!s || len - 1 >= XLVS_HELD_FRAME || key.piece >= XLVS_HELD_PIECES)
		return xlvs_slow_drop(XLVS_REASON_FRAGMENT_EARLY);
	h = (struct xlvs_held *)s->byte;
	h->len = len;
	h->expires = c->now + xlvs_seconds_to_ticks(XLVS_FRAGMENT_S);
	if (bpf_skb_load_bytes(skb, 0, h->frame, xlvs_bounded(len, XLVS_HELD_FRAME)) ||
	    bpf_map_update_elem(&xlvs_held, &key, h, BPF_ANY))
		return xlvs_slow_drop(XLVS_REASON_FRAGMENT_EARLY);
	if (xlvs_recall_first(c) == XLVS_SLOW_NEXT && !bpf_map_delete_elem(&xlvs_held, &key))
		return XLVS_SLOW_NEXT;
	return xlvs_slow_drop(XLVS_REASON_FRAGMENT_HELD);
}

/* One held frame in the place of the packet, a copy of which the interface receives. */
static __always_inline void xlvs_receive_held(struct __sk_buff *skb, const struct xlvs_held_key *key, __u32 now)
{
	struct xlvs_held *h = bpf_map_lookup_elem(&xlvs_held, key);

	if (!h || (__s32)(now - h->expires) > 0 || h->len - 1 >= XLVS_HELD_FRAME)
		return;
	if (bpf_skb_change_tail(skb, h->len, 0) ||
	    bpf_skb_store_bytes(skb, 0, h->frame, xlvs_bounded(h->len, XLVS_HELD_FRAME), 0))
		return;
	if (!bpf_map_delete_elem(&xlvs_held, key)) /* else another core was first */
		bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
}

/* The first fragment is here, its way is known: whoever waited for it comes in
 * once more, marked, and finds that. The packet itself is put by meanwhile.
 * returns  whether it is whole again */
static __noinline int xlvs_receive_all(struct __sk_buff *skb, const struct xlvs_case *c)
{
	struct xlvs_scratch *s = xlvs_get_scratch();
	struct xlvs_held_key key;
	__u32 len = skb->len, mark = skb->mark;

	if (!s || len - 1 >= XLVS_SLOW_PACKET || bpf_skb_load_bytes(skb, 0, s->byte, xlvs_bounded(len, XLVS_SLOW_PACKET)))
		return 0;
	xlvs_fragment_key(c, &key.datagram);
	key.reserved = 0;
	skb->mark = XLVS_HELD_MARK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < XLVS_HELD_PIECES; i++) {
		key.piece = (__u32)i;
		xlvs_receive_held(skb, &key, c->now);
	}
	skb->mark = mark;
	return !bpf_skb_change_tail(skb, len, 0) &&
	       !bpf_skb_store_bytes(skb, 0, s->byte, xlvs_bounded(len, XLVS_SLOW_PACKET), 0);
}

#endif
