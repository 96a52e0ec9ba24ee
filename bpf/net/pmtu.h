/* SPDX-License-Identifier: GPL-2.0-only */
/* Path MTU of a tunnel: what its narrowest router said, if one did. */
#ifndef XLVS_NET_PMTU_H
#define XLVS_NET_PMTU_H

#include "net/fib.h"

/* Lowers the MTU of the route in hand to that of the server's tunnel. Unknown
 * stays unknown. Rare, and so a global function: its branches are verified once. */
__noinline int xlvs_heed_pmtu(__u32 server, __u32 now)
{
	struct xlvs_server *s = xlvs_get_server(server);
	struct xlvs_route *route = xlvs_get_route();
	__u16 pmtu;

	if (!s || !route)
		return 0;
	pmtu = READ_ONCE(s->pmtu);
	if (pmtu && pmtu < route->hop.mtu && (__s32)(now - READ_ONCE(s->pmtu_until)) < 0)
		route->hop.mtu = pmtu;
	return 0;
}

#endif
