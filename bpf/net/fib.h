/* SPDX-License-Identifier: GPL-2.0-only */
/* The next hop: from the kernel's FIB, remembered per server and CPU. */
#ifndef XLVS_NET_FIB_H
#define XLVS_NET_FIB_H

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
	struct xlvs_nexthop hop; /* valid = 0: the neighbour is not resolved; mtu = 0: unknown */
	struct xlvs_addr gateway; /* when the neighbour is not resolved: whom to ask for */
	int family;		  /* of gateway */
	bool here;		  /* with DROP/NO_ROUTE: dst may be this host itself */
};

/* Asks the FIB for the way to dst.
 * family  of src and dst;  src: all zero = any
 * len     bytes of the IP packet as it will leave (IPv4: above 0, so that the route's MTU comes back)
 * from    if not NULL and the kernel can tell: set to the source address of the route
 * returns NEXT, with route->hop.valid = 0 when the neighbour must be resolved first | DROP with a reason */
static __always_inline enum xlvs_verdict xlvs_fib(struct xlvs_packet *p, int family, const struct xlvs_addr *src,
						  const struct xlvs_addr *dst, struct xlvs_route *route,
						  struct xlvs_addr *from)
{
	struct bpf_fib_lookup fib = {};
	__u32 flags = from && xlvs_limits.fib_src ? BPF_FIB_LOOKUP_SRC : 0;
	long rc;

	fib.family = (__u8)family;
	fib.ifindex = p->ctx->ingress_ifindex;
	fib.tot_len = 1; /* any length that fits: a success then reports the MTU */
	if (family == XLVS_AF_INET) {
		fib.ipv4_src = src->word[0];
		fib.ipv4_dst = dst->word[0];
	} else {
		__builtin_memcpy(fib.ipv6_src, src, 16);
		__builtin_memcpy(fib.ipv6_dst, dst, 16);
	}
	rc = bpf_fib_lookup(p->ctx, &fib, sizeof(fib), flags);
	route->here = rc == BPF_FIB_LKUP_RET_NOT_FWDED;
	switch (rc) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		route->hop.valid = 1;
		route->hop.mtu = fib.mtu_result;
		break;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		route->hop.valid = 0;
		route->hop.mtu = 0; /* not told in this case */
		break;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return xlvs_drop(p, XLVS_REASON_FORWARDING_OFF);
	default:
		return xlvs_drop(p, XLVS_REASON_NO_ROUTE);
	}
	route->hop.ifindex = fib.ifindex;
	__builtin_memcpy(route->hop.dmac, fib.dmac, 6);
	__builtin_memcpy(route->hop.smac, fib.smac, 6);
	route->family = fib.family;
	__builtin_memcpy(&route->gateway, fib.ipv6_dst, 16);
	if (flags) {
		if (family == XLVS_AF_INET)
			from->word[0] = fib.ipv4_src;
		else
			__builtin_memcpy(from, fib.ipv6_src, 16);
	}
	return XLVS_NEXT;
}

#endif
