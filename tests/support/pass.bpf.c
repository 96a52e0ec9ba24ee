// SPDX-License-Identifier: GPL-2.0-only
/* Passes every frame: a veth whose peer sends with XDP_TX or redirect needs some XDP program to receive. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xlvs_test_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
