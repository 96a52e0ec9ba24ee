/* SPDX-License-Identifier: GPL-2.0-only */
/* A flow that has its server: into the table, or on without an entry. */
#ifndef XLVS_STAGE_ENTER_H
#define XLVS_STAGE_ENTER_H

#include "stage/insert.h"
#include "stage/schedule.h"

/* The flow goes on without an entry: so will its later packets. */
static __always_inline void xlvs_note_stateless(const struct xlvs_flow *f)
{
	struct xlvs_control *control = xlvs_get_control();
	__u32 now = f->now ? f->now : 1;

	xlvs_count(XLVS_REASON_STATELESS);
	if (control && f->opens && READ_ONCE(control->stateless) != now)
		WRITE_ONCE(control->stateless, now);
}

/* Only an entry knows how to put a NAT server's replies back.  returns NEXT | DROP/NO_ROOM */
static __always_inline enum xlvs_verdict xlvs_check_stateless(struct xlvs_flow *f)
{
	return f->forward == XLVS_FORWARD_NAT ? xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_NO_ROOM) : XLVS_NEXT;
}

/* No entry: a server by hash, so that all packets of a flow agree as long as the version stands.
 * writes   server forward
 * returns  NEXT | DROP/NO_SERVER | DROP/NO_ROOM */
static __always_inline enum xlvs_verdict xlvs_go_stateless(struct xlvs_flow *f, __u64 hash)
{
	struct xlvs_server *s;

	f->server = xlvs_pick_stateless(f->version, (__u32)(hash >> 16));
	s = xlvs_get_server(f->server);
	if (!s)
		return xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_NO_SERVER);
	f->forward = s->forward;
	return xlvs_check_stateless(f);
}

/* One-packet scheduling: the connection is over with its packet, and enters
 * nothing. It counts for a moment all the same, which may overload its server. */
static __always_inline enum xlvs_verdict xlvs_once(struct xlvs_flow *f)
{
	struct xlvs_load *load = xlvs_get_load(f->server);
	struct xlvs_line *line = xlvs_get_line(f->server);

	if (load && READ_ONCE(load->upper)) {
		xlvs_bind(f->server, XLVS_CONN_F_INACTIVE);
		xlvs_unbind(f->server, XLVS_CONN_F_INACTIVE);
	}
	if (line)
		line->counters.conns++;
	return XLVS_NEXT;
}

static __always_inline bool xlvs_is_once(const struct xlvs_flow *f, const struct xlvs_version *v)
{
	return v->flags & XLVS_SVC_F_ONEPACKET && f->proto == IPPROTO_UDP;
}

/* The flow has a server: now its entry, or without room for one, a server by
 * hash. A client's flows to a persistent service stay together: without an entry, too, it keeps its server. */
static __always_inline __u32 xlvs_enter(const int family)
{
	struct xlvs_flow *f = xlvs_get_flow();
	enum xlvs_entered entered;
	struct xlvs_line *line;

	if (!f)
		return XLVS_DROP;
	if (f->once)
		return xlvs_once(f);
	entered = xlvs_insert(family, f);
	if (entered == XLVS_ENTERED_NEW) {
		line = xlvs_get_line(f->server);
		if (line)
			line->counters.conns++;
	}
	if (entered != XLVS_ENTERED_NOWHERE)
		return XLVS_NEXT;
	xlvs_note_stateless(f);
	return f->persists ? xlvs_check_stateless(f) : xlvs_go_stateless(f, f->hash);
}

/* For the flow in xlvs_flows.
 * writes   server forward reason
 * returns  enum xlvs_verdict: NEXT | DROP/NO_SERVER | DROP/NO_ROOM
 * cost     two calls; the connection's buckets, the server's load */
__noinline __u32 xlvs_enter4(void)
{
	return xlvs_enter(XLVS_AF_INET);
}
__noinline __u32 xlvs_enter6(void)
{
	return xlvs_enter(XLVS_AF_INET6);
}

#endif
