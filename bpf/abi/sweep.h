/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sweep's timer: where it stands, what it has cost, and what it knows of the connection table. */
#ifndef XLVS_ABI_SWEEP_H
#define XLVS_ABI_SWEEP_H

#include "abi/base.h"

/* What the sweep remembers of XLVS_REGION_BUCKETS neighbouring buckets, so that it need not look into all of
 * them to find what is due. Nothing in a region is due before .due, but for what was entered since .swept;
 * and that lives as long as the shortest timeout. An entry that comes with less life than that, a template
 * or one that moves, lowers .due: xlvs_note_due(). */
struct xlvs_region {
	__u32 due;   /* tick when the first entry expires */
	__u32 swept; /* tick when the sweep last looked into it */
};
#define XLVS_REGION_BUCKETS 16
#define XLVS_ROW_REGIONS    8
struct xlvs_regions {
	struct xlvs_region region[XLVS_ROW_REGIONS];
};
static_assert(sizeof(struct xlvs_regions) == 64, "one cache line");

/* Rows of struct xlvs_regions for so many buckets. Those of IPv6 stand behind those of IPv4. */
XLVS_INLINE __u32 xlvs_region_rows(__u32 buckets)
{
	const __u32 each = XLVS_REGION_BUCKETS * XLVS_ROW_REGIONS;

	return buckets / each + (buckets % each != 0);
}

/* What xlvs_timers holds behind its timer. Written by that alone. */
struct xlvs_sweep_state {
	__u64 due;	  /* when the next step should be, ns of CLOCK_MONOTONIC */
	__u64 busy_ns;	  /* spent in all steps */
	__u64 longest_ns; /* of one step */
	__u64 steps;
	__u32 step;	  /* number of the next one that is due */
	__u32 servers;	  /* rows whose rates move in this round */
	__u32 row;	  /* of xlvs_regions: the next one */
	__u32 owed;	  /* rows that should have been looked at by now */
	__u32 sctp;	  /* tick when a server of an SCTP service was last seen; 0 = never */
	__u32 reserved;
};

static_assert(sizeof(struct xlvs_sweep_state) == 56, "no implicit padding");

#endif
