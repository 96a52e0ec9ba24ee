/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet source of the load tests: writes the next packet over what the director left of the last one and
 * calls the director again, a million times in one test run. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flood.h"

/* The director. Writer: the test. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} flood_target SEC(".maps");

struct flood_state state;

/* xorshift64 (George Marsaglia, 2003): a test that fails, fails again */
static __always_inline __u32 flood_random(void)
{
	__u64 x = state.random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	state.random = x;
	return (__u32)(x >> 16);
}

/* Handshakes mostly, and everything that ends or disturbs one. */
static __always_inline __u8 flood_flags(__u32 random)
{
	switch (random & 15) {
	case 0 ... 5:
		return 0x02; /* SYN */
	case 6 ... 10:
		return 0x10; /* ACK */
	case 11 ... 12:
		return 0x11; /* FIN, ACK */
	case 13:
		return 0x12; /* SYN, ACK */
	case 14:
		return 0x00;
	default:
		return 0x04; /* RST */
	}
}

/* A flow's address and port: distinct for 2^28 flows. */
static __always_inline void flood_address(__u8 *data, __u32 flow)
{
	*(__be32 *)(data + FLOOD_CLIENT) = bpf_htonl(0x0a000000 | (flow >> 4));
	*(__be16 *)(data + FLOOD_PORT) = bpf_htons(1024 + (flow & 15) * 4001);
}

SEC("xdp")
int flood_one(struct xdp_md *ctx)
{
	__u64 begin = ctx->data, end = ctx->data_end, n = state.next++;
	__u32 flow;
	__u8 *data;

	asm volatile("" : "+r"(begin), "+r"(end)); /* or clang subtracts pointers in 32 bits, which is refused */
	if (bpf_xdp_adjust_head(ctx, (int)(end - begin) - FLOOD_HEADER_LEN))
		return XDP_ABORTED;
	data = (__u8 *)(long)ctx->data;
	if (data + FLOOD_HEADER_LEN > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < FLOOD_HEADER_WORDS; i++)
		((__u64 *)data)[i] = state.header[i];
	if (state.kind == FLOOD_CHURN) {
		flood_address(data, flood_random() % state.known);
		data[FLOOD_FLAGS] = flood_flags(flood_random());
	} else if (state.kind == FLOOD_INORDER) {
		flood_address(data, state.first + (__u32)(n % state.known));
	} else if (n % FLOOD_EACH == 0) {
		flow = (__u32)(n / FLOOD_EACH % state.known);
		flood_address(data, flow);
	} else if (state.kind == FLOOD_PROMOTE && state.stranger) {
		flood_address(data, state.stranger);
		state.stranger = 0;
	} else {
		flow = state.known + flood_random() % ((1u << 28) - state.known);
		flood_address(data, flow);
		data[FLOOD_FLAGS] = (__u8)state.attack_flags;
		state.stranger = flow;
	}
	bpf_tail_call(ctx, &flood_target, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
