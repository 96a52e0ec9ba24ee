// SPDX-License-Identifier: GPL-2.0-only
/* xlvs_sweep: takes expired connections out of the table and keeps rates, driven by a BPF timer, with no process. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi/sweep.h"
#include "config.h"
#include "maps.h"
#include "stage/rate.h"
#include "stage/sweep.h"

/* The timer fires this often; each time it sweeps a share of the table, so
 * that a whole round takes half a second and no step takes long. */
#define XLVS_SWEEP_STEPS     64
#define XLVS_SWEEP_PERIOD_NS (500000000ull / XLVS_SWEEP_STEPS)
#define XLVS_CLOCK_MONOTONIC 1

/* Rates move every so many of these steps: XLVS_RATE_S. */
#define XLVS_RATE_STEPS (XLVS_RATE_S * 2 * XLVS_SWEEP_STEPS)

/* A timer that is later than this does not make up for it. */
#define XLVS_SWEEP_LATE_NS 100000000ull

struct xlvs_sweeper {
	struct bpf_timer timer;
	struct xlvs_sweep_state state;
};

/* The timer and where it stands.  Writer, reader: this program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_sweeper);
} xlvs_timers SEC(".maps");

/* How many regions one step may look into: it shall be short, whatever is due.
 * What it leaves is taken up soon after. */
#define XLVS_SWEEP_REGIONS  128
#define XLVS_SWEEP_AGAIN_NS 500000ull

/* One step's way through xlvs_regions. */
struct xlvs_walk {
	__u32 row;  /* where it is */
	__u32 rows; /* to go */
	__u32 regions; /* that it may still look into */
	__u32 now;
	__u32 life; /* ticks that a new connection lives at least */
	bool orphans;
};

static long xlvs_sweep_row(__u32 i, void *arg)
{
	struct xlvs_walk *w = arg;
	struct xlvs_regions *row = xlvs_regions_at(w->row);

	(void)i;
	if (!row) {
		w->row = 0; /* behind the end, which counts as one */
		w->rows--;
		return 0;
	}
	for (__u32 at = 0; at < XLVS_ROW_REGIONS; at++) {
		struct xlvs_region *r = &row->region[at];
		__u32 swept = w->now - READ_ONCE(r->swept);

		if ((__s32)(w->now - READ_ONCE(r->due)) <= 0 && swept < w->life && !(w->orphans && swept))
			continue;
		if (!w->regions)
			return 1;
		w->regions--;
		xlvs_sweep_known(r, w->row, at, w->now, w->orphans);
	}
	w->row++;
	w->rows--;
	return 0;
}

/* How long SCTP's timeouts count after its last server was seen. Servers are seen once in XLVS_RATE_S; deleted ones, too,
 * as long as they have connections. */
#define XLVS_SCTP_SEEN_S 60

static __always_inline bool xlvs_has_sctp(const struct xlvs_sweep_state *s, __u32 now)
{
	return s->sctp && now - s->sctp < xlvs_seconds_to_ticks(XLVS_SCTP_SEEN_S);
}

/* The shortest life that a connection is entered with, in ticks: an entry of a
 * state that lasts shorter is not new, or not made. The first state, NONE, is
 * left at once but by UDP. SCTP has the shortest timeouts, and few have SCTP. */
static __always_inline __u32 xlvs_shortest_life(const struct xlvs_control *control, bool sctp)
{
	__u32 least = xlvs_seconds_to_ticks(XLVS_REARM_SECONDS);

	for (__u32 row = 0; row < XLVS_TIMEOUT_ROWS; row++)
		for (__u32 state = 0; state < XLVS_TIMEOUT_STATES; state++) {
			__u32 ticks = READ_ONCE(control->timeouts[row][state]);

			if (ticks && ticks < least && (state || row == XLVS_TIMEOUT_UDP) &&
			    (row != XLVS_TIMEOUT_SCTP || sctp))
				least = ticks;
		}
	return least;
}

