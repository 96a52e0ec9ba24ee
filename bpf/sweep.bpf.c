// SPDX-License-Identifier: GPL-2.0-only
/* xlvs_sweep: takes expired connections out of the table and keeps rates, driven by a BPF timer, with no process. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

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
	__u32 step;
	__u32 servers; /* rows whose rates move in this round */
	__u64 due; /* when the next step should be, ns of CLOCK_MONOTONIC */
};

/* The timer and where it stands.  Writer, reader: this program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_sweeper);
} xlvs_timers SEC(".maps");

struct xlvs_share {
	__u32 first;
	__u32 now;
};

static long xlvs_sweep_next4(__u32 i, void *arg)
{
	struct xlvs_share *share = arg;

	return xlvs_sweep_bucket4(share->first + i, share->now) != 0;
}

static long xlvs_sweep_next6(__u32 i, void *arg)
{
	struct xlvs_share *share = arg;

	return xlvs_sweep_bucket6(share->first + i, share->now) != 0;
}

/* Sweeps one share of both tables. */
static __always_inline void xlvs_sweep_step(__u32 step)
{
	__u32 n4 = (xlvs_limits.buckets4 + XLVS_SWEEP_STEPS - 1) / XLVS_SWEEP_STEPS;
	__u32 n6 = (xlvs_limits.buckets6 + XLVS_SWEEP_STEPS - 1) / XLVS_SWEEP_STEPS;
	struct xlvs_share share = { .first = step * n4, .now = xlvs_ticks(bpf_ktime_get_coarse_ns()) };

	bpf_loop(n4, xlvs_sweep_next4, &share, 0);
	share.first = step * n6;
	bpf_loop(n6, xlvs_sweep_next6, &share, 0);
}

/* How long until the next step. Steps are due at a fixed distance from each
 * other: what one is late the next makes up, so that a rate's two seconds are two. */
static __always_inline __u64 xlvs_sweep_delay(struct xlvs_sweeper *s)
{
	__u64 now = bpf_ktime_get_ns();

	s->due += XLVS_SWEEP_PERIOD_NS;
	if (s->due > now)
		return s->due - now;
	if (now - s->due > XLVS_SWEEP_LATE_NS)
		s->due = now;
	return 0;
}

static int xlvs_sweep_tick(void *map, __u32 *key, struct xlvs_sweeper *s)
{
	const struct xlvs_control *control = xlvs_get_control();
	__u32 step = s->step;

	(void)map;
	(void)key;
	xlvs_sweep_step(step % XLVS_SWEEP_STEPS);
	if (control && !(step % XLVS_RATE_STEPS))
		s->servers = READ_ONCE(control->server_end);
	xlvs_rate_share(step % XLVS_RATE_STEPS, XLVS_RATE_STEPS, s->servers);
	s->step = step + 1;
	bpf_timer_start(&s->timer, xlvs_sweep_delay(s), 0);
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
	s->due = bpf_ktime_get_ns() + XLVS_SWEEP_PERIOD_NS;
	return (int)bpf_timer_start(&s->timer, XLVS_SWEEP_PERIOD_NS, 0);
}

char _license[] SEC("license") = "GPL";
