/* SPDX-License-Identifier: GPL-2.0-only */
/* dh and sh: a server by a hash of an address, from 256 slots that loader/sched filled. */
#ifndef XLVS_SCHEDULE_HASH_H
#define XLVS_SCHEDULE_HASH_H

#include <bpf/bpf_endian.h>

#include "maps.h"
#include "schedule/turn.h"

#define XLVS_HASH_SLOTS 256

/* How many slots one verified function tries; see XLVS_LIST_CHUNK. */
#define XLVS_HASH_CHUNK 32

/* Multiplicative hashing to 8 bits; the constant is 2^32 divided by the golden
 * ratio. Source: hash_32() in include/linux/hash.h. */
static __always_inline __u32 xlvs_hash_slot(__u32 value)
{
	return value * 0x61c88647u >> 24;
}

static __always_inline __u64 xlvs_rotate(__u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
static __always_inline void xlvs_sip_round(__u64 *v0, __u64 *v1, __u64 *v2, __u64 *v3)
{
	*v0 += *v1;
	*v2 += *v3;
	*v1 = xlvs_rotate(*v1, 13) ^ *v0;
	*v3 = xlvs_rotate(*v3, 16) ^ *v2;
	*v0 = xlvs_rotate(*v0, 32);
	*v2 += *v1;
	*v0 += *v3;
	*v1 = xlvs_rotate(*v1, 17) ^ *v2;
	*v3 = xlvs_rotate(*v3, 21) ^ *v0;
	*v2 = xlvs_rotate(*v2, 32);
}

/* An address as one number in host order; IPv6 folded by exclusive or. */
static __always_inline __u32 xlvs_fold_addr(const struct xlvs_addr *a, int family)
{
	if (family == XLVS_AF_INET)
		return bpf_ntohl(a->word[0]);
	return bpf_ntohl(a->word[0] ^ a->word[1] ^ a->word[2] ^ a->word[3]);
}

/* The server in a slot, if it takes new connections; XLVS_NO_ROW if not.
 * empty   set when the slot has no server at all */
static __always_inline __u32 xlvs_hash_try(__u32 version, const struct xlvs_version *v, __u32 slot, bool *empty)
{
	__u32 value = xlvs_slot_server(version, v, slot);
	struct xlvs_load *load = xlvs_get_load(value & ~XLVS_SLOT_QUIESCED);

	*empty = !load;
	if (!load || value & XLVS_SLOT_QUIESCED || READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD)
		return XLVS_NO_ROW;
	return value;
}

/* The first of the tries from number `from` on that finds a server which takes
 * new connections: what is in its slot, an empty one being the last; or XLVS_HASH_ON. */
#define XLVS_HASH_ON (XLVS_NO_ROW - 1)
__noinline __u32 xlvs_hash_scan(__u32 version, __u32 hash, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 server, k = 0;
	bool empty = false;

	if (!v)
		return XLVS_NO_ROW;
	/* Expected to go on: that puts the loop's step behind its body. Linux
	 * 6.1's verifier accepts only jumps as a loop's way back, and otherwise
	 * the compiler enters the loop in its middle. */
	for (; k < XLVS_HASH_CHUNK; k++) {
		/* the kernel hashes again with an offset of k + hash, which comes to this */
		server = xlvs_hash_try(version, v, (from + k + 2 * hash) % XLVS_HASH_SLOTS, &empty);
		if (__builtin_expect(server != XLVS_NO_ROW || empty, 0))
			return server;
	}
	return XLVS_HASH_ON;
}

/* The first server after the slot of `hash` that takes new connections, in the
 * order of sh-fallback; an empty slot ends the search.
 * Source: ip_vs_sh_get_fallback(), net/netfilter/ipvs/ip_vs_sh.c. */
static __always_inline __u32 xlvs_hash_fallback(__u32 version, __u32 hash)
{
	__u32 server;

	for (__u32 from = 0; from < XLVS_HASH_SLOTS; from += XLVS_HASH_CHUNK) {
		server = xlvs_hash_scan(version, hash, from);
		if (server != XLVS_HASH_ON)
			return server;
	}
	return XLVS_NO_ROW;
}

/* The slots of a version serve dh by the destination's address and sh by the
 * source's, plus its port with sh-port. A server of weight 0 keeps its slots,
 * and so does an overloaded one: their clients get no server, but with
 * sh-fallback the slots after it are tried, as the kernel tries them.
 * value    address, or address + port, in host order
 * Source: net/netfilter/ipvs/ip_vs_dh.c, ip_vs_sh.c. */
__noinline __u32 xlvs_pick_hash(__u32 version, __u32 value)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 hash = xlvs_hash_slot(value), server;
	bool empty;

	if (!v || v->slots != XLVS_HASH_SLOTS)
		return XLVS_NO_ROW;
	server = xlvs_hash_try(version, v, hash, &empty);
	if (server != XLVS_NO_ROW || empty || v->sched != XLVS_SCHED_SH || !(v->flags & XLVS_SVC_F_SCHED1))
		return server;
	return xlvs_hash_fallback(version, hash);
}

#endif
