/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside the stages: sources that no packet from a network can have. Connections of theirs are not opened, so an
 * established flow pays nothing for it. */
#ifndef XLVS_STAGE_MARTIAN_H
#define XLVS_STAGE_MARTIAN_H

#include "maps.h"
#include "net/fib.h"

/* What the kernel refuses before IPVS sees it: this host's loopback, groups, nobody and everybody. */
static __always_inline bool xlvs_is_martian(const int family, const struct xlvs_addr *src)
{
	__u32 first = bpf_ntohl(src->word[0]);

	if (family == XLVS_AF_INET)
		return first >> 24 == 127 || first >> 28 == 14 || !first || first == 0xffffffff;
	return first >> 24 == 0xff || (!src->word[0] && !src->word[1] && !src->word[2] && src->word[3] == bpf_htonl(1));
}

/* Is the IPv4 source this host's own address? A service's answer to it would
 * come back and address another service: two that answer each other never end.
 * Only virtual addresses can do that, so only those are looked up. IPv6 has no
 * such rule in the kernel.
 * cost     two loads; for virtual addresses a FIB lookup */
static __noinline int xlvs_from_here(void *ctx, __u32 ifindex, __be32 saddr)
{
	struct xlvs_addr src = { .word = { saddr } };
	struct xlvs_route *route = xlvs_get_route();
	__u32 zero = 0, bit = xlvs_filter_bit(&src, XLVS_AF_INET, xlvs_limits.seed);
	struct xlvs_filter *f = bpf_map_lookup_elem(&xlvs_filter, &zero);

	if (!f || !route || !(f->vip[(bit >> 6) & (XLVS_FILTER_WORDS - 1)] >> (bit & 63) & 1))
		return 0;
	return xlvs_ask_fib(ctx, ifindex, XLVS_AF_INET, NULL, &src, route) == XLVS_REASON_NO_ROUTE && route->here;
}

/* For a packet that would open a connection.  returns NEXT | PASS/MARTIAN */
static __always_inline enum xlvs_verdict xlvs_check_source(struct xlvs_packet *p)
{
	if (p->family == XLVS_AF_INET && xlvs_from_here(p->ctx, p->ctx->ingress_ifindex, p->saddr.word[0]))
		return xlvs_pass(p, XLVS_REASON_MARTIAN);
	return XLVS_NEXT;
}

#endif
