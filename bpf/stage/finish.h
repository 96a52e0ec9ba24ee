/* SPDX-License-Identifier: GPL-2.0-only */
/* The last stage: counts the reason, answers a drop that owes an error, and turns a verdict into an XDP action. */
#ifndef XLVS_STAGE_FINISH_H
#define XLVS_STAGE_FINISH_H

#include "stage/again.h"
#include "stage/icmp.h"
#include "stage/tags.h"

/* Out of a VLAN. With two tags a frame may be longer than what the kernel lets XDP redirect, an MTU and one tag: then the
 * slow path sends it.
 * returns  the XDP action: TX | REDIRECT | PASS, with the order | DROP */
static __noinline int xlvs_send_tagged(struct xdp_md *ctx, __u32 ifindex)
{
	const struct xlvs_port *port = xlvs_get_port(ifindex);
	__u32 mtu = 0;

	if (!port)
		return XDP_DROP; /* detached this moment */
	if (port->tag[1] && bpf_check_mtu(ctx, port->link, &mtu, XLVS_TAG_BYTES, 0) > 0)
		return xlvs_leave_to_send(ctx, ifindex);
	if (!xlvs_put_tags(ctx, port->tag, port->tag[1] ? 2 * XLVS_TAG_BYTES : XLVS_TAG_BYTES)) {
		xlvs_count(XLVS_REASON_HEADROOM);
		return XDP_DROP;
	}
	return port->link == ctx->ingress_ifindex ? XDP_TX : (int)bpf_redirect(port->link, 0);
}

/* The way of a packet that ends with its headers. */
static __always_inline int xlvs_finish_parse(const struct xlvs_packet *p)
{
	xlvs_count(p->reason);
	if (xlvs_again(p->reason) || (p->reason == XLVS_REASON_TRUNCATED && xlvs_is_spread(p->ctx)))
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
		if (xlvs_is_spread(p->ctx) && (xlvs_spread < 2 || !xlvs_takes_spread(p->out_ifindex & ~XLVS_HOP_TAGGED)))
			return xlvs_leave_to_send(p->ctx, p->out_ifindex & ~XLVS_HOP_TAGGED);
		if (p->out_ifindex & XLVS_HOP_TAGGED)
			return xlvs_send_tagged(p->ctx, p->out_ifindex & ~XLVS_HOP_TAGGED);
		return (int)bpf_redirect(p->out_ifindex, 0);
	case XLVS_DROP:
		return xlvs_answer(p);
	default:
		return XDP_PASS;
	}
}

#endif
