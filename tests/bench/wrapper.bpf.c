/* SPDX-License-Identifier: GPL-2.0-only */
/* The bench's packet source: undoes what the program under test did, writes the next flow's headers, calls it
 * again. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"

/* Programs under test. Writer: the bench. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, BENCH_SLOTS);
} bench_programs SEC(".maps");

struct bench_source source;

/* BPF_PROG_TEST_RUN's repeat runs the program on whatever it left behind the
 * time before. So one call of this measures many packets of a program that
 * rewrites them; what this costs is measured with a program that returns at
 * once, and subtracted. */
SEC("xdp")
int bench_wrapper(struct xdp_md *ctx)
{
	const struct bench_source *s = &source;
	__u64 begin = ctx->data, end = ctx->data_end;
	__u8 *data, *client, *port;
	__u32 flow, number;

	asm volatile(""
		     : "+r"(begin), "+r"(end)); /* or clang subtracts pointers in 32 bits, which is refused */
	/* also when it is 0: then every program pays the same for it */
	if (bpf_xdp_adjust_head(ctx, (int)(end - begin) - (int)s->length))
		return XDP_ABORTED;
	data = (__u8 *)(long)ctx->data;
	if (data + BENCH_HEADER_LEN > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < BENCH_HEADER_WORDS; i++)
		((__u64 *)data)[i] = s->header[i];

	flow = (__u32)(s->next >> (s->twice & 1)) & s->mask;
	if (s->spread)
		flow = bench_shuffle(flow, s->mask);
	flow += s->first;
	number = bench_client(flow);
	client = data + (s->client_at & 63);
	port = data + (s->port_at & 63);
	if (client + 4 > (__u8 *)(long)ctx->data_end || port + 2 > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	*(__be32 *)client = bpf_htonl(0x0a000000 | number);
	*(__be16 *)port = bpf_htons(bench_port(flow));
	if (s->vip_mask)
		*(__be32 *)(data + BENCH_OTHER4) = bpf_htonl(s->vip | (number & s->vip_mask));
	if (s->twice)
		data[s->ipv6 ? BENCH_FLAGS6 : BENCH_FLAGS4] = s->next & 1 ? 0x10 : 0x02;

	/* A locked instruction, not an increment: the headers reach the cache,
	 * as a network card's would, before the program loads them, and no
	 * program hides its last cache miss behind the next packet. */
	__sync_fetch_and_add(&source.next, 1);
	bpf_tail_call(ctx, &bench_programs, s->slot);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
