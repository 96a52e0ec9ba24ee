/* SPDX-License-Identifier: GPL-2.0-only */
/* Ethernet header mechanics. */
#ifndef XLVS_NET_ETH_H
#define XLVS_NET_ETH_H

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "packet.h"

static __always_inline void *xlvs_data(const struct xlvs_packet *p)
{
	return (void *)(long)p->ctx->data;
}
static __always_inline void *xlvs_data_end(const struct xlvs_packet *p)
{
	return (void *)(long)p->ctx->data_end;
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
