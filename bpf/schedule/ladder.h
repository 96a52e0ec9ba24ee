/* SPDX-License-Identifier: GPL-2.0-only */
/* wrr with weights whose period is too long to be written down: each turn is computed from its number. */
#ifndef XLVS_SCHEDULE_LADDER_H
#define XLVS_SCHEDULE_LADDER_H

#include "maps.h"
#include "schedule/list.h"
#include "schedule/turn.h"

/* Steps and counts are loader/sched/ladder.h's. Beside the search for the step
 * and for the server everything is arithmetic; a turn that falls to an
 * overloaded server costs scans of the list. */

#define XLVS_PLACE_BITS 12
static_assert(XLVS_MAX_SERVERS_PER_SERVICE <= 1 << XLVS_PLACE_BITS, "a place in a list");
#define XLVS_NO_TURN (~0ull)

/* How many servers one verified function looks at; see XLVS_LIST_CHUNK. */
#define XLVS_LADDER_CHUNK 32

static __always_inline __u32 xlvs_ladder_block(__u32 version, const struct xlvs_version *v)
{
	return version + xlvs_first_slot(v->servers);
}

static __always_inline struct xlvs_ladder *xlvs_get_ladder(__u32 version, const struct xlvs_version *v)
{
	__u32 block = xlvs_ladder_block(version, v);

	return bpf_map_lookup_elem(&xlvs_arena, &block);
}

static __always_inline struct xlvs_step *xlvs_get_step(__u32 version, const struct xlvs_version *v, __u32 at)
{
	__u32 block = xlvs_ladder_block(version, v) + 1 + at / XLVS_STEPS_PER_BLOCK;
	struct xlvs_step_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

	return b ? &b->step[at % XLVS_STEPS_PER_BLOCK] : NULL;
}

/* Searches start from a zero that is read from the ladder: of a number that the
 * verifier knows it would follow every sum. */

/* The last step that begins at or before a turn. */
__noinline __u32 xlvs_step_of_turn(__u32 version, __u64 turn)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	__u32 at;

	if (!l)
		return 0;
	at = l->zero;
	for (__u32 bit = 1 << (XLVS_PLACE_BITS - 1); bit; bit >>= 1) {
		struct xlvs_step *s = at + bit < l->steps ? xlvs_get_step(version, v, at + bit) : NULL;

		if (s && s->first <= turn)
			at += bit;
	}
	return at;
}

/* The last step whose threshold is at least this one. */
__noinline __u32 xlvs_step_of_threshold(__u32 version, __u32 threshold)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	__u32 at;

	if (!l)
		return 0;
	at = l->zero;
	for (__u32 bit = 1 << (XLVS_PLACE_BITS - 1); bit; bit >>= 1) {
		struct xlvs_step *s = at + bit < l->steps ? xlvs_get_step(version, v, at + bit) : NULL;

		if (s && s->threshold >= threshold)
			at += bit;
	}
	return at;
}

/* One number of the counts: `base` is their first block. */
static __always_inline __u32 xlvs_get_count(__u32 base, __u32 at)
{
	__u32 block = base + at / XLVS_COUNTS_PER_BLOCK;
	struct xlvs_count_block *b = bpf_map_lookup_elem(&xlvs_arena, &block);

	return b ? b->count[at % XLVS_COUNTS_PER_BLOCK] : 0;
}

/* The place of the nth, from 0 on, in list order among the `members` heaviest
 * servers. Down the tree: the part of it that begins at place `low`, of which
 * the first `members` count, has so many with the level's bit clear. */
__noinline __u32 xlvs_ladder_place(__u32 version, __u32 members, __u32 nth)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	__u32 base, servers, bit, low, clear;

	if (!l)
		return 0;
	base = xlvs_ladder_block(version, v) + xlvs_first_count(l->steps);
	servers = v->servers;
	low = l->zero;
	bit = 1 << (l->levels % 32);
	for (__u32 level = 0; level < XLVS_PLACE_BITS; level++) {
		bit >>= 1;
		if (!bit)
			break;
		clear = members ? xlvs_get_count(base, level * servers + low + members - 1) : 0;
		if (nth < clear) {
			members = clear;
			continue;
		}
		nth -= clear;
		members -= clear;
		low += bit;
	}
	return low;
}

