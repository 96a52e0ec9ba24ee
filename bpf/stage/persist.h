/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside stage 4: a new connection to a persistent service goes where its client's template leads. */
#ifndef XLVS_STAGE_PERSIST_H
#define XLVS_STAGE_PERSIST_H

#include "stage/enter.h"
#include "stage/template.h"

static __always_inline __u32 xlvs_persist(const int family)
{
	struct xlvs_flow *f = xlvs_get_flow();
	struct xlvs_version *version;
	__u32 r;

	if (!f)
		return XLVS_DROP;
	version = xlvs_get_version(f->version);
	if (!version || !xlvs_name_template(family, f, version))
		return xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_TABLE_BUSY);
	f->persists = true;
	f->template = xlvs_find_template(family, f);
	if (!f->opens) {
		xlvs_note_stateless(f);
		return f->template ? XLVS_NEXT : xlvs_go_stateless(f, f->chash);
	}
	if (f->template)
		return XLVS_TO_ENTER;
	r = xlvs_schedule_turn(f, version);
	return r == XLVS_NEXT ? XLVS_TO_TEMPLATE : r;
}

/* The flow in xlvs_flows, to the persistent service that xlvs_open4() found.
 * writes   server forward template; reason
 * returns  TO_ENTER | TO_CHOOSE | TO_TEMPLATE, or enum xlvs_verdict: NEXT | DROP with f->reason
 * cost     a template's bucket more than another new connection, and a call, two with a new template */
__noinline __u32 xlvs_persist4(void)
{
	return xlvs_persist(XLVS_AF_INET);
}
__noinline __u32 xlvs_persist6(void)
{
	return xlvs_persist(XLVS_AF_INET6);
}

/* A template for the server that was chosen. Without room for one: a server
 * by the masked client, so that its connections stay together. */
static __always_inline __u32 xlvs_tie(const int family)
{
	struct xlvs_flow *f = xlvs_get_flow();
	enum xlvs_verdict v;

	if (!f)
		return XLVS_DROP;
	f->template = xlvs_make_template(family, f);
	v = f->template ? XLVS_NEXT : xlvs_go_stateless(f, f->chash);
	return v == XLVS_NEXT ? XLVS_TO_ENTER : v;
}

/* For the flow in xlvs_flows.
 * writes   server forward template; reason
 * returns  TO_ENTER, or enum xlvs_verdict: DROP with f->reason */
__noinline __u32 xlvs_tie4(void)
{
	return xlvs_tie(XLVS_AF_INET);
}
__noinline __u32 xlvs_tie6(void)
{
	return xlvs_tie(XLVS_AF_INET6);
}

#endif
