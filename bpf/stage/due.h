/* SPDX-License-Identifier: GPL-2.0-only */
/* When a region of the connection table has something to sweep. */
#ifndef XLVS_STAGE_DUE_H
#define XLVS_STAGE_DUE_H

#include "abi/sweep.h"
#include "stage/place.h"

/* How often a tick that others lower, too, is tried to lower. */
#define XLVS_DUE_TRIES 4

/* The row of the region that a bucket is in. */
static __always_inline struct xlvs_regions *xlvs_regions_at(__u32 row)
{
	return bpf_map_lookup_elem(&xlvs_regions, &row);
}

/* Not later than this tick the region is looked into. */
static __always_inline void xlvs_lower_due(struct xlvs_region *r, __u32 tick)
{
	for (__u32 i = 0; i < XLVS_DUE_TRIES; i++) {
		__u32 due = READ_ONCE(r->due);

		if ((__s32)(tick - due) >= 0 || __sync_val_compare_and_swap(&r->due, due, tick) == due)
			return;
	}
	WRITE_ONCE(r->due, tick - (1u << 30)); /* at once */
}

/* An entry of that bucket expires sooner than the sweep expects of new ones. To be called after it is
 * published: the sweep forgets what it knows of a region before it looks into it.
 * cost     a cache line of the region */
static __always_inline void xlvs_note_due(const int family, __u32 bucket, __u32 expires)
{
	__u32 base = family == XLVS_AF_INET ? 0 : xlvs_region_rows(xlvs_limits.buckets4);
	struct xlvs_regions *row = xlvs_regions_at(base + bucket / (XLVS_REGION_BUCKETS * XLVS_ROW_REGIONS));

	if (row)
		xlvs_lower_due(&row->region[bucket / XLVS_REGION_BUCKETS % XLVS_ROW_REGIONS], expires);
}

#endif
