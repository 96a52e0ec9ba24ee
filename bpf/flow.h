/* SPDX-License-Identifier: GPL-2.0-only */
/* What opening a connection needs of a packet, and what comes of it. */
#ifndef XLVS_FLOW_H
#define XLVS_FLOW_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi/base.h"
#include "abi/service.h"
#include "abi/verdict.h"

/* A packet that has no connection, as the steps of opening one see it. In a map, not on
 * the stack: the programs' own stack is nearly used up, and a packet's fields
 * would not stay in registers if their address were given away. */
struct xlvs_flow {
	/* in */
	struct xlvs_addr saddr;
	union {
		struct xlvs_addr daddr;
		struct xlvs_service_key key; /* which service the flow addresses; its port and protocol are set apart */
	};
	__u64 hash; /* of the client */
	__u32 now;  /* tick */
	__be16 sport, dport;
	__u8 family; /* XLVS_AF_* */
	__u8 proto;
	__u8 event; /* enum xlvs_event | XLVS_OPENS_* */
	/* out */
	__u32 server;  /* row */
	__u32 forward; /* enum xlvs_forward */
	__u32 reason;  /* enum xlvs_reason: why this verdict */
	/* between the steps of opening */
	__u32 service;	/* row */
	__u32 version;	/* block */
	__u32 template; /* what will control the connection, as its .control, or 0 */
	__u64 ticket;	/* the turn that was taken: schedule/turn.h */
	__u64 found;	/* schedule/group.h */
	/* of a persistent service: the client's template */
	struct xlvs_addr caddr; /* the client as the service's netmask leaves it */
	__u64 chash;
	__u32 timeout; /* ticks */
	__be16 vport;
	__u8 opens;    /* may open a connection */
	__u8 once;     /* one-packet scheduling: without an entry */
	__u8 persists; /* the service is persistent */
	__u8 again;    /* had a connection, which gives way to the new one; here, for the verifier to follow one way */
};

/* What a step of opening a connection answers beside enum xlvs_verdict: the
 * step that comes next. The steps are functions that the program calls one after
 * the other: nested, the chain of their frames would be too long for the stack. */
enum xlvs_step_to {
	XLVS_TO_PERSIST = XLVS_VERDICTS, /* the client's template: stage/persist.h */
	XLVS_TO_CHOOSE,			 /* a server, in one of these three ways: stage/schedule.h */
	XLVS_TO_SEEK,
	XLVS_TO_CLIMB,
	XLVS_TO_TEMPLATE,		 /* a template for that server: stage/persist.h */
	XLVS_TO_ENTER,			 /* an entry: stage/enter.h */
};

/* The flow in work.  Writer, reader: the program that opens it.
 *
 * Each object that includes this has a map of its own, and only one packet of
 * a program is in work on a CPU: XDP (native in the driver's poll, generic in
 * the stack's receive path) and TC ingress both run in softirq, or with
 * softirqs off when a process sends, and on a CPU one softirq does not
 * interrupt another. Were they to nest all the same (a test run in a process,
 * interrupted by traffic on the interface it is attached to), director and
 * slow path do not meet here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_flow);
} xlvs_flows SEC(".maps");

static __always_inline struct xlvs_flow *xlvs_get_flow(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&xlvs_flows, &zero);
}

/* Whole words: what is read as one soon after must be written as one, or the
 * processor cannot hand it on and waits for its cache. */
static __always_inline void xlvs_set_addr(struct xlvs_addr *to, const struct xlvs_addr *from)
{
	__u64 *word = (__u64 *)to;

	word[0] = from->word[0] | (__u64)from->word[1] << 32;
	word[1] = from->word[2] | (__u64)from->word[3] << 32;
}
static __always_inline void xlvs_set_key_end(struct xlvs_service_key *key, __be16 port, __u8 proto, __u8 family)
{
	((__u64 *)key)[2] = port | (__u32)proto << 16 | (__u32)family << 24;
}

static __always_inline enum xlvs_verdict xlvs_flow_ends(struct xlvs_flow *f, enum xlvs_verdict v,
							enum xlvs_reason reason)
{
	f->reason = reason;
	return v;
}

#endif
