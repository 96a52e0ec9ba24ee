/* SPDX-License-Identifier: GPL-2.0-only */
/* One step of the estimators of servers and services, for the sweep's timer. */
#ifndef XLVS_STAGE_RATE_H
#define XLVS_STAGE_RATE_H

#include "abi/rate.h"
#include "maps.h"

/* How many rows one step of the timer takes care of, at least: up to there all
 * estimators move at the same moment, as the kernel's do. */
#define XLVS_RATE_SERVERS  1024
#define XLVS_RATE_SERVICES 8192

struct xlvs_rate_sum {
	struct xlvs_counters total;
	__u32 server;
};

static long xlvs_add_cpu(__u32 cpu, void *arg)
{
	struct xlvs_rate_sum *sum = arg;
	struct xlvs_line *line = bpf_map_lookup_percpu_elem(&xlvs_lines, &sum->server, cpu);

	if (!line)
		return 1; /* the last one is behind us */
	sum->total.conns += READ_ONCE(line->counters.conns);
	sum->total.in_pkts += READ_ONCE(line->counters.in_pkts);
	sum->total.in_bytes += READ_ONCE(line->counters.in_bytes);
	sum->total.out_pkts += READ_ONCE(line->counters.out_pkts);
	sum->total.out_bytes += READ_ONCE(line->counters.out_bytes);
	return 0;
}

/* What came since, or nothing where the counter was cleared behind us: its row has another server. */
static __always_inline __u64 xlvs_since(__u64 seen, __u64 now)
{
	return (__s64)(now - seen) > 0 ? now - seen : 0;
}

static __always_inline struct xlvs_rate *xlvs_get_rate(__u32 row)
{
	return bpf_map_lookup_elem(&xlvs_rates, &row);
}

/* A deleted server's estimator stands still until it comes back, as the kernel's. */
static long xlvs_rate_server(__u32 i, void *arg)
{
	__u32 row = *(__u32 *)arg + i;
	struct xlvs_server *s = xlvs_get_server(row);
	struct xlvs_rate *rate = xlvs_get_rate(row), *service;
	struct xlvs_rate_sum sum = { .server = row };
	struct xlvs_counters brought;

	if (!s || !rate)
		return 1;
	if (!(READ_ONCE(s->flags) & XLVS_SERVER_F_AVAILABLE))
		return 0;
	bpf_loop(XLVS_MAX_CPUS, xlvs_add_cpu, &sum, 0);
	brought.conns = xlvs_since(rate->seen.conns, sum.total.conns);
	brought.in_pkts = xlvs_since(rate->seen.in_pkts, sum.total.in_pkts);
	brought.in_bytes = xlvs_since(rate->seen.in_bytes, sum.total.in_bytes);
	brought.out_pkts = xlvs_since(rate->seen.out_pkts, sum.total.out_pkts);
	brought.out_bytes = xlvs_since(rate->seen.out_bytes, sum.total.out_bytes);
	rate->seen = sum.total;
	xlvs_rate_step(&rate->average, &brought);
	service = xlvs_get_rate(xlvs_limits.max_servers + READ_ONCE(s->service));
	if (!service)
		return 0;
	service->seen.conns += brought.conns;
	service->seen.in_pkts += brought.in_pkts;
	service->seen.in_bytes += brought.in_bytes;
	service->seen.out_pkts += brought.out_pkts;
	service->seen.out_bytes += brought.out_bytes;
	return 0;
}

/* Rows of services that are no more only fade: who takes one clears it. */
static long xlvs_rate_service(__u32 i, void *arg)
{
	struct xlvs_rate *rate = xlvs_get_rate(xlvs_limits.max_servers + *(__u32 *)arg + i);
	struct xlvs_counters brought, none = {};

	if (!rate)
		return 1;
	brought = rate->seen;
	rate->seen = none;
	xlvs_rate_step(&rate->average, &brought);
	return 0;
}

/* Of the servers in rows below `servers`, and of all services, the share that
 * falls to step `at` of `steps`. The services begin in the step in which the
 * servers end, and find in their rows what those brought. */
static __always_inline void xlvs_rate_share(__u32 at, __u32 steps, __u32 servers)
{
	__u32 half = steps / 2, services = 2 * xlvs_limits.max_services;
	__u32 many = (servers + half - 1) / half, last, first;

	if (many < XLVS_RATE_SERVERS)
		many = XLVS_RATE_SERVERS;
	last = servers ? (servers - 1) / many : 0;
	first = at * many;
	if (at <= last && first < servers)
		bpf_loop(many < servers - first ? many : servers - first, xlvs_rate_server, &first, 0);
	many = (services + half - 1) / half;
	if (many < XLVS_RATE_SERVICES)
		many = XLVS_RATE_SERVICES;
	first = (at - last) * many;
	if (at >= last && first < services)
		bpf_loop(many < services - first ? many : services - first, xlvs_rate_service, &first, 0);
}

#endif
