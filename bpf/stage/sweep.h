/* SPDX-License-Identifier: GPL-2.0-only */
/* Expiry of one bucket of connections, for the timer and for the chunk-wise sweep. */
#ifndef XLVS_STAGE_SWEEP_H
#define XLVS_STAGE_SWEEP_H

#include "stage/count.h"

/* With expire_nodest_conn, what leads to a deleted server goes at once. */
static __always_inline bool xlvs_is_orphan(const struct xlvs_conn *c)
{
	struct xlvs_server *s = xlvs_get_server(READ_ONCE(c->server));

	return !s || !(READ_ONCE(s->flags) & XLVS_SERVER_F_SERVES);
}

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

#endif
