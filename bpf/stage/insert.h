/* SPDX-License-Identifier: GPL-2.0-only */
/* A new connection's place in the table: a free slot, an expired one, or one whose handshake never ended. */
#ifndef XLVS_STAGE_INSERT_H
#define XLVS_STAGE_INSERT_H

#include "config.h"
#include "stage/connection.h"
#include "stage/room.h"

/* How willingly a slot is given up. */
enum xlvs_claim { XLVS_CLAIM_NEVER, XLVS_CLAIM_EMBRYONIC, XLVS_CLAIM_EXPIRED, XLVS_CLAIM_FREE };

struct xlvs_candidate {
	struct xlvs_conn *conn;
	__u32 meta;
	enum xlvs_claim claim;
};

/* A flood is made of these: a SYN that no ACK followed, a lone datagram. */
static __always_inline bool xlvs_embryonic(const struct xlvs_conn *c, __u32 meta)
{
	__u32 state = XLVS_CONN_STATE(meta);

	if (meta & XLVS_CONN_F_TEMPLATE)
		return false;
	if (XLVS_CONN_PROTO(meta) == IPPROTO_TCP)
		return state == XLVS_TCP_SYN_RECV || state == XLVS_TCP_SYNACK || state == XLVS_TCP_NONE;
	return READ_ONCE(c->packets) < XLVS_UDP_PROVEN_PACKETS;
}

static __always_inline void xlvs_consider(const struct xlvs_packet *p, struct xlvs_candidate *best,
					  struct xlvs_conn *c)
{
	__u32 meta = READ_ONCE(c->meta);
	enum xlvs_claim claim = XLVS_CLAIM_NEVER;

	if (meta & XLVS_CONN_F_BUSY)
		return;
	if (!(meta & XLVS_CONN_F_LIVE))
		claim = XLVS_CLAIM_FREE;
	else if (xlvs_expired(c, p->now))
		claim = XLVS_CLAIM_EXPIRED;
	else if (xlvs_embryonic(c, meta))
		claim = XLVS_CLAIM_EMBRYONIC;
	if (claim > best->claim) {
		best->conn = c;
		best->meta = meta;
		best->claim = claim;
	}
}

static __always_inline void xlvs_consider_bucket(const struct xlvs_packet *p, struct xlvs_candidate *best, __u32 bucket)
{
	if (p->family == XLVS_AF_INET) {
		struct xlvs_bucket4 *b = bpf_map_lookup_elem(&xlvs_conns4, &bucket);

		if (!b)
			return;
#pragma unroll
		for (int i = 0; i < XLVS_CONN_WAYS; i++)
			xlvs_consider(p, best, &b->way[i].c);
	} else {
		struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);

		if (!b)
			return;
#pragma unroll
		for (int i = 0; i < XLVS_CONN_WAYS; i++)
			xlvs_consider(p, best, &b->way[i].c);
	}
}

/* Makes the candidate ours: BUSY, under a new sequence number. Its former
 * connection leaves the counts. */
static __always_inline bool xlvs_claim_slot(struct xlvs_candidate *best)
{
	__u32 seen = best->meta, server = READ_ONCE(best->conn->server);
	__u32 busy = ((seen & XLVS_CONN_SEQ_MASK) + XLVS_CONN_SEQ_STEP) | XLVS_CONN_F_BUSY;

	if (__sync_val_compare_and_swap(&best->conn->meta, seen, busy) != seen)
		return false;
	if (seen & XLVS_CONN_F_LIVE)
		xlvs_unbind(server, seen);
	best->meta = busy;
	return true;
}

static __always_inline void xlvs_write_key(const struct xlvs_packet *p, struct xlvs_conn *c)
{
	if (p->family == XLVS_AF_INET) {
		struct xlvs_conn4 *e = (struct xlvs_conn4 *)c;

		e->cport = p->sport;
		e->vport = p->dport;
		e->caddr = p->saddr.word[0];
		e->vaddr = p->daddr.word[0];
	} else {
		struct xlvs_conn6 *e = (struct xlvs_conn6 *)c;

		e->cport = p->sport;
		e->vport = p->dport;
		e->caddr = p->saddr;
		e->vaddr = p->daddr;
	}
}

