/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots of the connection table: taking one for a new connection, and finding its twin.
 *
 * Everything here is reached through global functions of scalars, one for each
 * family: the verifier checks each once instead of once for every state of the
 * packet's way, and the fast path stays small. */
#ifndef XLVS_STAGE_SLOT_H
#define XLVS_STAGE_SLOT_H

#include "config.h"
#include "net/ip.h"
#include "stage/count.h"
#include "stage/state.h"

/* How willingly a slot is given up. */
enum xlvs_claim { XLVS_CLAIM_NEVER, XLVS_CLAIM_EMBRYONIC, XLVS_CLAIM_FINISHED, XLVS_CLAIM_EXPIRED, XLVS_CLAIM_FREE };

/* The other bucket of an entry of that key and meta that lives in `bucket`. */
static __always_inline __u32 xlvs_other_than(const int family, __u32 bucket, __u32 meta, const struct xlvs_addr *caddr,
					     __be16 cport, const struct xlvs_addr *vaddr, __be16 vport)
{
	__u32 n = xlvs_family_buckets(family), first;
	__u64 hash = xlvs_hash_conn(caddr, cport, XLVS_CONN_PROTO(meta), family, xlvs_limits.seed);

	first = xlvs_conn_first(hash, n);
	if (first != bucket)
		return first;
	if (XLVS_CONN_FORWARD(meta) == XLVS_FORWARD_NAT)
		return xlvs_conn_second_nat(hash, n);
	return xlvs_conn_second_flow(hash, vaddr, vport, family, n);
}

