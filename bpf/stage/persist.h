/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside stage 4: a new connection to a persistent service goes where its client's template leads. */
#ifndef XLVS_STAGE_PERSIST_H
#define XLVS_STAGE_PERSIST_H

#include "stage/enter.h"
#include "stage/template.h"

/* xlvs_open4() found a persistent service: a verdict of its own, never a packet's. */
#define XLVS_TO_PERSIST XLVS_VERDICTS

static __always_inline __u32 xlvs_persist(const int family)
{
	struct xlvs_flow *f = xlvs_get_flow();
	struct xlvs_version *version;
	enum xlvs_verdict v;
	__u32 template;

	if (!f)
		return XLVS_DROP;
	version = xlvs_get_version(f->version);
	if (!version || !xlvs_name_template(family, f, version))
		return xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_TABLE_BUSY);
	template = family == XLVS_AF_INET ? xlvs_find_template4() : xlvs_find_template6();
	if (!f->opens) {
		xlvs_note_stateless(f);
		return template ? XLVS_NEXT : xlvs_go_stateless(f, f->chash);
	}
	if (!template) {
		v = xlvs_schedule(family, f, version);
		if (v != XLVS_NEXT)
			return v;
		template = family == XLVS_AF_INET ? xlvs_make_template4() : xlvs_make_template6();
		/* no room for one: by the masked client, so that its connections stay together */
		if (!template)
			v = xlvs_go_stateless(f, f->chash);
		if (v != XLVS_NEXT)
			return v;
	}
	return f->once ? xlvs_once(f) : xlvs_enter(family, f, true, template);
}

/* The flow in xlvs_flows, to the persistent service that xlvs_open4() found.
 * writes   server forward reason
 * returns  enum xlvs_verdict: NEXT | DROP with f->reason
 * cost     a template's bucket more than another new connection, and two calls */
__noinline __u32 xlvs_persist4(void)
{
	return xlvs_persist(XLVS_AF_INET);
}
__noinline __u32 xlvs_persist6(void)
{
	return xlvs_persist(XLVS_AF_INET6);
}

#endif