/* How many servers of a pass, in the step `at`, are in the list before a place. */
__noinline __u32 xlvs_ladder_rank(__u32 version, __u32 at, __u32 place)
{
	__u32 base, servers, bit, low, clear, members, rank = 0;
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	struct xlvs_step *s = l ? xlvs_get_step(version, v, at) : NULL;

	if (!s)
		return 0;
	members = s->members;
	base = xlvs_ladder_block(version, v) + xlvs_first_count(l->steps);
	servers = v->servers;
	low = l->zero;
	bit = 1 << (l->levels % 32);
	for (__u32 level = 0; level < XLVS_PLACE_BITS; level++) {
		bit >>= 1;
		if (!bit)
			break;
		clear = members ? xlvs_get_count(base, level * servers + low + members - 1) : 0;
		if (!(place & bit)) {
			members = clear;
			continue;
		}
		rank += clear;
		members -= clear;
		low += bit;
	}
	return rank;
}

static __always_inline bool xlvs_takes_turns(const struct xlvs_pick *pick)
{
	struct xlvs_load *load = pick ? xlvs_get_load(pick->server) : NULL;

	return load && !(READ_ONCE(load->flags) & XLVS_LOAD_F_OVERLOAD);
}

/* The first place in the chunk that starts at `from` whose server is not
 * overloaded and weighs at least so much, or XLVS_NO_ROW. */
__noinline __u32 xlvs_ladder_scan(__u32 version, __u32 from, __u32 threshold)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick;
	__u32 i = 0;

	if (!v)
		return XLVS_NO_ROW;
	for (; i < XLVS_LADDER_CHUNK && from + i < v->servers; i++) {
		pick = xlvs_get_pick(version, from + i);
		if (__builtin_expect(pick && pick->weight >= threshold && xlvs_takes_turns(pick), 0))
			return from + i;
	}
	return XLVS_NO_ROW;
}

static __always_inline __u32 xlvs_ladder_next(__u32 version, __u32 from, __u32 threshold)
{
	__u32 at = 0, place;

	for (; at < XLVS_MAX_SERVERS_PER_SERVICE; at += XLVS_LADDER_CHUNK) {
		place = xlvs_ladder_scan(version, from + at, threshold);
		if (__builtin_expect(place != XLVS_NO_ROW, 0))
			return place;
	}
	return XLVS_NO_ROW;
}

/* The highest weight of a server that is not overloaded in the chunk that starts at `from`. */
__noinline __u32 xlvs_ladder_most(__u32 version, __u32 from)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_pick *pick;
	__u32 most = 0;

	if (!v)
		return 0;
	for (__u32 i = 0; i < XLVS_LADDER_CHUNK && from + i < v->servers; i++) {
		pick = xlvs_get_pick(version, from + i);
		if (pick && pick->weight > most && xlvs_takes_turns(pick))
			most = pick->weight;
	}
	return most;
}

/* The threshold of the pass after that of `threshold` which has a server that
 * is not overloaded; 0 when all are. Passes from the highest weight of those
 * on have one. */
__noinline __u32 xlvs_ladder_fall(__u32 version, __u32 threshold)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	__u32 most = 0, weight;

	if (!l)
		return 0;
	for (__u32 from = 0; from < XLVS_MAX_SERVERS_PER_SERVICE; from += XLVS_LADDER_CHUNK) {
		weight = xlvs_ladder_most(version, from);
		most = weight > most ? weight : most;
	}
	if (!most)
		return 0;
	most -= l->divisor - 1;
	return threshold > l->divisor && threshold - l->divisor < most ? threshold - l->divisor : most;
}

