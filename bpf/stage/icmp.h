/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside the stages: which error a drop owes the client. xlvs_slowpath makes it. */
#ifndef XLVS_STAGE_ICMP_H
#define XLVS_STAGE_ICMP_H

#include "config.h"
#include "maps.h"
#include "net/eth.h"
#include "net/icmp.h"
#include "stage/note.h"
#include "stage/service.h"

/* Errors that a core may still ask for.  Writer, reader: this file. */
struct xlvs_token_bucket {
	__u32 tick;   /* when it was filled last */
	__u32 tokens; /* errors */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_token_bucket);
} xlvs_icmp_rate SEC(".maps");

/* A token for one error, or not: XLVS_ICMP_PER_TICK a tick and core, at most XLVS_ICMP_BURST at once. */
static __always_inline bool xlvs_icmp_allowed(__u32 now)
{
	__u32 zero = 0, passed;
	struct xlvs_token_bucket *b = bpf_map_lookup_elem(&xlvs_icmp_rate, &zero);

	if (!b)
		return false;
	passed = now - b->tick;
	if (passed) {
		b->tick = now;
		b->tokens += (passed > XLVS_ICMP_BURST ? XLVS_ICMP_BURST : passed) * XLVS_ICMP_PER_TICK;
		if (b->tokens > XLVS_ICMP_BURST)
			b->tokens = XLVS_ICMP_BURST;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

/* The type and code that a reason for dropping owes the client, or 0. */
static __always_inline __u32 xlvs_owed(const struct xlvs_packet *p)
{
	const bool v4 = p->family == XLVS_AF_INET;

	switch (p->reason) {
	case XLVS_REASON_NO_SERVER:
		return v4 ? XLVS_ICMP4_PORT_UNREACHABLE : XLVS_ICMP6_PORT_UNREACHABLE;
	case XLVS_REASON_NO_ROUTE:
		return v4 ? XLVS_ICMP4_HOST_UNREACHABLE : XLVS_ICMP6_ADDRESS_UNREACHABLE;
	case XLVS_REASON_TTL:
		return v4 ? XLVS_ICMP4_TIME_EXCEEDED : XLVS_ICMP6_TIME_EXCEEDED;
	case XLVS_REASON_TOO_BIG:
		return v4 ? XLVS_ICMP4_FRAGMENTATION : XLVS_ICMP6_PACKET_TOO_BIG;
	default:
		return 0;
	}
}

/* Drops the packet, or passes it to the slow path with the error that its
 * reason owes the client.
 * reads    p->reason; TOO_BIG: p->mtu
 * returns  the XDP action: DROP | PASS */
static __always_inline int xlvs_answer(const struct xlvs_packet *p)
{
	__u32 owed = xlvs_owed(p);
	struct xlvs_meta *meta;

	if (!owed || !xlvs_icmp_allowed(p->now))
		return XDP_DROP;
	meta = xlvs_new_note(p, XLVS_META_ERROR);
	if (!meta)
		return XDP_DROP;
	meta->type_code = owed;
	meta->info = p->reason == XLVS_REASON_TOO_BIG ? p->mtu : 0;
	/* the kernel counts its own error about a connection without NAT as a
	 * packet from the server, for the error leaves through IPVS */
	meta->server = p->reason == XLVS_REASON_NO_SERVER || p->forward == XLVS_FORWARD_NAT ? XLVS_NO_ROW : p->server;
	return XDP_PASS;
}

#endif
