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

/* 2-byte stores: a frame's headers are only so aligned. */
static __always_inline void xlvs_set_macs(struct ethhdr *eth, const __u8 *dst, const __u8 *src)
{
	__builtin_memcpy(eth->h_dest, dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, src, ETH_ALEN);
}

#endif
