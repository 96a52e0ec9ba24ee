/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside the stages: errors that we owe the client, made from its own packet (RFC 792, RFC 4443).
 * They are rare and long, so they are a program of their own, reached by tail call. */
#ifndef XLVS_STAGE_ICMP_H
#define XLVS_STAGE_ICMP_H

#include "config.h"
#include "maps.h"
#include "net/icmp.h"
#include "net/ip.h"
#include "stage/service.h"

/* Errors that a core may still send.  Writer, reader: this file. */
struct xlvs_bucket {
	__u32 tick;   /* when it was filled last */
	__u32 tokens; /* errors */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_bucket);
} xlvs_icmp_rate SEC(".maps");

/* What to say, from the director to the program that says it. */
struct xlvs_error {
	int family;	 /* of the packet */
	__u32 type_code; /* ICMP type << 8 | code */
	__u32 info;	 /* second word of the ICMP header, host order */
	__u32 server;	 /* row of the server that the packet was for, or XLVS_NO_ROW */
};
/* Writer: xlvs_answer().  Reader: xlvs_icmp, next on the same core. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_error);
} xlvs_scratch SEC(".maps");

/* Programs reached by tail call. */
enum xlvs_program { XLVS_PROGRAM_ICMP, XLVS_PROGRAMS };

int xlvs_icmp(struct xdp_md *ctx);

