/* SPDX-License-Identifier: GPL-2.0-only */
/* A version's list of real servers, newest first, as the schedulers walk it. */
#ifndef XLVS_SCHEDULE_LIST_H
#define XLVS_SCHEDULE_LIST_H

#include "maps.h"
#include "stage/service.h"

/* How many servers one verified function looks at: the verifier follows every
 * step of a loop, which costs some thousand instructions of its budget for each
 * function, and its patience for pending branches is 8,192. */
#define XLVS_LIST_CHUNK 64

/* The server at a place in the list, which must be below version.servers. */
static __always_inline struct xlvs_pick *xlvs_get_pick(__u32 version, __u32 at)
{
	__u32 block = version + XLVS_FIRST_PICK + at / XLVS_PICKS_PER_BLOCK;
	struct xlvs_pick_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

	return b ? &b->pick[at % XLVS_PICKS_PER_BLOCK] : NULL;
}

/* Its row; XLVS_NO_ROW for no place. */
static __always_inline __u32 xlvs_place_server(__u32 version, __u32 at)
{
	struct xlvs_pick *pick = at == XLVS_NO_ROW ? NULL : xlvs_get_pick(version, at);

	return pick ? pick->server : XLVS_NO_ROW;
}

#endif
