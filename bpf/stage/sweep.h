/* SPDX-License-Identifier: GPL-2.0-only */
/* Expiry of one bucket of connections, for the timer and for the chunk-wise sweep. */
#ifndef XLVS_STAGE_SWEEP_H
#define XLVS_STAGE_SWEEP_H

#include <linux/in.h>

#include "config.h"
#include "stage/count.h"
#include "stage/state.h"

/* With expire_nodest_conn, what leads to a deleted server goes at once. */
static __always_inline bool xlvs_is_orphan(const struct xlvs_conn *c)
{
	struct xlvs_server *s = xlvs_get_server(READ_ONCE(c->server));

	return !s || !(READ_ONCE(s->flags) & XLVS_SERVER_F_SERVES);
}

/* drop_entry: a connection that rested, of which few packets were seen: the fewer, the likelier. */
static __always_inline bool xlvs_is_idle(const struct xlvs_control *control, const struct xlvs_conn *c, __u32 meta,
					 __u32 expires, __u32 now)
{
	__u32 packets = READ_ONCE(c->packets), timeout = xlvs_timeout(control, meta);

	if ((__s32)(now - (expires - timeout)) < (__s32)xlvs_seconds_to_ticks(XLVS_DROP_ENTRY_IDLE_S))
		return false;
	return packets && packets < XLVS_PACKETS_COUNTED && !(bpf_get_prandom_u32() % packets);
}

/* drop_entry: what is taken of a bucket whose turn it is. */
static __always_inline bool xlvs_is_droppable(const struct xlvs_control *control, const struct xlvs_conn *c, __u32 meta,
					      __u32 expires, __u32 now)
{
	__u32 state = XLVS_CONN_STATE(meta);

	if (meta & XLVS_CONN_F_TEMPLATE)
		return !(state & XLVS_TEMPLATE_ASSURED);
	if (XLVS_CONN_PROTO(meta) != IPPROTO_TCP)
		return xlvs_is_idle(control, c, meta, expires, now);
	if (state == XLVS_TCP_ESTABLISHED)
		return xlvs_is_idle(control, c, meta, expires, now);
	return state == XLVS_TCP_SYN_RECV || state == XLVS_TCP_SYNACK;
}

/* drop_entry is on, and it is this bucket's turn. */
static __always_inline bool xlvs_drops_here(const struct xlvs_control *control)
{
	return xlvs_setting(control, XLVS_SET_DROP_ENTRY) && !(bpf_get_prandom_u32() % XLVS_DROP_ENTRY_SHARE);
}

/* drops: drop_entry has its turn here */
static __always_inline void xlvs_sweep_entry(const int family, const struct xlvs_control *control, struct xlvs_conn *c,
					     __u32 now, bool drops)
{
	bool orphans = xlvs_setting(control, XLVS_SET_EXPIRE_NODEST_CONN);
	__u32 meta = READ_ONCE(c->meta), expires = READ_ONCE(c->expires), server, template;
	bool due = (__s32)(now - expires) > 0;

	if (!(meta & XLVS_CONN_F_LIVE) || meta & XLVS_CONN_F_BUSY)
		return;
	if (!due && !(orphans && xlvs_is_orphan(c)) && !(drops && xlvs_is_droppable(control, c, meta, expires, now)))
		return;
	server = READ_ONCE(c->server);
	template = READ_ONCE(c->control);
	if (meta & XLVS_CONN_F_TEMPLATE && template) {
		if (due)
			xlvs_rearm(c, meta, expires, now);
		return;
	}
	if (xlvs_swap_timed(c, meta, expires, meta & XLVS_CONN_SEQ_MASK, expires))
		xlvs_depart(family, server, template, meta);
}

/* Global functions: verified once each, whatever calls them.
 * Return 0, or 1 behind the end of the table. */
__noinline int xlvs_sweep_bucket4(__u32 bucket, __u32 now)
{
	struct xlvs_bucket4 *b = bpf_map_lookup_elem(&xlvs_conns4, &bucket);
	struct xlvs_control *control = xlvs_get_control();
	bool drops;

	if (!b || !control)
		return 1;
	drops = xlvs_drops_here(control);
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(XLVS_AF_INET, control, &b->way[w].c, now, drops);
	return 0;
}

__noinline int xlvs_sweep_bucket6(__u32 bucket, __u32 now)
{
	struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);
	struct xlvs_control *control = xlvs_get_control();
	bool drops;

	if (!b || !control)
		return 1;
	drops = xlvs_drops_here(control);
	for (int w = 0; w < XLVS_CONN_WAYS; w++)
		xlvs_sweep_entry(XLVS_AF_INET6, control, &b->way[w].c, now, drops);
	return 0;
}

#endif
