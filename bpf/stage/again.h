/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside the stages: a packet left to the slow path as it came, to be balanced there. */
#ifndef XLVS_STAGE_AGAIN_H
#define XLVS_STAGE_AGAIN_H

#include "net/ip.h"
#include "stage/note.h"

/* Does the slow path look at such a packet once more, with time to spare? */
static __always_inline bool xlvs_again(enum xlvs_reason reason)
{
	return reason == XLVS_REASON_IP_OPTIONS || reason == XLVS_REASON_FRAGMENT || reason == XLVS_REASON_ICMP;
}

/* Marks the frame for xlvs_slowpath. A driver without room for metadata leaves
 * it to the stack, unbalanced. */
static __always_inline void xlvs_mark_again(const struct xlvs_packet *p)
{
	xlvs_new_note(p, XLVS_META_AGAIN);
}

/* May the packet be cut on its way: IPv4 without Don't Fragment? */
static __always_inline bool xlvs_may_be_cut(const struct xlvs_packet *p)
{
	struct iphdr *ip = xlvs_data(p) + sizeof(struct ethhdr);

	if (p->family != XLVS_AF_INET || (void *)(ip + 1) > xlvs_data_end(p))
		return false;
	return !(ip->frag_off & XLVS_IP4_DF);
}

/* Too big for the way out, and may be cut: the slow path does that.  returns PASS/CUT */
static __always_inline enum xlvs_verdict xlvs_leave_to_cut(struct xlvs_packet *p)
{
	xlvs_mark_again(p);
	return xlvs_pass(p, XLVS_REASON_CUT);
}

#endif
