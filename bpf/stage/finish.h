/* SPDX-License-Identifier: GPL-2.0-only */
/* The last stage: counts the reason, answers a drop that owes an error, and turns a verdict into an XDP action. */
#ifndef XLVS_STAGE_FINISH_H
#define XLVS_STAGE_FINISH_H

#include "stage/icmp.h"

/* Does the slow path look at such a packet once more, with time to spare? */
static __always_inline bool xlvs_again(enum xlvs_reason reason)
{
	return reason == XLVS_REASON_IP_OPTIONS || reason == XLVS_REASON_FRAGMENT || reason == XLVS_REASON_ICMP;
}

/* Marks the frame for xlvs_slowpath. A driver without room for metadata leaves
 * it to the stack, unbalanced. */
static __always_inline void xlvs_mark_again(const struct xlvs_packet *p)
{
	struct xlvs_meta *meta;

	if (bpf_xdp_adjust_meta(p->ctx, -(int)sizeof(*meta)))
		return;
	meta = (void *)(long)p->ctx->data_meta;
	if ((void *)(meta + 1) > xlvs_data(p))
		return;
	__builtin_memset(meta, 0, sizeof(*meta));
	meta->magic = XLVS_META_MAGIC;
	meta->kind = XLVS_META_AGAIN;
	meta->family = (__u16)p->family;
}

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
