/* SPDX-License-Identifier: GPL-2.0-only */
/* Expiry: of one bucket of connections for the chunk-wise sweep, of a region of them for the timer. */
#ifndef XLVS_STAGE_SWEEP_H
#define XLVS_STAGE_SWEEP_H

#include "stage/count.h"
#include "stage/due.h"

/* With expire_nodest_conn, what leads to a deleted server goes at once. */
static __always_inline bool xlvs_is_orphan(const struct xlvs_conn *c)
{
	struct xlvs_server *s = xlvs_get_server(READ_ONCE(c->server));

	return !s || !(READ_ONCE(s->flags) & XLVS_SERVER_F_SERVES);
}

/* orphans: what leads to a deleted server goes, too */
static __always_inline void xlvs_sweep_entry(const int family, struct xlvs_conn *c, __u32 now, bool orphans)
{
	__u32 meta = READ_ONCE(c->meta), expires = READ_ONCE(c->expires), server, control;
	bool due = (__s32)(now - expires) > 0;

	if (!(meta & XLVS_CONN_F_LIVE) || meta & XLVS_CONN_F_BUSY || !(due || (orphans && xlvs_is_orphan(c))))
		return;
	server = READ_ONCE(c->server);
	control = READ_ONCE(c->control);
	if (meta & XLVS_CONN_F_TEMPLATE && control) {
		if (due)
			xlvs_rearm(c, meta, expires, now);
		return;
	}
	if (xlvs_swap_timed(c, meta, expires, meta & XLVS_CONN_SEQ_MASK, expires))
		xlvs_depart(family, server, control, meta);
}

/* Global functions: verified once each, whatever calls them.
 * Return 0, or 1 behind the end of the table. */
__noinline int xlvs_sweep_bucket4(__u32 bucket, __u32 now)
{
	struct xlvs_bucket4 *b = bpf_map_lookup_elem(&xlvs_conns4, &bucket);
	struct xlvs_control *control = xlvs_get_control();
	bool orphans;

	if (!b || !control)
		return 1;
	orphans = xlvs_setting(control, XLVS_SET_EXPIRE_NODEST_CONN);
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(XLVS_AF_INET, &b->way[w].c, now, orphans);
	return 0;
}

__noinline int xlvs_sweep_bucket6(__u32 bucket, __u32 now)
{
	struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);
	struct xlvs_control *control = xlvs_get_control();
	bool orphans;

	if (!b || !control)
		return 1;
	orphans = xlvs_setting(control, XLVS_SET_EXPIRE_NODEST_CONN);
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(XLVS_AF_INET6, &b->way[w].c, now, orphans);
	return 0;
}

/* One entry that a region's sweep has found due.  Returns 0. */
__noinline int xlvs_sweep_way4(__u32 bucket, __u32 way, __u32 now, bool orphans)
{
	struct xlvs_conn *c = xlvs_way(XLVS_AF_INET, bucket, way);

	if (c)
		xlvs_sweep_entry(XLVS_AF_INET, c, now, orphans);
	return 0;
}
__noinline int xlvs_sweep_way6(__u32 bucket, __u32 way, __u32 now, bool orphans)
{
	struct xlvs_conn *c = xlvs_way(XLVS_AF_INET6, bucket, way);

	if (c)
		xlvs_sweep_entry(XLVS_AF_INET6, c, now, orphans);
	return 0;
}

/* Ticks until an entry is due, or a number that is larger than any timeout. */
#define XLVS_NEVER_DUE (1u << 30)

/* Looks into the buckets of a region, and takes out what is due.
 * Returns in how many ticks the next of its entries is.
 * cost     its cache lines, one after the other; no call where nothing is due */
static __always_inline __u32 xlvs_sweep_region(const int family, __u32 first, __u32 now, bool orphans)
{
	const __u32 size = family == XLVS_AF_INET ? sizeof(struct xlvs_conn4) : sizeof(struct xlvs_conn6);
	__u32 least = XLVS_NEVER_DUE;

	for (__u32 i = 0; i < XLVS_REGION_BUCKETS; i++) {
		__u32 bucket = first + i;
		void *b = family == XLVS_AF_INET ? bpf_map_lookup_elem(&xlvs_conns4, &bucket) :
						   bpf_map_lookup_elem(&xlvs_conns6, &bucket);

		if (!b)
			return least;
#pragma unroll
		for (__u32 w = 0; w < XLVS_CONN_WAYS; w++) {
			__u64 both = READ_ONCE(*(__u64 *)(b + w * size)); /* meta and expires */
			__u32 left = (__u32)(both >> 32) - now;

			if (!(both & XLVS_CONN_F_LIVE))
				continue;
			if ((__s32)left < 0 || orphans) {
				if (family == XLVS_AF_INET)
					xlvs_sweep_way4(bucket, w, now, orphans);
				else
					xlvs_sweep_way6(bucket, w, now, orphans);
			}
			if ((__s32)left >= 0 && left < least)
				least = left;
		}
	}
	return least;
}

__noinline __u32 xlvs_sweep_region4(__u32 first, __u32 now, bool orphans)
{
	return xlvs_sweep_region(XLVS_AF_INET, first, now, orphans);
}
__noinline __u32 xlvs_sweep_region6(__u32 first, __u32 now, bool orphans)
{
	return xlvs_sweep_region(XLVS_AF_INET6, first, now, orphans);
}

/* Row `row` of xlvs_regions, one of its regions. What is entered while we look
 * lowers .due again (due.h); so it is raised before, and lowered afterwards. */
static __always_inline void xlvs_sweep_known(struct xlvs_region *r, __u32 row, __u32 at, __u32 now, bool orphans)
{
	__u32 rows4 = xlvs_region_rows(xlvs_limits.buckets4), in_row = at * XLVS_REGION_BUCKETS, left;
	const __u32 each = XLVS_REGION_BUCKETS * XLVS_ROW_REGIONS;

	__sync_lock_test_and_set(&r->due, now + XLVS_NEVER_DUE);
	left = row < rows4 ? xlvs_sweep_region4(row * each + in_row, now, orphans) :
			     xlvs_sweep_region6((row - rows4) * each + in_row, now, orphans);
	WRITE_ONCE(r->swept, now);
	xlvs_lower_due(r, now + left);
}

#endif
