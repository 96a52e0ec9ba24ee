/* SPDX-License-Identifier: GPL-2.0-only */
/* The last stage: counts the reason, answers a drop that owes an error, and turns a verdict into an XDP action. */
#ifndef XLVS_STAGE_FINISH_H
#define XLVS_STAGE_FINISH_H

#include "stage/again.h"
#include "stage/icmp.h"

/* The way of a packet that ends with its headers. */
static __always_inline int xlvs_finish_parse(const struct xlvs_packet *p)
{
	xlvs_count(p->reason);
	if (xlvs_again(p->reason))
		xlvs_mark_again(p);
	return XDP_PASS;
}

static __always_inline int xlvs_finish(struct xlvs_packet *p, enum xlvs_verdict v)
{
	if (p->reason != XLVS_REASON_FORWARDED)
		xlvs_count(p->reason);
	switch (v) {
	case XLVS_TX:
		return XDP_TX;
	case XLVS_REDIRECT:
		return (int)bpf_redirect(p->out_ifindex, 0);
	case XLVS_DROP:
		return xlvs_answer(p);
	default:
		return XDP_PASS;
	}
}

#endif
