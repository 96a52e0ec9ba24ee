/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can become of a packet, and the names under which it is counted. */
#ifndef XLVS_ABI_VERDICT_H
#define XLVS_ABI_VERDICT_H

#include "abi/base.h"

/* What a stage returns. Only XLVS_NEXT goes on to the next one. */
enum xlvs_verdict { XLVS_NEXT, XLVS_PASS, XLVS_TX, XLVS_REDIRECT, XLVS_DROP, XLVS_VERDICTS };

/* X(name, verdict, text). Each is counted in xlvs_reasons, in this order.
 * FORWARDED is not counted there: the servers' counters hold it. */
#define XLVS_REASONS(X)                                                                                  \
	X(FORWARDED, TX, "forwarded to a real server or back to a client")                               \
	X(NOT_OURS, PASS, "neither to a virtual service nor from a NAT server")                          \
	X(OTHER_HOST, PASS, "the frame is addressed to another host or to a group")                      \
	X(NOT_IP, PASS, "not IPv4 or IPv6")                                                              \
	X(PROTOCOL, PASS, "a protocol that is not balanced")                                             \
	X(TRUNCATED, PASS, "a header does not fit into the frame")                                       \
	X(IP_OPTIONS, PASS, "slow path: IPv4 options or IPv6 extension headers")                         \
	X(FRAGMENT, PASS, "slow path: a fragment")                                                       \
	X(FRAGMENT_HELD, PASS, "slow path: a fragment waits for its datagram's first")                   \
	X(ICMP, PASS, "slow path: an ICMP error, perhaps about a connection")                            \
	X(OFF, PASS, "no service of the packet's family is defined")                                     \
	X(NO_CONNECTION, PASS, "to a virtual service, but no connection and not a first packet")         \
	X(NEIGHBOUR, PASS, "slow path: the kernel resolves or looks after the next hop, or xlvs is not on the way out") \
	X(BY_HAND, PASS, "slow path: a tunnel's checksum over a packet that has none")                   \
	X(CUT, PASS, "slow path: too big for the way out, and may be cut")                               \
	X(SERVER_LOCAL, PASS, "the real server is this host itself: the stack delivers")                 \
	X(REPLY, PASS, "a NAT server's packet that needs an error: the stack says so")                   \
	X(MARTIAN, PASS, "a source address that no packet from a network can have: the stack refuses it")\
	X(NO_SERVER, DROP, "no real server can take a new connection")                                   \
	X(NO_ROOM, DROP, "no room for a new connection, which NAT cannot do without")                    \
	X(SERVER_GONE, DROP, "the connection's real server was deleted")                                 \
	X(FORWARDING_OFF, DROP, "net.ipv4.conf.IFACE.forwarding (or its IPv6 twin) is 0 where packets come in")\
	X(NO_ROUTE, DROP, "no route to the real server or client")                                       \
	X(TTL, DROP, "time to live used up")                                                             \
	X(TOO_BIG, DROP, "too big for the way out")                                                      \
	X(HEADROOM, DROP, "no room in front of the frame for a tunnel header")                           \
	X(FRAGMENT_EARLY, DROP, "a fragment before its first, and no room to wait")                               \
	X(FRAGMENT_SUM, DROP, "a fragment of SCTP whose port NAT changes: the checksum covers what is not there") \
	X(MALFORMED, DROP, "a checksum is wrong, headers do not end, or SCTP carries nothing")                      \
	X(TABLE_BUSY, DROP, "the version changed under the packet, repeatedly")                          \
	X(ABI, PASS, "the table has another ABI version")                                                \
	X(STATELESS, TX, "forwarded by hash: no room for the connection")                                \
	X(EVICTED, TX, "a connection not yet established, or already closed, gave way to a new one")

enum xlvs_reason {
#define X(name, verdict, text) XLVS_REASON_##name,
	XLVS_REASONS(X)
#undef X
	XLVS_REASON_COUNT
};

/* What XDP leaves in front of a packet that it passes to xlvs_slowpath. */
#define XLVS_META_MAGIC 0x786c7673u /* "xlvs" */
enum xlvs_meta_kind {
	XLVS_META_NEIGHBOUR = 1, /* the frame is finished: resolve the next hop and send it */
	XLVS_META_ERROR,	 /* send an ICMP error about the packet, and drop it */
	XLVS_META_AGAIN,	 /* balance it: slow/again.h */
	XLVS_META_ADDRESSEE,	 /* for another host, says the director: does the kernel, too? */
};
#define XLVS_META_F_SUM 0x1 /* the shim of the tunnel lacks its checksum */
#define XLVS_META_F_ROUTED 0x4 /* ERROR: by its route, not back where the packet came from. Slow path to itself only */
#define XLVS_META_F_CUT 0x2 /* too big: cut to the MTU in the upper 16 bits. Slow path to itself only */
struct xlvs_meta {
	__u32 magic;
	__u16 kind;   /* enum xlvs_meta_kind */
	__u16 family; /* NEIGHBOUR: of nexthop; ERROR: of the packet */
	union {
		struct {
			__u32 ifindex;	  /* way out */
			__u32 nexthop[4]; /* network order: gateway, or the destination itself */
		};
		struct {
			__u32 type_code; /* ICMP type << 8 | code */
			__u32 info;	 /* second word of the ICMP header, host order */
			__u32 server;	 /* row of the server whose traffic counts the error, or none */
		};
	};
	__u32 flags; /* XLVS_META_F_* */
};
static_assert(sizeof(struct xlvs_meta) == 32, "a multiple of 4, at most 32: what XDP's metadata may be");

#endif
