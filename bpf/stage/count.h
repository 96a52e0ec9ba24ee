/* SPDX-License-Identifier: GPL-2.0-only */
/* ActiveConn, InActConn, PersistConn and the overload mark: moved by whoever wins an entry's meta. */
#ifndef XLVS_STAGE_COUNT_H
#define XLVS_STAGE_COUNT_H

#include "stage/place.h"

static __always_inline __u32 *xlvs_count_of(struct xlvs_load *load, __u32 meta)
{
	if (meta & XLVS_CONN_F_TEMPLATE)
		return &load->persistent;
	return meta & XLVS_CONN_F_INACTIVE ? &load->inactive : &load->active;
}

/* A connection joins its server; at the upper threshold the server is overloaded. */
static __always_inline void xlvs_bind(__u32 server, __u32 meta)
{
	struct xlvs_load *load = xlvs_get_load(server);
	__u32 upper;

	if (!load)
		return;
	__sync_fetch_and_add(xlvs_count_of(load, meta), 1);
	upper = READ_ONCE(load->upper);
	if (upper && READ_ONCE(load->active) + READ_ONCE(load->inactive) >= upper)
		__sync_fetch_and_or(&load->flags, XLVS_LOAD_F_OVERLOAD);
	xlvs_note_change(server);
}

/* An overload is over below the lower threshold, or three quarters of the upper one where no lower is set. */
static __always_inline bool xlvs_overload_ends(struct xlvs_load *load)
{
	__u32 upper = READ_ONCE(load->upper), lower = READ_ONCE(load->lower);
	__u32 total = READ_ONCE(load->active) + READ_ONCE(load->inactive);

	if (lower)
		return total < lower;
	return !upper || (__u64)total * 4 < (__u64)upper * 3;
}

/* A connection leaves. */
static __always_inline void xlvs_unbind(__u32 server, __u32 meta)
{
	struct xlvs_load *load = xlvs_get_load(server);

	if (!load)
		return;
	__sync_fetch_and_add(xlvs_count_of(load, meta), -1);
	if (READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD && xlvs_overload_ends(load))
		__sync_fetch_and_and(&load->flags, ~XLVS_LOAD_F_OVERLOAD);
	xlvs_note_change(server);
}

/* A connection changed sides. */
static __always_inline void xlvs_recount(__u32 server, __u32 from, __u32 to)
{
	struct xlvs_load *load = xlvs_get_load(server);

	if (!load)
		return;
	__sync_fetch_and_add(xlvs_count_of(load, from), -1);
	__sync_fetch_and_add(xlvs_count_of(load, to), 1);
	xlvs_note_change(server);
}

/* A connection or template is no more: what it counted for, and what controlled it.
 * meta, server, control: as they were; control is another thing in a template */
static __always_inline void xlvs_depart(const int family, __u32 server, __u32 control, __u32 meta)
{
	struct xlvs_conn *t;

	xlvs_unbind(server, meta);
	if (meta & XLVS_CONN_F_TEMPLATE)
		return;
	t = xlvs_template_at(family, control);
	if (t)
		__sync_fetch_and_add(&t->control, -1);
}

/* Takes a connection out of the table. meta: as just read, LIVE.
 * Returns whether we did it: somebody else may have, or may have changed it,
 * or be moving it (BUSY). */
static __always_inline bool xlvs_release(const int family, struct xlvs_conn *c, __u32 meta)
{
	__u32 server = READ_ONCE(c->server), control = READ_ONCE(c->control);

	if (meta & XLVS_CONN_F_BUSY)
		return false;
	if (__sync_val_compare_and_swap(&c->meta, meta, meta & XLVS_CONN_SEQ_MASK) != meta)
		return false;
	xlvs_depart(family, server, control, meta);
	return true;
}

#endif
