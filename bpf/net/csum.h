/* SPDX-License-Identifier: GPL-2.0-only */
/* Internet checksums, updated incrementally (RFC 1624, equation 3). */
#ifndef XLVS_NET_CSUM_H
#define XLVS_NET_CSUM_H

#include "abi/base.h"

/* 64-bit sum of 16-bit words, folded to 16 bits. The words' byte order carries over. */
static __always_inline __u16 xlvs_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* What replacing `from` by `to` adds to a sum: HC' = ~(~HC + ~m + m'). */
static __always_inline __u64 xlvs_csum_diff32(__be32 from, __be32 to)
{
	return (__u64)(__u32)~from + to;
}
static __always_inline __u64 xlvs_csum_diff16(__be16 from, __be16 to)
{
	return (__u64)(__u16)~from + to;
}

static __always_inline __u16 xlvs_csum_update(__u16 check, __u64 diff)
{
	return ~xlvs_csum_fold((__u16)~check + diff);
}

#endif
