/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups of a service's servers, and what a dynamic scheduler found in each when it last looked. */
#ifndef XLVS_SCHEDULE_GROUP_H
#define XLVS_SCHEDULE_GROUP_H

#include "flow.h"
#include "maps.h"
#include "schedule/list.h"

/* A new connection changes the load of one server, and so do a connection that
 * closes and one that expires. To look at all servers for each of them cost
 * 3 us at 1,000. So what was found in a group holds until something changes
 * there, and a pick looks at the groups that changed, and at what it knows of
 * the others: the same servers, compared by the same rule.
 *
 * Nobody holds a lock. Who changes a load raises xlvs_changes.count of its rows
 * afterwards; who looks reads the count first. What it finds is kept in one word
 * together with that count, and holds while the count is the same: of two that
 * look at the same time, the one that saw less is not believed. */

/* Which word of xlvs_group.found holds what. */
enum xlvs_look {
	XLVS_LOOK_LEAST = 0, /* place in the list of the server of least cost, plus 1; or XLVS_FOUND_NONE */
	XLVS_LOOK_SET = 1,   /* lblcr: the same of its set */
	XLVS_LOOK_IDLE = 2,  /* lblc, lblcr: 1 when a server is less than half busy */
	XLVS_LOOK_SUM = 2,   /* twos: of the weights */
};
#define XLVS_FOUND_NONE 0
static_assert((__u32)(XLVS_NO_ROW + 1) == XLVS_FOUND_NONE, "no place, plus 1");

/* The word: what was found, a bit that says so, and the low bits of the count. */
#define XLVS_FOUND_BITS 37 /* for the sum of XLVS_GROUP_ROWS weights */
#define XLVS_FOUND_MASK ((1ull << XLVS_FOUND_BITS) - 1)

/* How many groups one verified function looks at; see XLVS_LIST_CHUNK. */
#define XLVS_GROUP_CHUNK 32

static __always_inline struct xlvs_group *xlvs_get_group(__u32 version, const struct xlvs_version *v, __u32 at)
{
	__u32 block = version + xlvs_first_slot(v->servers) + at / XLVS_GROUPS_PER_BLOCK;
	struct xlvs_group_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

	return b ? &b->group[at % XLVS_GROUPS_PER_BLOCK] : NULL;
}

/* The number of groups. */
static __always_inline __u32 xlvs_groups(const struct xlvs_version *v)
{
	return v->state[1];
}

/* First block of the picks of all groups. */
static __always_inline __u32 xlvs_group_picks(__u32 version, const struct xlvs_version *v)
{
	return version + xlvs_first_slot(v->servers) + xlvs_first_group_pick(xlvs_groups(v));
}

static __always_inline struct xlvs_group_pick *xlvs_get_group_pick(__u32 picks, __u32 at)
{
	__u32 block = picks + at / XLVS_GROUP_PICKS_PER_BLOCK;
	struct xlvs_group_pick_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

	return b ? &b->pick[at % XLVS_GROUP_PICKS_PER_BLOCK] : NULL;
}

/* What a word of found is that was written now, but for its value; 0 when it will
 * not hold. To be read before anything of the loads. */
static __always_inline __u64 xlvs_group_now(const struct xlvs_group *g)
{
	__u32 rows = g->rows;
	struct xlvs_changes *c = bpf_map_lookup_elem(&xlvs_changes, &rows);

	return c ? ((__u64)READ_ONCE(c->count) << 1 | 1) << XLVS_FOUND_BITS : 0;
}

static __always_inline __u64 xlvs_group_found(const struct xlvs_group *g, enum xlvs_look look)
{
	return READ_ONCE(g->found[look]) & XLVS_FOUND_MASK;
}

/* Keeps what was found in a group. What the word is but for its value waits in
 * xlvs_flow.found meanwhile: held, it would cost stack. */
static __always_inline void xlvs_keep_found(__u32 version, __u32 at, enum xlvs_look look, __u64 found)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_group *g = v ? xlvs_get_group(version, v, at) : NULL;
	struct xlvs_flow *f = xlvs_get_flow();

	if (g && f)
		WRITE_ONCE(g->found[look], f->found | found);
}

/* Brings up to date what was found in the chunk of groups that starts at `from`.
 * in_group: looks through one group */
static __always_inline __u32 xlvs_refresh(__u32 version, __u32 from, enum xlvs_look look,
					  __u64 (*in_group)(__u32 version, __u32 group))
{
	struct xlvs_version *v;
	struct xlvs_flow *f;
	struct xlvs_group *g;
	__u64 now;

	for (__u32 left = XLVS_GROUP_CHUNK; left; left--, from++) {
		v = xlvs_get_version(version); /* asked for again: held, it would cost stack */
		g = v && from < xlvs_groups(v) ? xlvs_get_group(version, v, from) : NULL;
		f = xlvs_get_flow();
		if (!g || !f)
			break;
		now = xlvs_group_now(g);
		if (now && !((READ_ONCE(g->found[look]) ^ now) >> XLVS_FOUND_BITS))
			continue;
		f->found = now;
		now = in_group(version, from);
		asm volatile("" : "+r"(from)); /* nor is what was worked out of it */
		xlvs_keep_found(version, from, look, now);
	}
	return 0;
}

#endif
