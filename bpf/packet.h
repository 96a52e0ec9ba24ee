/* SPDX-License-Identifier: GPL-2.0-only */
/* All that is known of one packet, filled stage by stage. */
#ifndef XLVS_PACKET_H
#define XLVS_PACKET_H

#include <linux/bpf.h>
#include <stdbool.h>

#include "abi/base.h"
#include "abi/verdict.h"

/* What a packet means to its connection: the row of the state table that applies. One number for all protocols. */
enum xlvs_event {
	/* TCP, by its flags */
	XLVS_EVENT_SYN,
	XLVS_EVENT_FIN,
	XLVS_EVENT_ACK,
	XLVS_EVENT_RST,
	XLVS_EVENT_NONE,
	/* moves nothing: UDP; SCTP without a chunk */
	XLVS_EVENT_DATAGRAM,
	/* SCTP, by its first chunk */
	XLVS_EVENT_DATA,
	XLVS_EVENT_INIT,
	XLVS_EVENT_INIT_ACK,
	XLVS_EVENT_COOKIE_ECHO,
	XLVS_EVENT_COOKIE_ACK,
	XLVS_EVENT_SHUTDOWN,
	XLVS_EVENT_SHUTDOWN_ACK,
	XLVS_EVENT_SHUTDOWN_COMPLETE,
	XLVS_EVENT_ERROR,
	XLVS_EVENT_ABORT,
	XLVS_EVENTS
};
/* Beside it, in the same byte: may the packet open a connection? */
#define XLVS_OPENS_NEVER  0x00 /* RST, ABORT */
#define XLVS_OPENS_SLOPPY 0x10 /* with sloppy_tcp, sloppy_sctp */
#define XLVS_OPENS_FIRST  0x20 /* SYN without RST, INIT: it does, and may start one over */
#define XLVS_OPENS_ALWAYS 0x30 /* UDP */
#define XLVS_OPENS	  0x30

struct xlvs_packet {
	struct xdp_md *ctx;
	struct xlvs_control *control;
	/* parse */
	int family; /* XLVS_AF_*; a constant in each of the two copies of the program */
	__u32 l4;   /* offset of the transport header in the frame */
	__u32 len;  /* bytes of the IP packet, its header included */
	struct xlvs_addr saddr, daddr;
	__be16 sport, dport;
	__u8 proto;
	__u8 event;	 /* enum xlvs_event | XLVS_OPENS_* */
	bool to_vip;	 /* destination may be a virtual address */
	bool from_nat;	 /* source may be a NAT server */
	/* connection */
	__u32 now;		/* tick */
	__u64 hash;		/* of the client */
	struct xlvs_conn *conn; /* or NULL */
	__u32 meta;		/* conn->meta as it was matched */
	__u32 server;		/* row */
	/* forward */
	__u32 forward; /* enum xlvs_forward of the connection */
	__u32 tun;     /* TUNNEL: the server's tunnel, see net/shim.h */
	__u32 reason; /* enum xlvs_reason: why this verdict */
	__u32 mtu;    /* TOO_BIG: what would have fitted */
	__u32 out_ifindex; /* REDIRECT: the way out */
	__be16 vport; /* reply: port to put back */
	struct xlvs_addr vaddr; /* reply: address to put back */
};

static __always_inline enum xlvs_verdict xlvs_pass(struct xlvs_packet *p, enum xlvs_reason reason)
{
	p->reason = reason;
	return XLVS_PASS;
}

static __always_inline enum xlvs_verdict xlvs_drop(struct xlvs_packet *p, enum xlvs_reason reason)
{
	p->reason = reason;
	return XLVS_DROP;
}

#endif