/* Number of the turn that comes after `rank` others in the pass of a threshold, in the step `at`. */
__noinline __u64 xlvs_turn_of(__u32 version, __u32 at, __u32 threshold, __u32 rank)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	struct xlvs_step *s = l ? xlvs_get_step(version, v, at) : NULL;

	if (!s || !l->divisor)
		return 0;
	return s->first + (__u64)((s->threshold - threshold) / l->divisor) * s->members + rank;
}

/* The place of a turn's server. */
static __always_inline __u32 xlvs_place_of_turn(__u32 version, __u64 turn)
{
	__u32 at = xlvs_step_of_turn(version, turn);
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_step *s = v ? xlvs_get_step(version, v, at) : NULL;

	return s && s->members ? xlvs_ladder_place(version, s->members, (turn - s->first) % s->members) : XLVS_NO_ROW;
}

/* The threshold of a turn's pass. */
__noinline __u32 xlvs_threshold_of_turn(__u32 version, __u64 turn)
{
	__u32 at = xlvs_step_of_turn(version, turn);
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	struct xlvs_step *s = l ? xlvs_get_step(version, v, at) : NULL;

	return s && s->members ? s->threshold - (__u32)((turn - s->first) / s->members) * l->divisor : 0;
}

/* Takes a turn: returns the ticket. */
__noinline __u64 xlvs_take_ticket(__u32 version)
{
	struct xlvs_version *v = xlvs_get_version(version);

	return v ? __sync_fetch_and_add(&v->ticket, 1) : 0;
}

/* The number of a ticket's turn. */
__noinline __u64 xlvs_turn_of_ticket(__u32 version, __u64 ticket)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;

	return l && l->turns ? (ticket + l->start) % l->turns : XLVS_NO_TURN;
}

/* Takes the turns up to number `next` behind number `turn` too. */
__noinline __u32 xlvs_take_turns(__u32 version, __u64 turn, __u64 next)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;

	if (!l || !l->turns)
		return 0;
	next %= l->turns;
	__sync_fetch_and_add(&v->ticket, (next < turn ? next + l->turns : next) - turn);
	return 0;
}

/* Nobody can take the turn. The lowest pass is that of all who have a weight. */
__noinline __u32 xlvs_ladder_fails(__u32 version, __u64 ticket, __u64 turn)
{
	struct xlvs_version *v = xlvs_get_version(version);
	struct xlvs_ladder *l = v ? xlvs_get_ladder(version, v) : NULL;
	struct xlvs_step *last = l ? xlvs_get_step(version, v, l->steps - 1) : NULL;

	return last ? xlvs_turn_fails(version, ticket, turn, l->turns, l->turns - last->members) : XLVS_NO_ROW;
}

/* As schedule/turn.h: one atomic add takes a turn, and a turn that falls to an
 * overloaded server moves on and takes those that it skips with it. Inlined,
 * for the kernel limits the stack of a chain of calls to 512 bytes. */
static __always_inline __u32 xlvs_pick_ladder(__u32 version)
{
	__u64 ticket = xlvs_take_ticket(version), turn = xlvs_turn_of_ticket(version, ticket);
	__u32 place, after, threshold, at;

	if (turn == XLVS_NO_TURN)
		return XLVS_NO_ROW;
	place = xlvs_place_of_turn(version, turn);
	if (place == XLVS_NO_ROW || xlvs_takes_turns(xlvs_get_pick(version, place)))
		return xlvs_place_server(version, place);
	threshold = xlvs_threshold_of_turn(version, turn);
	after = xlvs_ladder_next(version, place + 1, threshold);
	if (after == XLVS_NO_ROW) {
		threshold = xlvs_ladder_fall(version, threshold);
		after = threshold ? xlvs_ladder_next(version, 0, threshold) : XLVS_NO_ROW;
	}
	if (after == XLVS_NO_ROW)
		return xlvs_ladder_fails(version, ticket, turn);
	at = xlvs_step_of_threshold(version, threshold);
	xlvs_take_turns(version, turn, xlvs_turn_of(version, at, threshold, xlvs_ladder_rank(version, at, after)));
	return xlvs_place_server(version, after);
}

#endif