/* Sweeps what is owed, or as much of it as one step may. */
static __always_inline void xlvs_sweep_owed(struct xlvs_sweep_state *s, const struct xlvs_control *control)
{
	__u32 now = xlvs_ticks(bpf_ktime_get_coarse_ns());
	struct xlvs_walk walk = {
		.row = s->row,
		.rows = s->owed,
		.regions = XLVS_SWEEP_REGIONS,
		.now = now,
		.life = xlvs_shortest_life(control, xlvs_has_sctp(s, now)),
		.orphans = xlvs_setting(control, XLVS_SET_EXPIRE_NODEST_CONN) && READ_ONCE(control->trash),
	};

	bpf_loop(walk.rows, xlvs_sweep_row, &walk, 0);
	s->row = walk.row;
	s->owed = walk.rows;
}

/* A step is due: there is a share of the table more to sweep, and of the rates to move. Steps are due at a fixed
 * distance from each other: what one is late the next makes up, so that a rate's two seconds are two. */
static __always_inline void xlvs_sweep_due(struct xlvs_sweep_state *s, const struct xlvs_control *control, __u64 now)
{
	__u32 rows = xlvs_region_rows(xlvs_limits.buckets4) + xlvs_region_rows(xlvs_limits.buckets6) + 1, step = s->step;

	s->owed += (rows + XLVS_SWEEP_STEPS - 1) / XLVS_SWEEP_STEPS;
	if (s->owed > rows)
		s->owed = rows;
	if (!(step % XLVS_RATE_STEPS))
		s->servers = READ_ONCE(control->server_end);
	if (xlvs_rate_share(step % XLVS_RATE_STEPS, XLVS_RATE_STEPS, s->servers))
		s->sctp = xlvs_ticks(bpf_ktime_get_coarse_ns()) | 1;
	s->step = step + 1;
	s->due += XLVS_SWEEP_PERIOD_NS;
	if ((__s64)(now - s->due) > (__s64)XLVS_SWEEP_LATE_NS)
		s->due = now;
}

/* What the step cost: an operator sees it in xlvs_timers. */
static __always_inline void xlvs_sweep_account(struct xlvs_sweep_state *s, __u64 spent_ns)
{
	s->busy_ns += spent_ns;
	s->steps++;
	if (spent_ns > s->longest_ns)
		s->longest_ns = spent_ns;
}

static int xlvs_sweep_tick(void *map, __u32 *key, struct xlvs_sweeper *sweeper)
{
	const struct xlvs_control *control = xlvs_get_control();
	struct xlvs_sweep_state *s = &sweeper->state;
	__u64 begin = bpf_ktime_get_ns(), end;
	__s64 left;

	(void)map;
	(void)key;
	if (control) {
		if ((__s64)(begin - s->due) >= 0)
			xlvs_sweep_due(s, control, begin);
		xlvs_sweep_owed(s, control);
	}
	end = bpf_ktime_get_ns();
	xlvs_sweep_account(s, end - begin);
	left = (__s64)(s->due - end);
	if (left < 0)
		left = 0;
	if (s->owed && left > (__s64)XLVS_SWEEP_AGAIN_NS)
		left = XLVS_SWEEP_AGAIN_NS;
	bpf_timer_start(&sweeper->timer, left, 0);
	return 0;
}

/* Run once by the loader (BPF_PROG_TEST_RUN): starts the timer.
 * Returns 0, or a negative errno. */
SEC("tc")
int xlvs_sweep_start(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct xlvs_sweeper *s = bpf_map_lookup_elem(&xlvs_timers, &zero);
	long rc;

	(void)skb;
	if (!s)
		return -1;
	rc = bpf_timer_init(&s->timer, &xlvs_timers, XLVS_CLOCK_MONOTONIC);
	if (rc)
		return (int)rc;
	bpf_timer_set_callback(&s->timer, xlvs_sweep_tick);
	s->state.due = bpf_ktime_get_ns() + XLVS_SWEEP_PERIOD_NS;
	return (int)bpf_timer_start(&s->timer, XLVS_SWEEP_PERIOD_NS, 0);
}

char _license[] SEC("license") = "GPL";
