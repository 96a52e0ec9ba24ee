/* SPDX-License-Identifier: GPL-2.0-only */
/* Orders that the slow path gives itself, in the words in which the director gives them. */
#ifndef XLVS_SLOW_ORDER_H
#define XLVS_SLOW_ORDER_H

#include "net/fib.h"
#include "slow/case.h"
#include "stage/icmp.h"

/* An error to the sender, of the type and code, with that second word. None
 * about an error (RFC 1122, 3.2.2), none about a later fragment, and not too many.
 * returns  ORDER | SHOT */
static __always_inline int xlvs_order_error(struct xlvs_case *c, enum xlvs_reason reason, __u32 type_code, __u32 info)
{
	struct xlvs_meta *order = &c->order;

	xlvs_count(reason);
	if (c->quoted || c->part == XLVS_PART_LATER || !xlvs_icmp_allowed(c->now))
		return TC_ACT_SHOT;
	order->kind = XLVS_META_ERROR;
	order->family = c->family;
	order->type_code = type_code;
	order->info = info;
	/* as in stage/icmp.h: the kernel's own error leaves through IPVS */
	order->server = c->server == XLVS_NO_ROW || c->forward == XLVS_FORWARD_NAT ? XLVS_NO_ROW : c->server;
	order->flags = 0;
	return XLVS_SLOW_ORDER;
}

/* The packet is finished and goes to that next hop, after what the flags name.  returns ORDER */
static __always_inline int xlvs_order_send(struct xlvs_case *c, const struct xlvs_route *route, __u32 flags)
{
	struct xlvs_meta *order = &c->order;

	order->kind = XLVS_META_NEIGHBOUR;
	order->family = (__u16)route->family;
	order->ifindex = route->hop.ifindex;
	__builtin_memcpy(order->nexthop, &route->gateway, sizeof(order->nexthop));
	order->flags = flags;
	return XLVS_SLOW_ORDER;
}

#endif
