/* SPDX-License-Identifier: GPL-2.0-only */
/* The next hop: from the kernel's FIB, remembered per server and CPU. */
#ifndef XLVS_NET_FIB_H
#define XLVS_NET_FIB_H

#include <bpf/bpf_endian.h>

#include "config.h"
#include "maps.h"
#include "packet.h"

#ifndef BPF_FIB_LOOKUP_SRC /* Linux 6.7 */
#define BPF_FIB_LOOKUP_SRC (1U << 4)
#endif
#ifndef AF_INET
#define AF_INET XLVS_AF_INET
#define AF_INET6 XLVS_AF_INET6
#endif

/* Where to send, and what is still missing. */
struct xlvs_route {
	struct bpf_fib_lookup fib; /* question and answer */
	struct xlvs_nexthop hop;   /* valid = 0: the neighbour is not resolved; mtu = 0: unknown */
	struct xlvs_addr gateway;  /* when the neighbour is not resolved: whom to ask for */
	struct xlvs_addr source;   /* of a packet from here to there; zero = the kernel cannot tell */
	__u32 family;		   /* of gateway */
	__u32 here;		   /* with DROP/NO_ROUTE: dst may be this host itself */
	__u8 macs[12];		   /* of the frame as it came, for forward.h */
};

/* The route of the packet in work: too large for the stack.
 * Writer, reader: the program; flow.h says why one row will do. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_route);
} xlvs_routes SEC(".maps");

static __always_inline struct xlvs_route *xlvs_get_route(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&xlvs_routes, &zero);
}

/* Asks the FIB for the way to dst.
 * ctx     of the program, XDP or TC;  ifindex: where the packet came in
 * family  of src and dst;  src: NULL = any, and route->source becomes the route's
 * returns FORWARDED, with route->hop.valid = 0 when the neighbour must be resolved first | the reason to drop */
static __always_inline enum xlvs_reason xlvs_ask_fib(void *ctx, __u32 ifindex, int family, const struct xlvs_addr *src,
						     const struct xlvs_addr *dst, struct xlvs_route *route)
{
	struct bpf_fib_lookup *fib = &route->fib;
	__u32 flags = !src && xlvs_limits.fib_src ? BPF_FIB_LOOKUP_SRC : 0;
	long rc;

	__builtin_memset(route, 0, sizeof(*route));
	fib->family = (__u8)family;
	fib->ifindex = ifindex;
	fib->tot_len = 1; /* any length that fits: a success then reports the MTU */
	if (family == XLVS_AF_INET) {
		fib->ipv4_src = src ? src->word[0] : 0;
		fib->ipv4_dst = dst->word[0];
	} else {
		if (src && (src->word[0] & bpf_htonl(0xffc00000)) != bpf_htonl(0xfe800000)) /* finds no route from link to link */
			__builtin_memcpy(fib->ipv6_src, src, 16);
		__builtin_memcpy(fib->ipv6_dst, dst, 16);
	}
	rc = bpf_fib_lookup(ctx, fib, sizeof(*fib), flags);
	route->here = rc == BPF_FIB_LKUP_RET_NOT_FWDED;
	switch (rc) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		route->hop.valid = 1;
		route->hop.mtu = fib->mtu_result;
		break;
	case BPF_FIB_LKUP_RET_NO_NEIGH: /* the MTU is not told in this case */
		break;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return XLVS_REASON_FORWARDING_OFF;
	default:
		return XLVS_REASON_NO_ROUTE;
	}
	route->hop.ifindex = fib->ifindex;
	__builtin_memcpy(route->hop.dmac, fib->dmac, 6);
	__builtin_memcpy(route->hop.smac, fib->smac, 6);
	route->family = fib->family;
	__builtin_memcpy(&route->gateway, fib->ipv6_dst, 16);
	if (flags) {
		if (family == XLVS_AF_INET)
			route->source.word[0] = fib->ipv4_src;
		else
			__builtin_memcpy(&route->source, fib->ipv6_src, 16);
	}
	return XLVS_REASON_FORWARDED;
}

/* The same for XDP.  returns NEXT | DROP with a reason */
static __always_inline enum xlvs_verdict xlvs_fib(struct xlvs_packet *p, int family, const struct xlvs_addr *src,
						  const struct xlvs_addr *dst, struct xlvs_route *route)
{
	enum xlvs_reason reason = xlvs_ask_fib(p->ctx, p->ctx->ingress_ifindex, family, src, dst, route);

	return reason == XLVS_REASON_FORWARDED ? XLVS_NEXT : xlvs_drop(p, reason);
}

#endif
