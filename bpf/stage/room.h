/* SPDX-License-Identifier: GPL-2.0-only */
/* Room in a full bucket: one of its connections moves to its other bucket. */
#ifndef XLVS_STAGE_ROOM_H
#define XLVS_STAGE_ROOM_H

#include "stage/count.h"

static __always_inline struct xlvs_conn *xlvs_way(const int family, __u32 bucket, __u32 way)
{
	asm volatile("" : "+r"(way)); /* keeps the mask below, which the verifier wants to see */
	if (family == XLVS_AF_INET) {
		struct xlvs_bucket4 *b = bpf_map_lookup_elem(&xlvs_conns4, &bucket);

		return b ? &b->way[way & (XLVS_CONN_WAYS - 1)].c : NULL;
	} else {
		struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);

		return b ? &b->way[way & (XLVS_CONN_WAYS - 1)].c : NULL;
	}
}

static __always_inline __u32 xlvs_family_buckets(const int family)
{
	return family == XLVS_AF_INET ? xlvs_limits.buckets4 : xlvs_limits.buckets6;
}

/* The other bucket of an entry that lives in `bucket`. */
static __always_inline __u32 xlvs_other_bucket(const int family, const struct xlvs_conn *c, __u32 meta, __u32 bucket)
{
	__u32 n = xlvs_family_buckets(family), first;
	struct xlvs_addr caddr = {};
	__be16 cport;
	__u64 hash;

	if (family == XLVS_AF_INET) {
		caddr.word[0] = ((const struct xlvs_conn4 *)c)->caddr;
		cport = ((const struct xlvs_conn4 *)c)->cport;
	} else {
		caddr = ((const struct xlvs_conn6 *)c)->caddr;
		cport = ((const struct xlvs_conn6 *)c)->cport;
	}
	hash = xlvs_hash_conn(&caddr, cport, XLVS_CONN_PROTO(meta), family, xlvs_limits.seed);
	first = xlvs_conn_first(hash, n);
	return first == bucket ? xlvs_conn_second(hash, n) : first;
}

/* Claims a slot that holds no connection.  Returns its meta, BUSY, or 0. */
static __always_inline __u32 xlvs_claim_free(struct xlvs_conn *c)
{
	__u32 seen = READ_ONCE(c->meta), busy;

	if (seen & (XLVS_CONN_F_LIVE | XLVS_CONN_F_BUSY))
		return 0;
	busy = ((seen & XLVS_CONN_SEQ_MASK) + XLVS_CONN_SEQ_STEP) | XLVS_CONN_F_BUSY;
	return __sync_val_compare_and_swap(&c->meta, seen, busy) == seen ? busy : 0;
}

static __always_inline void xlvs_copy_entry(const int family, struct xlvs_conn *to, const struct xlvs_conn *from)
{
	to->expires = from->expires;
	to->server = from->server;
	to->control = from->control;
	to->packets = from->packets;
	if (family == XLVS_AF_INET) {
		struct xlvs_conn4 *t = (struct xlvs_conn4 *)to;
		const struct xlvs_conn4 *f = (const struct xlvs_conn4 *)from;

		t->cport = f->cport;
		t->vport = f->vport;
		t->caddr = f->caddr;
		t->vaddr = f->vaddr;
	} else {
		struct xlvs_conn6 *t = (struct xlvs_conn6 *)to;
		const struct xlvs_conn6 *f = (const struct xlvs_conn6 *)from;

		t->cport = f->cport;
		t->vport = f->vport;
		t->caddr = f->caddr;
		t->vaddr = f->vaddr;
	}
}

/* Moves one connection to a slot we hold. While it moves, it is BUSY and LIVE
 * in its old slot: packets still find it there, and nobody changes or removes
 * it. Returns whether the old slot is now ours, BUSY and empty. */
static __always_inline bool xlvs_move(const int family, struct xlvs_conn *from, __u32 meta, struct xlvs_conn *to,
				      __u32 held)
{
	__u32 frozen = meta | XLVS_CONN_F_BUSY;

	if (__sync_val_compare_and_swap(&from->meta, meta, frozen) != meta) {
		WRITE_ONCE(to->meta, held & XLVS_CONN_SEQ_MASK);
		return false;
	}
	xlvs_copy_entry(family, to, from);
	__sync_lock_test_and_set(&to->meta, (meta & ~XLVS_CONN_SEQ_MASK) | (held & XLVS_CONN_SEQ_MASK));
	__sync_lock_test_and_set(&from->meta,
				 ((meta & XLVS_CONN_SEQ_MASK) + XLVS_CONN_SEQ_STEP) | XLVS_CONN_F_BUSY);
	return true;
}

/* Tries to move each connection of a full bucket to its other bucket.
 * Returns the way that is now ours, BUSY and empty, or XLVS_CONN_WAYS. */
static __always_inline __u32 xlvs_make_room(const int family, __u32 bucket)
{
	for (__u32 i = 0; i < XLVS_CONN_WAYS; i++) {
		struct xlvs_conn *from = xlvs_way(family, bucket, i);
		__u32 meta, other;

		if (!from)
			break;
		meta = READ_ONCE(from->meta);
		/* a template is found by another hash */
		if ((meta & (XLVS_CONN_F_LIVE | XLVS_CONN_F_BUSY | XLVS_CONN_F_TEMPLATE)) != XLVS_CONN_F_LIVE)
			continue;
		other = xlvs_other_bucket(family, from, meta, bucket);
		for (__u32 j = 0; j < XLVS_CONN_WAYS && other != bucket; j++) {
			struct xlvs_conn *to = xlvs_way(family, other, j);
			__u32 held = to ? xlvs_claim_free(to) : 0;

			if (!held)
				continue;
			if (xlvs_move(family, from, meta, to, held))
				return i;
			break;
		}
	}
	return XLVS_CONN_WAYS;
}

__noinline __u32 xlvs_make_room4(__u32 bucket)
{
	return xlvs_make_room(XLVS_AF_INET, bucket);
}
__noinline __u32 xlvs_make_room6(__u32 bucket)
{
	return xlvs_make_room(XLVS_AF_INET6, bucket);
}

#endif
