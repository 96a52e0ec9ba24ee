/* SPDX-License-Identifier: GPL-2.0-only */
/* maglev: a server by the client's address, from a table that all directors with the same servers share. */
#ifndef XLVS_SCHEDULE_MAGLEV_H
#define XLVS_SCHEDULE_MAGLEV_H

#include "maps.h"
#include "schedule/hash.h"
#include "schedule/mh.h"

#define XLVS_MAGLEV_SLOTS 65537
#define XLVS_MAGLEV_TRIES 1024 /* with maglev-fallback, for a server that takes new connections */

/* SipHash-1-3 of a client's address and, if it counts, port; the seed and a number for clients are the key. */
__noinline __u64 xlvs_maglev_hash(__u64 high, __u64 low, __u64 port, __u64 seed)
{
	const __u64 word[4] = { high, low, port, 24ull << 56 };
	__u64 v0 = 0x736f6d6570736575ull ^ seed, v1 = 0x646f72616e646f6dull ^ XLVS_MAGLEV_CLIENT;
	__u64 v2 = 0x6c7967656e657261ull ^ seed, v3 = 0x7465646279746573ull ^ XLVS_MAGLEV_CLIENT;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		v3 ^= word[i];
		xlvs_sip_round(&v0, &v1, &v2, &v3);
		v0 ^= word[i];
	}
	v2 ^= 0xff;
	xlvs_sip_round(&v0, &v1, &v2, &v3);
	xlvs_sip_round(&v0, &v1, &v2, &v3);
	xlvs_sip_round(&v0, &v1, &v2, &v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

/* The tries from number `from` on: each client has a permutation of the slots. */
__noinline __u32 xlvs_maglev_scan(__u32 version, __u64 hash, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 server, k = 0, step = (__u32)(hash >> 32) % (XLVS_MAGLEV_SLOTS - 1) + 1;
	__u64 first = (__u32)hash;
	bool empty;

	if (!v)
		return XLVS_NO_ROW;
	for (; k < XLVS_MH_CHUNK; k++) {
		server = xlvs_hash_try(version, v, (first + (__u64)(from + k) * step) % XLVS_MAGLEV_SLOTS, &empty);
		if (__builtin_expect(server != XLVS_NO_ROW, 0))
			return server;
	}
	return XLVS_NO_ROW;
}

/* The slot of the client's hash. When its server is overloaded the client gets
 * none, but with maglev-fallback the next one of its permutation. */
__noinline __u32 xlvs_pick_maglev(__u32 version, __u64 hash)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 server;
	bool empty;

	if (!v || v->slots != XLVS_MAGLEV_SLOTS)
		return XLVS_NO_ROW;
	server = xlvs_hash_try(version, v, (__u32)hash % XLVS_MAGLEV_SLOTS, &empty);
	if (server != XLVS_NO_ROW || !(v->flags & XLVS_SVC_F_SCHED1))
		return server;
	for (__u32 from = 0; from < XLVS_MAGLEV_TRIES; from += XLVS_MH_CHUNK) {
		server = xlvs_maglev_scan(version, hash, from);
		if (server != XLVS_NO_ROW)
			return server;
	}
	return XLVS_NO_ROW;
}

/* An address as two words, for both families: IPv4 in the first four bytes. */
static __always_inline __u64 xlvs_maglev_client(const int family, const struct xlvs_addr *a, __u16 port, __u64 seed)
{
	if (family == XLVS_AF_INET)
		return xlvs_maglev_hash(a->word[0], 0, port, seed);
	return xlvs_maglev_hash((__u64)a->word[1] << 32 | a->word[0], (__u64)a->word[3] << 32 | a->word[2], port, seed);
}

#endif