/* Filled by libbpf at load. It empties when the last descriptor and pin of it go: the loader pins it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, XLVS_PROGRAMS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} xlvs_programs SEC(".maps") = {
	.values = { [XLVS_PROGRAM_ICMP] = (void *)&xlvs_icmp },
};

/* A token for one error, or not: XLVS_ICMP_PER_TICK a tick and core, at most XLVS_ICMP_BURST at once. */
static __always_inline bool xlvs_icmp_allowed(void)
{
	__u32 zero = 0, now = xlvs_ticks(bpf_ktime_get_coarse_ns()), passed;
	struct xlvs_bucket *b = bpf_map_lookup_elem(&xlvs_icmp_rate, &zero);

	if (!b)
		return false;
	passed = now - b->tick;
	if (passed) {
		b->tick = now;
		b->tokens += (passed > XLVS_ICMP_BURST ? XLVS_ICMP_BURST : passed) * XLVS_ICMP_PER_TICK;
		if (b->tokens > XLVS_ICMP_BURST)
			b->tokens = XLVS_ICMP_BURST;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

/* The sum of the 16-bit words from `from` to the end of the frame, an odd byte padded. */
static __always_inline __u64 xlvs_sum_to_end(void *from, void *end, const __u32 most)
{
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i + 2 <= most; i += 2) {
		if (from + i + 2 > end)
			break;
		sum += *(__u16 *)(from + i);
	}
	if (i < most && from + i + 1 <= end)
		sum += *(__u8 *)(from + i); /* little endian's first byte of a word */
	return sum;
}

/* Trims the frame to a header and a quote, and makes room in front. */
static __always_inline bool xlvs_icmp_shape(struct xdp_md *ctx, __u32 quote, __u32 grow)
{
	__u32 frame = (__u32)(ctx->data_end - ctx->data), want = sizeof(struct ethhdr) + quote;

	if (frame > want && bpf_xdp_adjust_tail(ctx, -(int)(frame - want)))
		return false;
	return !bpf_xdp_adjust_head(ctx, -(int)grow);
}

#define XLVS_QUOTE4 (576 - sizeof(struct iphdr) - sizeof(struct xlvs_icmp))	/* RFC 1812, 4.3.2.3 */
#define XLVS_QUOTE6 (1280 - sizeof(struct ipv6hdr) - sizeof(struct xlvs_icmp)) /* RFC 4443, 2.4 (c) */

/* Turns an IPv4 packet into an error about itself, from its destination to its
 * source, out where it came in.
 * type_code  type << 8 | code;  info: second word of the ICMP header, host order
 * Returns XDP_TX, or XDP_DROP when no error may be sent. */
static __always_inline int xlvs_icmp4(struct xdp_md *ctx, __u32 type_code, __u32 info)
{
	struct ethhdr *eth = (void *)(long)ctx->data, old;
	struct iphdr *ip = (void *)(eth + 1);
	struct xlvs_icmp *icmp;
	__be32 src, dst;
	__u32 quote;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	src = ip->saddr;
	dst = ip->daddr;
	quote = bpf_ntohs(ip->tot_len);
	if (quote > XLVS_QUOTE4)
		quote = XLVS_QUOTE4;
	__builtin_memcpy(&old, eth, sizeof(old));
	/* never to or about a group, nor to nobody (RFC 1122, 3.2.2) */
	if (old.h_dest[0] & 1 || !src || (bpf_ntohl(src) >> 28) >= 14 || (bpf_ntohl(src) >> 24) == 127)
		return XDP_DROP;
	if (!xlvs_icmp_allowed() || !xlvs_icmp_shape(ctx, quote, sizeof(*ip) + sizeof(*icmp)))
		return XDP_DROP;

	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	xlvs_set_macs(eth, old.h_source, old.h_dest);
	eth->h_proto = bpf_htons(ETH_P_IP);
	xlvs_ip4_build(ip, dst, src, IPPROTO_ICMP, 0xc0, XLVS_DEFAULT_TTL, 0, (__be16)bpf_get_prandom_u32(),
		       (__u16)(sizeof(*ip) + sizeof(*icmp) + quote));
	icmp->type = (__u8)(type_code >> 8);
	icmp->code = (__u8)type_code;
	icmp->checksum = 0;
	icmp->info[0] = bpf_htons((__u16)(info >> 16));
	icmp->info[1] = bpf_htons((__u16)info);
	icmp->checksum = ~xlvs_csum_fold(
		xlvs_sum_to_end(icmp, (void *)(long)ctx->data_end, sizeof(*icmp) + XLVS_QUOTE4));
	return XDP_TX;
}

/* The same for IPv6. */
static __always_inline int xlvs_icmp6(struct xdp_md *ctx, __u32 type_code, __u32 info)
{
	struct ethhdr *eth = (void *)(long)ctx->data, old;
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct xlvs_addr src, dst;
	struct xlvs_icmp *icmp;
	__u32 quote;
	__u64 sum;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	xlvs_copy_addr6(&src, &ip->saddr);
	xlvs_copy_addr6(&dst, &ip->daddr);
	quote = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (quote > XLVS_QUOTE6)
		quote = XLVS_QUOTE6;
	__builtin_memcpy(&old, eth, sizeof(old));
	if (old.h_dest[0] & 1 || (bpf_ntohl(src.word[0]) >> 24) == 0xff ||
	    !(src.word[0] | src.word[1] | src.word[2] | src.word[3]))
		return XDP_DROP;
	if (!xlvs_icmp_allowed() || !xlvs_icmp_shape(ctx, quote, sizeof(*ip) + sizeof(*icmp)))
		return XDP_DROP;

	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	xlvs_set_macs(eth, old.h_source, old.h_dest);
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	xlvs_ip6_build(ip, &dst, &src, IPPROTO_ICMPV6, 0, XLVS_DEFAULT_TTL, 0, (__u16)(sizeof(*icmp) + quote));
	icmp->type = (__u8)(type_code >> 8);
	icmp->code = (__u8)type_code;
	icmp->checksum = 0;
	icmp->info[0] = bpf_htons((__u16)(info >> 16));
	icmp->info[1] = bpf_htons((__u16)info);
	sum = xlvs_sum_to_end(icmp, (void *)(long)ctx->data_end, sizeof(*icmp) + XLVS_QUOTE6);
#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += (__u64)src.word[i] + dst.word[i];
	sum += bpf_htonl(sizeof(*icmp) + quote) + (__u64)bpf_htonl(IPPROTO_ICMPV6);
	icmp->checksum = ~xlvs_csum_fold(sum);
	return XDP_TX;
}

/* The kernel counts its own error about a connection without NAT as a packet
 * from the server, for the error leaves through IPVS. */
static __always_inline void xlvs_count_error(struct xdp_md *ctx, __u32 server)
{
	struct xlvs_line *line = xlvs_get_line(server);

	if (!line)
		return;
	line->counters.out_pkts++;
	line->counters.out_bytes += ctx->data_end - ctx->data - sizeof(struct ethhdr);
}

SEC("xdp")
int xlvs_icmp(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct xlvs_error *e = bpf_map_lookup_elem(&xlvs_scratch, &zero);
	int action;

	if (!e)
		return XDP_DROP;
	action = e->family == XLVS_AF_INET ? xlvs_icmp4(ctx, e->type_code, e->info) :
					     xlvs_icmp6(ctx, e->type_code, e->info);
	if (action == XDP_TX && e->server != XLVS_NO_ROW)
		xlvs_count_error(ctx, e->server);
	return action;
}

/* The type and code that a reason for dropping owes the client, or 0. */
static __always_inline __u32 xlvs_owed(const struct xlvs_packet *p)
{
	const bool v4 = p->family == XLVS_AF_INET;

	switch (p->reason) {
	case XLVS_REASON_NO_SERVER:
		return v4 ? XLVS_ICMP4_PORT_UNREACHABLE : XLVS_ICMP6_PORT_UNREACHABLE;
	case XLVS_REASON_TTL:
		return v4 ? XLVS_ICMP4_TIME_EXCEEDED : XLVS_ICMP6_TIME_EXCEEDED;
	case XLVS_REASON_TOO_BIG:
		if (!p->mtu)
			return 0;
		return v4 ? XLVS_ICMP4_FRAGMENTATION : XLVS_ICMP6_PACKET_TOO_BIG;
	default:
		return 0;
	}
}

/* Drops the packet, with the error that its reason owes the client, if any.
 * reads    p->reason; TOO_BIG: p->mtu, 0 = say nothing
 * returns  the XDP action */
static __always_inline int xlvs_answer(const struct xlvs_packet *p)
{
	__u32 zero = 0, owed = xlvs_owed(p);
	struct xlvs_error *e;

	if (!owed)
		return XDP_DROP;
	e = bpf_map_lookup_elem(&xlvs_scratch, &zero);
	if (!e)
		return XDP_DROP;
	e->family = p->family;
	e->type_code = owed;
	e->info = p->reason == XLVS_REASON_TOO_BIG ? p->mtu : 0;
	e->server = p->reason == XLVS_REASON_NO_SERVER || p->forward == XLVS_FORWARD_NAT ? XLVS_NO_ROW : p->server;
	bpf_tail_call(p->ctx, &xlvs_programs, XLVS_PROGRAM_ICMP);
	return XDP_DROP; /* no such program */
}

#endif
