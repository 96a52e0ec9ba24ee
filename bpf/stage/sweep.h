/* SPDX-License-Identifier: GPL-2.0-only */
/* Expiry of one bucket of connections, for the timer and for the chunk-wise sweep. */
#ifndef XLVS_STAGE_SWEEP_H
#define XLVS_STAGE_SWEEP_H

#include "stage/count.h"

static __always_inline void xlvs_sweep_entry(struct xlvs_conn *c, __u32 now)
{
	__u32 meta = READ_ONCE(c->meta);

	if (meta & XLVS_CONN_F_LIVE && xlvs_expired(c, now))
		xlvs_release(c, meta);
}

/* Global functions: verified once each, whatever calls them.
 * Return 0, or 1 behind the end of the table. */
__noinline int xlvs_sweep_bucket4(__u32 bucket, __u32 now)
{
	struct xlvs_bucket4 *b = bpf_map_lookup_elem(&xlvs_conns4, &bucket);

	if (!b)
		return 1;
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(&b->way[w].c, now);
	return 0;
}

__noinline int xlvs_sweep_bucket6(__u32 bucket, __u32 now)
{
	struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);

	if (!b)
		return 1;
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(&b->way[w].c, now);
	return 0;
}

#endif
