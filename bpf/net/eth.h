/* SPDX-License-Identifier: GPL-2.0-only */
/* Ethernet header mechanics. */
#ifndef XLVS_NET_ETH_H
#define XLVS_NET_ETH_H

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"

static __always_inline void *xlvs_data(const struct xlvs_packet *p)
{
	return (void *)(long)p->ctx->data;
}
static __always_inline void *xlvs_data_end(const struct xlvs_packet *p)
{
	return (void *)(long)p->ctx->data_end;
}

/* 1: a frame may lie in several buffers, of which the program sees the first (the program for jumbo frames); 2: and this
 * kernel redirects such frames (Linux 6.3). A constant of the load, so that the other program pays nothing. */
const volatile __u32 xlvs_spread;

static __always_inline bool xlvs_is_spread(struct xdp_md *ctx)
{
	return xlvs_spread && bpf_xdp_get_buff_len(ctx) > (__u64)(ctx->data_end - ctx->data);
}

/* Has the frame so many bytes? */
static __always_inline bool xlvs_is_long(const struct xlvs_packet *p, __u32 bytes)
{
	if (xlvs_data(p) + bytes <= xlvs_data_end(p))
		return true;
	return xlvs_spread && bytes <= bpf_xdp_get_buff_len(p->ctx);
}

/* A length field in host order. The verifier of Linux 6.1 takes a swapped word
 * for any number: the mask, kept by the barrier, bounds it again. */
static __always_inline __u32 xlvs_length(__be16 field)
{
	__u32 length = bpf_ntohs(field);

	asm volatile("" : "+r"(length));
	return length & 0xffff;
}

/* 2-byte stores: a frame's headers are only so aligned. */
static __always_inline void xlvs_set_macs(struct ethhdr *eth, const __u8 *dst, const __u8 *src)
{
	__builtin_memcpy(eth->h_dest, dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, src, ETH_ALEN);
}

#endif
