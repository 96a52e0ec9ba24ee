/* SPDX-License-Identifier: GPL-2.0-only */
/* Expiry of one bucket of connections, for the timer and for the chunk-wise sweep. */
#ifndef XLVS_STAGE_SWEEP_H
#define XLVS_STAGE_SWEEP_H

#include "stage/count.h"

static __always_inline void xlvs_sweep_entry(const int family, struct xlvs_conn *c, __u32 now)
{
	__u32 meta = READ_ONCE(c->meta), expires = READ_ONCE(c->expires), server, control;

	if (!(meta & XLVS_CONN_F_LIVE) || meta & XLVS_CONN_F_BUSY || (__s32)(now - expires) <= 0)
		return;
	server = READ_ONCE(c->server);
	control = READ_ONCE(c->control);
	if (meta & XLVS_CONN_F_TEMPLATE && control) {
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

	if (!b)
		return 1;
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(XLVS_AF_INET, &b->way[w].c, now);
	return 0;
}

__noinline int xlvs_sweep_bucket6(__u32 bucket, __u32 now)
{
	struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);

	if (!b)
		return 1;
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(XLVS_AF_INET6, &b->way[w].c, now);
	return 0;
}

#endif
