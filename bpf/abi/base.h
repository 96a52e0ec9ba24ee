/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every ABI header needs: fixed-size types, assertions in both languages, addresses. */
#ifndef XLVS_ABI_BASE_H
#define XLVS_ABI_BASE_H

#include <linux/types.h>

#ifndef __cplusplus
#ifndef static_assert
#define static_assert _Static_assert
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define XLVS_INLINE static __always_inline
#else
#define XLVS_INLINE static inline
#endif

/* Raised by every change of a layout or a meaning in abi/. A table carries it
 * in xlvs_control.abi; programs of another version refuse the table. */
#define XLVS_ABI_VERSION 1

#define XLVS_AF_INET  2  /* AF_INET */
#define XLVS_AF_INET6 10 /* AF_INET6 */

struct xlvs_addr {
	__be32 word[4]; /* IPv4 in word[0], words 1-3 zero */
} __attribute__((aligned(8))); /* so that two 64-bit words compare one */
static_assert(sizeof(struct xlvs_addr) == 16, "address");

/* Traffic of one service or server. Monotonic; whoever shows it subtracts a
 * zero point (xlvs_record.zero, xlvs_version_zero). */
struct xlvs_counters {
	__u64 conns;     /* connections created */
	__u64 in_pkts;   /* packets client to server */
	__u64 in_bytes;  /* the same in bytes, from the IP header on */
	__u64 out_pkts;  /* packets server to client, NAT only */
	__u64 out_bytes; /* the same in bytes */
};
static_assert(sizeof(struct xlvs_counters) == 40, "counters");

/* A tick is the data plane's unit of time: 2^26 ns of CLOCK_MONOTONIC, about
 * 67 ms. 32 bits of it wrap after nine years, and one shift makes one of
 * bpf_ktime_get_coarse_ns(). Compare ticks by signed difference. */
#define XLVS_TICK_SHIFT 26
XLVS_INLINE __u32 xlvs_ticks(__u64 ns)
{
	return (__u32)(ns >> XLVS_TICK_SHIFT);
}
/* seconds to ticks, rounded up; saturates at 2^31 - 1 ticks (4.5 years) */
XLVS_INLINE __u32 xlvs_seconds_to_ticks(__u32 seconds)
{
	__u64 t = ((__u64)seconds * 1000000000ull + (1ull << XLVS_TICK_SHIFT) - 1) >> XLVS_TICK_SHIFT;

	return t > 0x7fffffffull ? 0x7fffffffu : (__u32)t;
}

#endif