/* Two cores may insert the same flow at once: each publishes, with a full
 * barrier, and then looks for a twin in front of its own slot. Of any two, at
 * least the later one sees the other; the one behind withdraws.
 * Returns whether p->conn is still ours; otherwise p follows the twin. */
static __always_inline bool xlvs_keep(struct xlvs_packet *p, struct xlvs_conn *own)
{
	__u32 meta = p->meta;

	if (!xlvs_lookup(p, XLVS_DIR_INPUT) || p->conn == own) {
		p->conn = own;
		p->meta = meta;
		return true;
	}
	xlvs_release(own, meta);
	return false;
}

/* A connection in the bucket moves to its other one.
 * Returns whether best is now a slot of ours. */
static __always_inline bool xlvs_claim_moved(const struct xlvs_packet *p, struct xlvs_candidate *best, __u32 bucket)
{
	__u32 way = p->family == XLVS_AF_INET ? xlvs_make_room4(bucket) : xlvs_make_room6(bucket);

	if (way >= XLVS_CONN_WAYS)
		return false;
	best->conn = xlvs_way(p->family, bucket, way);
	if (!best->conn)
		return false;
	best->meta = READ_ONCE(best->conn->meta);
	best->claim = XLVS_CLAIM_FREE;
	return true;
}

/* A slot for the packet's flow: free or expired if there is one; else a
 * connection makes room; else, last, an embryonic one is evicted. */
static __always_inline bool xlvs_claim_best(const struct xlvs_packet *p, struct xlvs_candidate *best, __u32 first,
					     __u32 second)
{
	if (best->claim < XLVS_CLAIM_EXPIRED) {
		struct xlvs_candidate moved = {};

		if (xlvs_claim_moved(p, &moved, first) || xlvs_claim_moved(p, &moved, second)) {
			*best = moved;
			return true;
		}
	}
	return best->conn && xlvs_claim_slot(best);
}

/* Enters the packet's flow with p->server and p->forward.
 * writes   conn meta, or conn = NULL when no slot can be had
 * returns  whether a new connection was entered (false also when a twin was there first) */
static __always_inline bool xlvs_insert(struct xlvs_packet *p)
{
	struct xlvs_candidate best = { .claim = XLVS_CLAIM_NEVER };
	__u32 n = xlvs_buckets(p), first = xlvs_conn_first(p->hash, n), second = xlvs_conn_second(p->hash, n), meta;

	p->conn = NULL;
	xlvs_consider_bucket(p, &best, first);
	if (best.claim < XLVS_CLAIM_EXPIRED)
		xlvs_consider_bucket(p, &best, second);
	if (!xlvs_claim_best(p, &best, first, second))
		return false;
	if (best.claim == XLVS_CLAIM_EMBRYONIC)
		xlvs_count(XLVS_REASON_EVICTED);

	meta = (best.meta & XLVS_CONN_SEQ_MASK) | XLVS_CONN_F_LIVE | XLVS_CONN_F_INACTIVE | p->proto | p->forward << 13;
	if (p->forward != XLVS_FORWARD_NAT)
		meta |= XLVS_CONN_F_NOOUTPUT;
	meta = xlvs_step(p, meta, XLVS_DIR_INPUT);
	xlvs_write_key(p, best.conn);
	best.conn->server = p->server;
	best.conn->expires = p->now + xlvs_timeout(p, meta);
	best.conn->control = 0;
	best.conn->packets = 1;
	xlvs_bind(p->server, meta);
	__sync_lock_test_and_set(&best.conn->meta, meta);
	p->conn = best.conn;
	p->meta = meta;
	return xlvs_keep(p, best.conn);
}

#endif
