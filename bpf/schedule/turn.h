/* SPDX-License-Identifier: GPL-2.0-only */
/* rr and wrr: the next slot of a period that loader/sched computed. */
#ifndef XLVS_SCHEDULE_TURN_H
#define XLVS_SCHEDULE_TURN_H

#include "maps.h"
#include "schedule/list.h"

static __always_inline __u32 xlvs_slot_server(__u32 version, const struct xlvs_version *v, __u32 slot)
{
	__u32 block = version + xlvs_first_slot(v->servers) + slot / XLVS_SLOTS_PER_BLOCK;
	struct xlvs_slot_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

	return b ? b->server[slot % XLVS_SLOTS_PER_BLOCK] : XLVS_NO_ROW;
}

/* How many slots one verified function looks at, and the one that calls it; see XLVS_LIST_CHUNK. */
#define XLVS_TURN_CHUNK 32
#define XLVS_TURN_REACH (32 * XLVS_TURN_CHUNK)

/* The first slot at or after `start`, cyclically, whose server is not
 * overloaded, as a distance from start; XLVS_NO_ROW when a chunk of them are. */
__noinline __u32 xlvs_turn_scan(__u32 version, __u32 start)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 slots;

	if (!v || start >= v->slots)
		return XLVS_NO_ROW;
	slots = v->slots;
	for (__u32 i = 0; i < XLVS_TURN_CHUNK && i < slots; i++) {
		__u32 slot = start + i < slots ? start + i : start + i - slots;
		struct xlvs_load *load = xlvs_get_load(xlvs_slot_server(version, v, slot));

		if (load && !(READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD))
			return i;
	}
	return XLVS_NO_ROW;
}

/* The same of so many chunks from `start` on. */
__noinline __u32 xlvs_turn_reach(__u32 version, __u32 start)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 slots, skipped;

	if (!v || start >= v->slots)
		return XLVS_NO_ROW;
	slots = v->slots;
	for (__u32 done = 0; done < XLVS_TURN_REACH && done < slots; done += XLVS_TURN_CHUNK) {
		skipped = xlvs_turn_scan(version, start + done < slots ? start + done : start + done - slots);
		if (skipped != XLVS_NO_ROW)
			return done + skipped;
	}
	return XLVS_NO_ROW;
}

/* A turn that was taken and that nobody can use: all servers are overloaded. rr's
 * pointer stays where it was. wrr's walk looks for somebody down to the lowest
 * threshold, and is at the top and the list's head then; but if it began behind a
 * server in the lowest pass it comes around to that server and stays.
 * n         the turn's number in the cycle, restarts: the first of the lowest pass, turns: of the cycle
 * Source: the ends of ip_vs_wrr_schedule(), net/netfilter/ipvs/ip_vs_wrr.c. */
__noinline __u32 xlvs_turn_fails(__u32 version, __u64 ticket, __u64 n, __u64 turns, __u64 restarts)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_version_zero *zero = (void *)xlvs_get_version(version + 1);
	bool head;

	if (!v || !zero)
		return XLVS_NO_ROW;
	head = READ_ONCE(zero->restarted) == (__u32)ticket + 1 || (!ticket && !v->state[1]);
	if (zero->restarts == XLVS_NEVER_RESTARTS || !(head || (n && n <= restarts))) {
		__sync_fetch_and_add(&v->ticket, -1);
		return XLVS_NO_ROW;
	}
	__sync_fetch_and_add(&v->ticket, turns - n - 1);
	WRITE_ONCE(zero->restarted, (__u32)(ticket + turns - n) + 1);
	return XLVS_NO_ROW;
}

/* One atomic add takes a turn, so that all cores share one exact sequence.
 * writes   ticket
 * returns  the server's row, or XLVS_NO_ROW when it takes no new connections: xlvs_turn_on() */
static __always_inline __u32 xlvs_take_turn(__u32 version, struct xlvs_version *v, __u64 *ticket)
{
	struct xlvs_load *load;
	__u32 server;

	if (!v->slots)
		return XLVS_NO_ROW;
	*ticket = __sync_fetch_and_add(&v->ticket, 1);
	server = xlvs_slot_server(version, v, (__u32)(*ticket % v->slots));
	load = xlvs_get_load(server);
	return load && !(READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD) ? server : XLVS_NO_ROW;
}

/* A turn that falls to an overloaded server moves on, and takes the turns it
 * skipped with it, as the kernel's pointer does.
 * Returns the server's row, or XLVS_NO_ROW when all are overloaded or none is usable. */
__noinline __u32 xlvs_turn_on(__u32 version, __u64 ticket)
{
	struct xlvs_version *v = xlvs_get_version(version);
	__u32 slots, slot, skipped = XLVS_NO_ROW;
	struct xlvs_version_zero *zero;

	if (!v || !v->slots)
		return XLVS_NO_ROW;
	slots = v->slots;
	slot = (__u32)(ticket % slots);
	for (__u32 done = 0; done < XLVS_MAX_SLOTS && done < slots; done += XLVS_TURN_REACH) {
		skipped = xlvs_turn_reach(version, (__u32)(((__u64)slot + done) % slots));
		if (skipped == XLVS_NO_ROW)
			continue;
		skipped += done;
		break;
	}
	if (skipped == XLVS_NO_ROW) {
		zero = (void *)xlvs_get_version(version + 1);
		return zero ? xlvs_turn_fails(version, ticket, ((__u64)slot + zero->start) % slots, slots,
					      zero->restarts) :
			      XLVS_NO_ROW;
	}
	if (skipped)
		__sync_fetch_and_add(&v->ticket, skipped);
	return xlvs_slot_server(version, v, (__u32)(((__u64)slot + skipped) % slots));
}

#endif
