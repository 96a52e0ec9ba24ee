/* SPDX-License-Identifier: GPL-2.0-only */
/* wlc: weighted least connection, by a scan of one dense array. */
#ifndef XLVS_SCHEDULE_WLC_H
#define XLVS_SCHEDULE_WLC_H

#include "maps.h"
#include "stage/service.h"

/* How many servers one verified function looks at; see XLVS_TURN_CHUNK. */
#define XLVS_WLC_CHUNK 128

/* A server's place in the comparison; weight 0 = out of it. */
struct xlvs_wlc {
	__u64 overhead; /* 256 active + inactive */
	__u64 weight;
	__u32 server;
};

static __always_inline void xlvs_wlc_read(struct xlvs_wlc *w, __u32 version, __u32 at)
{
	__u32 block = version + XLVS_FIRST_PICK + at / XLVS_PICKS_PER_BLOCK;
	struct xlvs_pick_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);
	struct xlvs_load *load;

	w->weight = 0;
	if (!b)
		return;
	w->server = b->pick[at % XLVS_PICKS_PER_BLOCK].server;
	load = xlvs_get_load(w->server);
	if (!load || READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD)
		return;
	w->overhead = ((__u64)READ_ONCE(load->active) << 8) + READ_ONCE(load->inactive);
	w->weight = b->pick[at % XLVS_PICKS_PER_BLOCK].weight;
}

/* b less loaded than a? Equals keep a, the earlier in the list. */
static __always_inline bool xlvs_wlc_less(const struct xlvs_wlc *a, const struct xlvs_wlc *b)
{
	return b->weight && (!a->weight || a->overhead * b->weight > b->overhead * a->weight);
}

/* The best of one chunk of the list that starts at `from`: its position, or XLVS_NO_ROW. */
__noinline __u32 xlvs_wlc_scan(__u32 version, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_wlc best = {}, next = {};
	__u32 servers, found = XLVS_NO_ROW;

	if (!v)
		return XLVS_NO_ROW;
	servers = v->servers;
	for (__u32 i = 0; i < XLVS_WLC_CHUNK && from + i < servers; i++) {
		xlvs_wlc_read(&next, version, from + i);
		if (!xlvs_wlc_less(&best, &next))
			continue;
		best = next;
		found = from + i;
	}
	return found;
}

/* The server with the least (256 active + inactive) / weight, compared by
 * cross multiplication; of equals the first in the list, which is the newest.
 * Servers of weight 0 and overloaded ones are never chosen.
 * Source: the rule of net/netfilter/ipvs/ip_vs_wlc.c. O(servers). */
__noinline __u32 xlvs_pick_wlc(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_wlc best = {}, next = {};

	if (!v)
		return XLVS_NO_ROW;
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE && from < v->servers; from += XLVS_WLC_CHUNK) {
		__u32 at = xlvs_wlc_scan(version, from);

		if (at == XLVS_NO_ROW)
			continue;
		xlvs_wlc_read(&next, version, at);
		if (xlvs_wlc_less(&best, &next))
			best = next;
	}
	return best.weight ? best.server : XLVS_NO_ROW;
}

#endif
