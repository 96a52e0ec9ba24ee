/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hashes that both sides compute: service index, address filter, connection buckets. */
#ifndef XLVS_ABI_HASH_H
#define XLVS_ABI_HASH_H

#include "abi/base.h"

/* One round of the 64-bit finalizer of MurmurHash3 (Austin Appleby, public
 * domain): every input bit reaches every output bit after two. The seed keeps
 * an attacker from choosing the bucket; it is drawn at attach. */
XLVS_INLINE __u64 xlvs_mix(__u64 h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 33;
	return h;
}

XLVS_INLINE __u64 xlvs_hash_addr(const struct xlvs_addr *a, int family, __u64 seed)
{
	if (family == XLVS_AF_INET)
		return seed ^ a->word[0];
	return xlvs_mix(seed ^ ((__u64)a->word[0] << 32 | a->word[1])) ^ ((__u64)a->word[2] << 32 | a->word[3]);
}

/* 32 bits of hash to [0, n) by multiplication, without a division */
XLVS_INLINE __u32 xlvs_reduce(__u32 hash, __u32 n)
{
	return (__u32)(((__u64)hash * n) >> 32);
}

#endif
