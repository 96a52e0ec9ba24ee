/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rates per second of servers and services: the arithmetic of the kernel's estimator. */
#ifndef XLVS_ABI_RATE_H
#define XLVS_ABI_RATE_H

#include "abi/base.h"

/* Seconds between two steps of an estimator. Each takes the fourth part of the
 * way from the average so far to what the last interval had, so that the
 * average is old news after some ten intervals.
 * Source: the behaviour of net/netfilter/ipvs/ip_vs_est.c, Linux 6.1. */
#define XLVS_RATE_S 2

/* One row of xlvs_rates: of the server with the same row in xlvs_servers, or,
 * behind those, of the service with that row in xlvs_services.
 * Averages are scaled: connections and packets by 2^10 a second, bytes by 2^5.
 * That is exact for what two seconds brought, shifted by 9 and by 4. */
struct xlvs_rate {
	struct xlvs_counters average;
	/* of a server: its counters at the last step; of a service: what its
	 * servers brought since then, on its way into the average */
	struct xlvs_counters seen;
};
static_assert(sizeof(struct xlvs_rate) == 80, "row");

XLVS_INLINE __u64 xlvs_rate_toward(__u64 average, __u64 brought, __u32 shift)
{
	return average + (__u64)((__s64)((brought << shift) - average) >> 2);
}

/* One step of an estimator: `brought` is what the interval had. */
XLVS_INLINE void xlvs_rate_step(struct xlvs_counters *average, const struct xlvs_counters *brought)
{
	average->conns = xlvs_rate_toward(average->conns, brought->conns, 9);
	average->in_pkts = xlvs_rate_toward(average->in_pkts, brought->in_pkts, 9);
	average->in_bytes = xlvs_rate_toward(average->in_bytes, brought->in_bytes, 4);
	average->out_pkts = xlvs_rate_toward(average->out_pkts, brought->out_pkts, 9);
	average->out_bytes = xlvs_rate_toward(average->out_bytes, brought->out_bytes, 4);
}

/* What a listing shows of an average. */
XLVS_INLINE __u64 xlvs_rate_of_packets(__u64 average)
{
	return (average + 0x1ff) >> 10;
}
XLVS_INLINE __u64 xlvs_rate_of_bytes(__u64 average)
{
	return (average + 0xf) >> 5;
}

#endif
