/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands between the outer and the inner header of a tunnel: GUE (draft-ietf-intarea-gue) over UDP, or GRE (RFC 2784). */
#ifndef XLVS_NET_SHIM_H
#define XLVS_NET_SHIM_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/udp.h>

#include "abi/server.h"
#include "net/csum.h"

#ifndef IPPROTO_GRE
#define IPPROTO_GRE 47
#endif

/* GUE's base header, version 0, without options: all zero but the inner protocol. */
struct xlvs_gue {
	struct udphdr udp;
	__u8 version;
	__u8 proto;
	__be16 flags;
};
static_assert(sizeof(struct xlvs_gue) == 12, "header");

#define XLVS_GRE_CSUM bpf_htons(0x8000)
struct xlvs_gre {
	__be16 flags;
	__be16 proto; /* Ethernet type */
};
struct xlvs_gre_sum {
	struct xlvs_gre gre;
	__be16 check;
	__be16 reserved;
};
static_assert(sizeof(struct xlvs_gre_sum) == 8, "header");

/* A tunnel in one word, as it stands in struct xlvs_server: type, flags, port. */
static __always_inline __u8 xlvs_tunnel_type(__u32 tun)
{
	return (__u8)tun;
}
static __always_inline __be16 xlvs_tunnel_port(__u32 tun)
{
	return (__be16)(tun >> 16);
}

/* Does the shim carry a checksum? Remote checksum offload makes one of what
 * the sender's network card left undone; a packet that came over a wire has
 * nothing undone, and the kernel, too, then sends an ordinary checksum. */
static __always_inline bool xlvs_shim_sums(__u32 tun)
{
	return xlvs_tunnel_type(tun) != XLVS_TUNNEL_IPIP && (tun >> 8 & (XLVS_TUN_F_CSUM | XLVS_TUN_F_REMCSUM));
}

static __always_inline __u32 xlvs_shim_length(__u32 tun)
{
	switch (xlvs_tunnel_type(tun)) {
	case XLVS_TUNNEL_GUE:
		return sizeof(struct xlvs_gue);
	case XLVS_TUNNEL_GRE:
		return xlvs_shim_sums(tun) ? sizeof(struct xlvs_gre_sum) : sizeof(struct xlvs_gre);
	default:
		return 0;
	}
}

static __always_inline __u8 xlvs_shim_proto(__u32 tun)
{
	return xlvs_tunnel_type(tun) == XLVS_TUNNEL_GUE ? IPPROTO_UDP : IPPROTO_GRE;
}

static __always_inline __be16 xlvs_ether_type(int family)
{
	return family == XLVS_AF_INET ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
}

/* A port of the dynamic range (RFC 6335) that a flow keeps. */
static __always_inline __be16 xlvs_flow_port(__u64 flow)
{
	return bpf_htons(0xc000 | ((__u16)(xlvs_mix(flow) >> 40) & 0x3fff));
}

/* len: of the UDP header and all behind it.  The checksum is left 0. */
static __always_inline void xlvs_gue_build(struct xlvs_gue *gue, __be16 sport, __be16 dport, __u8 proto, __u16 len)
{
	gue->udp.source = sport;
	gue->udp.dest = dport;
	gue->udp.len = bpf_htons(len);
	gue->udp.check = 0;
	gue->version = 0;
	gue->proto = proto;
	gue->flags = 0;
}

static __always_inline __u64 xlvs_gue_sum(const struct xlvs_gue *gue)
{
	return (__u64)gue->udp.source + gue->udp.dest + gue->udp.len + bpf_htons(gue->proto);
}

/* The pseudo header of a transport checksum. len: of the transport header and all behind it. */
static __always_inline __u64 xlvs_pseudo_sum(const struct xlvs_addr *src, const struct xlvs_addr *dst, int family,
					     __u8 proto, __u32 len)
{
	__u64 sum = (__u64)bpf_htons(proto) + bpf_htons((__u16)len) + src->word[0] + dst->word[0];

	if (family == XLVS_AF_INET)
		return sum;
#pragma unroll
	for (int i = 1; i < 4; i++)
		sum += (__u64)src->word[i] + dst->word[i];
	return sum;
}

/* A UDP checksum of that sum; 0 would mean none (RFC 768). */
static __always_inline __u16 xlvs_udp_finish(__u64 sum)
{
	__u16 check = (__u16)~xlvs_csum_fold(sum);

	return check ? check : 0xffff;
}

#endif
