/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet on the slow path: what its headers say, and what becomes of it. */
#ifndef XLVS_SLOW_CASE_H
#define XLVS_SLOW_CASE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "maps.h"
#include "packet.h"
#include "stage/state.h"

/* Which part of a datagram a packet is. */
enum xlvs_part { XLVS_PART_WHOLE, XLVS_PART_FIRST, XLVS_PART_LATER };

#define XLVS_IP_AT sizeof(struct ethhdr) /* offset of the IP header in the frame */

struct xlvs_case {
	/* slow/walk.h */
	__u32 l4;  /* offset of the transport header; of a later fragment: of what it carries */
	__u32 len; /* bytes of the IP packet, its header included */
	struct xlvs_addr saddr, daddr; /* of an error: of the packet that would answer the quoted one */
	struct xlvs_addr outer_saddr, outer_daddr; /* of an error: its own */
	__be16 sport, dport;
	__be32 id; /* of the datagram that a fragment is of */
	__u8 family;
	__u8 proto;
	__u8 event; /* enum xlvs_event | XLVS_OPENS_* */
	__u8 part; /* enum xlvs_part */
	__u8 tos, ttl;
	__u8 df; /* IPv4: may not be cut */
	/* slow/icmp.h: an error quotes a packet; that one is looked up */
	__u32 quoted;	 /* offset of its IP header, 0 = this is no error */
	__u32 quoted_l4; /* offset of its transport header */
	/* slow/tunnel.h: the error quotes a packet in one of our tunnels; of that are proto saddr daddr sport dport */
	__u32 inner;		 /* offset of its IP header, 0 = not in a tunnel */
	struct xlvs_addr tunnel; /* where the tunnel ends, says the quote */
	__be16 tunnel_port;	 /* GUE */
	__be16 tunnel_df;	 /* IPv4's Don't Fragment of the outer header */
	__u8 inner_family;
	__u8 outer_proto;
	__u8 plain; /* not taken for a tunnel's any more */
	__u8 leaves; /* the stack sends the packet: slow/leave.h */
	/* slow/match.h */
	__u32 now;     /* tick */
	__u32 server;  /* row */
	__u32 forward; /* enum xlvs_forward */
	__u32 dir;     /* enum xlvs_direction: to the server, or back */
	struct xlvs_addr vaddr; /* back: address and port to put in place of the server's */
	__be16 vport;
	__u16 reserved;
	/* what is left to do when the answer is XLVS_SLOW_ORDER, in the director's words */
	struct xlvs_meta order;
};

/* The packet in hand.  Writer, reader: slow/.  One row will do: flow.h says why. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_case);
} xlvs_cases SEC(".maps");

static __always_inline struct xlvs_case *xlvs_get_case(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&xlvs_cases, &zero);
}

/* Has a packet of this protocol ports and connections here? */
static __always_inline bool xlvs_is_balanced(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static __always_inline bool xlvs_case_is_icmp(const struct xlvs_case *c)
{
	return c->proto == (c->family == XLVS_AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* An IPv6 header that another one follows, fragments' apart. */
static __always_inline bool xlvs_is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS || proto == IPPROTO_AH;
}

/* What a step of the slow path answers, beside TC_ACT_*. */
#define XLVS_SLOW_NEXT	100 /* go on */
#define XLVS_SLOW_ORDER 101 /* the order is filled in: carry it out */
#define XLVS_SLOW_HOLD	103 /* a fragment before its first: slow/hold.h */
#define XLVS_SLOW_CUT	102 /* go on, and cut it at the end */
#define XLVS_SLOW_HERE	104 /* the real server is this host */

static __always_inline int xlvs_slow_drop(enum xlvs_reason reason)
{
	xlvs_count(reason);
	return TC_ACT_SHOT;
}

#endif
