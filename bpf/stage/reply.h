/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside the stages: NAT's way back, from the real server to the client. */
#ifndef XLVS_STAGE_REPLY_H
#define XLVS_STAGE_REPLY_H

#include "stage/forward.h"

/* Source becomes the virtual address again, and the packet goes to the client.
 * reads    p after parse, from_nat
 * writes   the connection's state and timer, the server's traffic
 * returns  TX | REDIRECT | PASS/NOT_OURS | PASS/NEIGHBOUR | DROP with a reason
 * cost     one bucket, the server's rows, a FIB lookup: clients are many */
static __always_inline enum xlvs_verdict xlvs_reply(struct xlvs_packet *p)
{
	struct xlvs_route *route;
	struct xlvs_line *line;
	enum xlvs_verdict v;

	if (!xlvs_lookup(p, XLVS_DIR_OUTPUT))
		return xlvs_pass(p, XLVS_REASON_NOT_OURS);
	/* What cannot go on is left to the stack as it came: it routes server to
	 * client, and says what is wrong from an address of its own. The kernel
	 * sees to that before IPVS, so such a packet moves nothing here. */
	if (xlvs_check_ttl(p) != XLVS_NEXT)
		return xlvs_pass(p, XLVS_REASON_REPLY);
	route = xlvs_get_route();
	if (!route)
		return xlvs_pass(p, XLVS_REASON_REPLY);
	v = xlvs_fib(p, p->family, &p->vaddr, &p->daddr, route);
	if (v != XLVS_NEXT)
		return p->reason == XLVS_REASON_NO_ROUTE ? xlvs_pass(p, XLVS_REASON_REPLY) : v;
	if (route->hop.mtu && p->len > route->hop.mtu)
		return xlvs_may_be_cut(p) ? xlvs_leave_to_cut(p) : xlvs_pass(p, XLVS_REASON_REPLY);
	xlvs_advance(p, XLVS_DIR_OUTPUT);
	line = xlvs_get_line(p->server);
	if (line) {
		line->counters.out_pkts++;
		line->counters.out_bytes += p->len;
	}
	v = xlvs_translate(p, false, &p->vaddr, p->vport);
	if (v != XLVS_NEXT)
		return v;
	/* Clients have no row that could tell when their neighbour was last looked after. */
	if (line && xlvs_limits.confirm && !(line->counters.out_pkts % XLVS_CONFIRM_REPLIES))
		route->hop.valid = 0;
	if (!xlvs_takes_frames(route->hop.ifindex))
		route->hop.valid = 0;
	return route->hop.valid ? xlvs_send(p, &route->hop) : xlvs_ask_slowpath(p, route, 0, XLVS_REASON_NEIGHBOUR);
}

#endif
