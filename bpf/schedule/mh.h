/* SPDX-License-Identifier: GPL-2.0-only */
/* mh: a server by the client's address, from a Maglev table that loader/sched/mh made. */
#ifndef XLVS_SCHEDULE_MH_H
#define XLVS_SCHEDULE_MH_H

#include "maps.h"
#include "schedule/hash.h"

#define XLVS_MH_SLOTS 4093
#define XLVS_MH_KEY   2654435761ull

/* How many slots one verified function tries; see XLVS_TURN_CHUNK. */
#define XLVS_MH_CHUNK 32

/* The slot of a number: SipHash-1-3 of its four bytes, both halves of the key
 * the same, folded to 32 bits. Source: hsiphash_1u32(), lib/siphash.c. */
static __always_inline __u32 xlvs_mh_slot(__u32 value)
{
	__u64 last = 4ull << 56 | value; /* the message's only word, with its length */
	__u64 v0 = 0x736f6d6570736575ull ^ XLVS_MH_KEY, v1 = 0x646f72616e646f6dull ^ XLVS_MH_KEY;
	__u64 v2 = 0x6c7967656e657261ull ^ XLVS_MH_KEY, v3 = 0x7465646279746573ull ^ XLVS_MH_KEY ^ last;

	xlvs_sip_round(&v0, &v1, &v2, &v3);
	v0 ^= last;
	v2 ^= 0xff;
	xlvs_sip_round(&v0, &v1, &v2, &v3);
	xlvs_sip_round(&v0, &v1, &v2, &v3);
	xlvs_sip_round(&v0, &v1, &v2, &v3);
	return (__u32)(v0 ^ v1 ^ v2 ^ v3) % XLVS_MH_SLOTS;
}

/* The tries from number `from` on, of a client whose slot is `slot`: the server
 * of the first that takes new connections, or XLVS_NO_ROW. */
__noinline __u32 xlvs_mh_scan(__u32 version, __u32 value, __u32 slot, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 server, k = 0;
	bool empty;

	if (!v)
		return XLVS_NO_ROW;
	for (; k < XLVS_MH_CHUNK && from + k < XLVS_MH_SLOTS; k++) {
		server = xlvs_hash_try(version, v, xlvs_mh_slot(value + (from + k + slot) % XLVS_MH_SLOTS), &empty);
		if (__builtin_expect(server != XLVS_NO_ROW, 0))
			return server;
	}
	return XLVS_NO_ROW;
}

/* A server of weight 0 keeps its slots, and so does an overloaded one: their
 * clients get no server. With mh-fallback the number is hashed again with an
 * offset that goes once around the table, from the first slot on.
 * value    address, or address + port, in host order
 * Source: net/netfilter/ipvs/ip_vs_mh.c. */
__noinline __u32 xlvs_pick_mh(__u32 version, __u32 value)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 slot = xlvs_mh_slot(value), server;
	bool empty;

	if (!v || v->slots != XLVS_MH_SLOTS)
		return XLVS_NO_ROW;
	server = xlvs_hash_try(version, v, slot, &empty);
	if (server != XLVS_NO_ROW || !(v->flags & XLVS_SVC_F_SCHED1))
		return server;
	for (__u32 from = 0; from < XLVS_MH_SLOTS; from += XLVS_MH_CHUNK) {
		server = xlvs_mh_scan(version, value, slot, from);
		if (server != XLVS_NO_ROW)
			return server;
	}
	return XLVS_NO_ROW;
}

#endif