static __always_inline __u32 xlvs_other_bucket(const int family, const struct xlvs_conn *c, __u32 meta, __u32 bucket)
{
	if (family == XLVS_AF_INET) {
		const struct xlvs_conn4 *e = (const struct xlvs_conn4 *)c;
		struct xlvs_addr caddr = { .word = { e->caddr } }, vaddr = { .word = { e->vaddr } };

		return xlvs_other_than(family, bucket, meta, &caddr, e->cport, &vaddr, e->vport);
	} else {
		const struct xlvs_conn6 *e = (const struct xlvs_conn6 *)c;

		return xlvs_other_than(family, bucket, meta, &e->caddr, e->cport, &e->vaddr, e->vport);
	}
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

/* What slots are judged by. */
struct xlvs_moment {
	__u32 now;
	__u32 quiet; /* a connection in FIN_WAIT that expires before this was not used for XLVS_HALF_CLOSED_SECONDS */
};

static __always_inline struct xlvs_moment xlvs_moment_at(__u32 now)
{
	struct xlvs_control *control = xlvs_get_control();
	__u32 timeout = control ? xlvs_timeout(control, IPPROTO_TCP | XLVS_TCP_FIN_WAIT << 8) : 0;

	return (struct xlvs_moment){ now, now + timeout - xlvs_seconds_to_ticks(XLVS_HALF_CLOSED_SECONDS) };
}

/* Closed: only its waiting time is left. In FIN_WAIT the client may still be
 * downloading, and acknowledges what it gets. */
static __always_inline bool xlvs_finished(__u32 meta, __u32 expires, const struct xlvs_moment *at)
{
	const __u32 tcp = 1u << XLVS_TCP_FIN_WAIT | 1u << XLVS_TCP_TIME_WAIT | 1u << XLVS_TCP_CLOSE |
			  1u << XLVS_TCP_LAST_ACK;
	const __u32 sctp = 1u << XLVS_SCTP_SHUTDOWN_ACK_SENT | 1u << XLVS_SCTP_REJECTED | 1u << XLVS_SCTP_CLOSED;
	__u32 proto = XLVS_CONN_PROTO(meta), state = XLVS_CONN_STATE(meta);
	__u32 finished = proto == IPPROTO_SCTP ? sctp : tcp;

	return !(meta & XLVS_CONN_F_TEMPLATE) && proto != IPPROTO_UDP && finished >> state & 1 &&
	       (proto == IPPROTO_SCTP || state != XLVS_TCP_FIN_WAIT || (__s32)(expires - at->quiet) < 0);
}

/* A flood is made of these: a SYN that no ACK followed, an INIT, a lone datagram; and a
 * template that led to nothing else, none of whose connections is left. One
 * used within the last second is spared: somebody may be about to count itself. */
static __always_inline bool xlvs_embryonic(const struct xlvs_conn *c, __u32 meta, __u32 expires, __u32 now)
{
	__u32 state = XLVS_CONN_STATE(meta);

	if (meta & XLVS_CONN_F_TEMPLATE)
		return !READ_ONCE(c->control) && !(state & XLVS_TEMPLATE_ASSURED) &&
		       (__s32)(now - (expires - READ_ONCE(c->packets))) > (__s32)xlvs_seconds_to_ticks(1);
	if (XLVS_CONN_PROTO(meta) == IPPROTO_UDP)
		return READ_ONCE(c->packets) < XLVS_UDP_PROVEN_PACKETS;
	if (XLVS_CONN_PROTO(meta) == IPPROTO_SCTP)
		return state < XLVS_SCTP_ESTABLISHED;
	return state == XLVS_TCP_SYN_RECV || state == XLVS_TCP_SYNACK || state == XLVS_TCP_NONE;
}

/* expires: as read, together with meta */
static __always_inline enum xlvs_claim xlvs_claimable(const struct xlvs_conn *c, __u32 meta, __u32 expires,
						      const struct xlvs_moment *at)
{
	if (meta & XLVS_CONN_F_BUSY)
		return XLVS_CLAIM_NEVER;
	if (!(meta & XLVS_CONN_F_LIVE))
		return XLVS_CLAIM_FREE;
	if ((__s32)(at->now - expires) > 0)
		return meta & XLVS_CONN_F_TEMPLATE && READ_ONCE(c->control) ? XLVS_CLAIM_NEVER : XLVS_CLAIM_EXPIRED;
	if (xlvs_finished(meta, expires, at))
		return XLVS_CLAIM_FINISHED;
	return xlvs_embryonic(c, meta, expires, at->now) ? XLVS_CLAIM_EMBRYONIC : XLVS_CLAIM_NEVER;
}

/* Makes the first slot of a bucket ours that is given up at least so willingly:
 * BUSY, under a new sequence number. Its former connection leaves the counts.
 * least    enum xlvs_claim
 * Returns the way, or XLVS_CONN_WAYS. */
static __always_inline __u32 xlvs_claim_in(const int family, __u32 bucket, __u32 now, __u32 least)
{
	const struct xlvs_moment at = xlvs_moment_at(now);

	for (__u32 i = 0; i < XLVS_CONN_WAYS; i++) {
		struct xlvs_conn *c = xlvs_way(family, bucket, i);
		__u32 seen, busy, expires, server, control;

		if (!c)
			break;
		seen = READ_ONCE(c->meta);
		expires = READ_ONCE(c->expires);
		if (xlvs_claimable(c, seen, expires, &at) < least)
			continue;
		server = READ_ONCE(c->server);
		control = READ_ONCE(c->control);
		busy = ((seen & XLVS_CONN_SEQ_MASK) + XLVS_CONN_SEQ_STEP) | XLVS_CONN_F_BUSY;
		if (!xlvs_swap_timed(c, seen, expires, busy, expires))
			continue;
		if (seen & XLVS_CONN_F_LIVE)
			xlvs_depart(family, server, control, seen);
		return i;
	}
	return XLVS_CONN_WAYS;
}

__noinline __u32 xlvs_claim4(__u32 bucket, __u32 now, __u32 least)
{
	return xlvs_claim_in(XLVS_AF_INET, bucket, now, least);
}
__noinline __u32 xlvs_claim6(__u32 bucket, __u32 now, __u32 least)
{
	return xlvs_claim_in(XLVS_AF_INET6, bucket, now, least);
}
__noinline __u32 xlvs_make_room4(__u32 bucket)
{
	return xlvs_make_room(XLVS_AF_INET, bucket);
}
__noinline __u32 xlvs_make_room6(__u32 bucket)
{
	return xlvs_make_room(XLVS_AF_INET6, bucket);
}

/* The ways to get a slot, in the order in which they are tried, each in both buckets. */
enum xlvs_taking { XLVS_TAKE_UNUSED, XLVS_TAKE_BY_MOVING, XLVS_TAKE_FINISHED, XLVS_TAKE_EMBRYONIC, XLVS_TAKINGS };

static __always_inline __u32 xlvs_take_in(const int family, __u32 bucket, __u32 now, enum xlvs_taking how)
{
	__u32 least = how == XLVS_TAKE_UNUSED	? XLVS_CLAIM_EXPIRED :
		      how == XLVS_TAKE_FINISHED ? XLVS_CLAIM_FINISHED :
						  XLVS_CLAIM_EMBRYONIC;

	if (how == XLVS_TAKE_BY_MOVING)
		return family == XLVS_AF_INET ? xlvs_make_room4(bucket) : xlvs_make_room6(bucket);
	return family == XLVS_AF_INET ? xlvs_claim4(bucket, now, least) : xlvs_claim6(bucket, now, least);
}

/* Takes a slot for a new connection with these two buckets: free or expired if
 * there is one; else a connection makes room; else a finished one is evicted,
 * last an embryonic one. An established connection never is.
 * Returns the place, BUSY and ours, or XLVS_NOWHERE. */
static __always_inline __u32 xlvs_take_slot(const int family, __u32 first, __u32 second, __u32 now)
{
#pragma clang loop unroll(disable)
	for (__u32 step = 0; step < 2 * XLVS_TAKINGS; step++) {
		enum xlvs_taking how = step / 2;
		__u32 way = xlvs_take_in(family, step & 1 ? second : first, now, how);

		if (way >= XLVS_CONN_WAYS)
			continue;
		if (how == XLVS_TAKE_FINISHED || how == XLVS_TAKE_EMBRYONIC)
			xlvs_count(XLVS_REASON_EVICTED);
		return step & 1 ? way | XLVS_AT_SECOND : way;
	}
	return XLVS_NOWHERE;
}

static __always_inline bool xlvs_same_key(const int family, const struct xlvs_conn *a, const struct xlvs_conn *b)
{
	if (family == XLVS_AF_INET) {
		const __u64 *x = (const __u64 *)&((const struct xlvs_conn4 *)a)->caddr;
		const __u64 *y = (const __u64 *)&((const struct xlvs_conn4 *)b)->caddr;

		return *x == *y && ((const struct xlvs_conn4 *)a)->cport == ((const struct xlvs_conn4 *)b)->cport &&
		       ((const struct xlvs_conn4 *)a)->vport == ((const struct xlvs_conn4 *)b)->vport;
	} else {
		const struct xlvs_conn6 *x = (const struct xlvs_conn6 *)a, *y = (const struct xlvs_conn6 *)b;

		return x->cport == y->cport && x->vport == y->vport && xlvs_addr_equal(&x->caddr, &y->caddr) &&
		       xlvs_addr_equal(&x->vaddr, &y->vaddr);
	}
}

/* Looks for another live entry of the connection at `at`, in front of it. Two
 * cores may enter the same flow at once: each publishes, with a full barrier,
 * and then looks here. Of any two, at least the later one sees the other, and
 * the one behind withdraws.
 * Returns its place, or XLVS_NOWHERE. */
static __always_inline __u32 xlvs_find_twin(const int family, __u32 first, __u32 second, __u32 at, __u32 now)
{
	const __u32 match = XLVS_CONN_F_LIVE | XLVS_CONN_F_TEMPLATE | 0xff, invalid = XLVS_TEMPLATE_INVALID << 8;
	struct xlvs_conn *own = xlvs_way(family, at & XLVS_AT_SECOND ? second : first, at);

	if (!own)
		return XLVS_NOWHERE;
	for (__u32 i = 0; i < XLVS_NOWHERE; i++) {
		struct xlvs_conn *c = xlvs_way(family, i & XLVS_AT_SECOND ? second : first, i);
		__u32 meta;

		if (i == at || !c)
			break;
		meta = READ_ONCE(c->meta);
		if ((meta & match) == (READ_ONCE(own->meta) & match) && c != own && !xlvs_expired(c, now) &&
		    xlvs_same_key(family, c, own) && !(meta & XLVS_CONN_F_TEMPLATE && meta & invalid))
			return i;
	}
	return XLVS_NOWHERE;
}

__noinline __u32 xlvs_find_twin4(__u32 first, __u32 second, __u32 at, __u32 now)
{
	return xlvs_find_twin(XLVS_AF_INET, first, second, at, now);
}
__noinline __u32 xlvs_find_twin6(__u32 first, __u32 second, __u32 at, __u32 now)
{
	return xlvs_find_twin(XLVS_AF_INET6, first, second, at, now);
}

__noinline int xlvs_depart4(__u32 server, __u32 template, __u32 meta)
{
	xlvs_depart(XLVS_AF_INET, server, template, meta);
	return 0;
}
__noinline int xlvs_depart6(__u32 server, __u32 template, __u32 meta)
{
	xlvs_depart(XLVS_AF_INET6, server, template, meta);
	return 0;
}

/* As xlvs_release(), with the counts apart: callers are rarely here, and the
 * verifier and their stack need not bear it. */
static __always_inline bool xlvs_release_apart(const int family, struct xlvs_conn *c, __u32 meta)
{
	__u32 server = READ_ONCE(c->server), control = READ_ONCE(c->control);

	if (meta & XLVS_CONN_F_BUSY)
		return false;
	if (__sync_val_compare_and_swap(&c->meta, meta, meta & XLVS_CONN_SEQ_MASK) != meta)
		return false;
	if (family == XLVS_AF_INET)
		xlvs_depart4(server, control, meta);
	else
		xlvs_depart6(server, control, meta);
	return true;
}

#endif
