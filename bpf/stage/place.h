/* SPDX-License-Identifier: GPL-2.0-only */
/* Where entries of the connection table are: buckets, ways, and one number for both. */
#ifndef XLVS_STAGE_PLACE_H
#define XLVS_STAGE_PLACE_H

#include "maps.h"

/* A place among a flow's eight: way | XLVS_AT_SECOND when in its second bucket. */
#define XLVS_AT_SECOND XLVS_CONN_WAYS
#define XLVS_NOWHERE   (2 * XLVS_CONN_WAYS)

static __always_inline __u32 xlvs_family_buckets(const int family)
{
	return family == XLVS_AF_INET ? xlvs_limits.buckets4 : xlvs_limits.buckets6;
}

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

/* The template that a connection's .control names, or NULL. */
static __always_inline struct xlvs_conn *xlvs_template_at(const int family, __u32 control)
{
	return control ? xlvs_way(family, (control - 1) / XLVS_CONN_WAYS, control - 1) : NULL;
}
static __always_inline __u32 xlvs_control_of(__u32 bucket, __u32 way)
{
	return bucket * XLVS_CONN_WAYS + (way & (XLVS_CONN_WAYS - 1)) + 1;
}

static __always_inline bool xlvs_expired(const struct xlvs_conn *c, __u32 now)
{
	return (__s32)(now - READ_ONCE(c->expires)) > 0;
}

/* Changes an entry's meta and timer at once, if both are still as seen: who
 * judged an entry by its timer must not take one that was used meanwhile. */
static __always_inline bool xlvs_swap_timed(struct xlvs_conn *c, __u32 meta, __u32 expires, __u32 to_meta,
					    __u32 to_expires)
{
	__u64 *both = (__u64 *)c, from = meta | (__u64)expires << 32, to = to_meta | (__u64)to_expires << 32;

	return __sync_val_compare_and_swap(both, from, to) == from;
}

/* A template that is due while it controls connections is kept a minute more,
 * and from then on a use prolongs it by no more than that, as in the kernel.
 * Returns the tick when it is due now. */
static __always_inline __u32 xlvs_rearm(struct xlvs_conn *t, __u32 meta, __u32 expires, __u32 now)
{
	__u32 timeout = xlvs_seconds_to_ticks(XLVS_REARM_SECONDS);

	if (!xlvs_swap_timed(t, meta, expires, meta, now + timeout))
		return READ_ONCE(t->expires);
	WRITE_ONCE(t->packets, timeout);
	return now + timeout;
}

#endif
