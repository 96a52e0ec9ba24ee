// SPDX-License-Identifier: GPL-2.0-only
/* xlvs_sweep_once: the same sweep for kernels without BPF timers, run by commands a chunk at a time. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "maps.h"
#include "stage/sweep.h"

#define XLVS_SWEEP_CHUNK 512

/* Sweeps XLVS_SWEEP_CHUNK buckets of both tables from the bucket number in
 * skb->cb[0] on. Plain loops only: user-mode kernels know no callbacks.
 * Returns 1 when there is more behind them, else 0. */
SEC("tc")
int xlvs_sweep_once(struct __sk_buff *skb)
{
	__u32 from = skb->cb[0], now = xlvs_ticks(bpf_ktime_get_coarse_ns());

	for (__u32 i = 0; i < XLVS_SWEEP_CHUNK; i++) {
		int end4 = xlvs_sweep_bucket4(from + i, now), end6 = xlvs_sweep_bucket6(from + i, now);

		if (end4 && end6)
			return 0;
	}
	return 1;
}

char _license[] SEC("license") = "GPL";
