/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The connection table: entries, buckets, and the word that decides who owns an entry. */
#ifndef XLVS_ABI_CONN_H
#define XLVS_ABI_CONN_H

#include "abi/base.h"
#include "abi/hash.h"

/* A connection can be in one of two buckets. The first is chosen by a hash of
 * protocol and client address and port alone. So is the second under NAT: the
 * replies of a server, which do not name the service, find it. Otherwise the
 * second is chosen by the whole flow, so that a client may use one port
 * towards any number of services. Entries are never linked; free is free.
 *
 * meta is the entry's owner: it is changed by compare-and-swap only, and
 * whoever wins moves the counters. bits:
 *    0- 7  protocol (0 for templates of firewall marks)
 *    8-12  state: enum xlvs_tcp_state, xlvs_udp_state, xlvs_sctp_state
 *   13-15  enum xlvs_forward
 *   16-23  XLVS_CONN_F_*
 *   24-31  sequence number, raised when the slot is taken: who read a key and
 *          finds meta unchanged afterwards has read one entry, not two halves
 */
#define XLVS_CONN_F_LIVE     0x00010000u /* the entry holds a connection */
#define XLVS_CONN_F_BUSY     0x00020000u /* being filled; with LIVE: being moved, may be read but not changed */
#define XLVS_CONN_F_TEMPLATE 0x00040000u /* persistence: stands for a client */
#define XLVS_CONN_F_INACTIVE 0x00080000u /* counted in InActConn, else in ActiveConn */
#define XLVS_CONN_F_NOOUTPUT 0x00100000u /* only client's packets seen: input-only states */
#define XLVS_CONN_F_ONEPACKET 0x00200000u
#define XLVS_CONN_F_SYNC     0x00400000u /* came from a peer director */
#define XLVS_CONN_F_SHADOWED 0x00800000u /* NAT: a newer connection has the same client port and server: replies are its */
#define XLVS_CONN_PROTO(meta)	((meta) & 0xff)
#define XLVS_CONN_STATE(meta)	(((meta) >> 8) & 0x1f)
#define XLVS_CONN_FORWARD(meta) (((meta) >> 13) & 0x7)
#define XLVS_CONN_STATE_MASK	0x00001f00u
#define XLVS_CONN_FORWARD_MASK	0x0000e000u
#define XLVS_CONN_SEQ_STEP	0x01000000u
#define XLVS_CONN_SEQ_MASK	0xff000000u

struct xlvs_conn {
	__u32 meta;
	__u32 expires; /* tick after which the entry is free to go */
	__u32 server;  /* row in xlvs_servers */
	__u32 control; /* of a connection: its template's place (bucket * XLVS_CONN_WAYS + way) plus 1, 0 = none;
			* of a template: connections it controls */
	__u32 packets; /* of a connection: client's packets so far; of a template: ticks that a use prolongs it by */
};
static_assert(sizeof(struct xlvs_conn) == 20, "common part");

/* A template's state: bits. Its key is the masked client, client port 0, and
 * the service; meta and expires change in one 64-bit
 * compare-and-swap, so that it does not expire under a new connection. It stays where it is while
 * connections name its place: the sweep prolongs it by XLVS_REARM_SECONDS. */
#define XLVS_TEMPLATE_ASSURED 1 /* IP_VS_CTPL_S_ASSURED: one of its connections was established */
#define XLVS_TEMPLATE_INVALID 2 /* its server was gone when it was used: is never found again */
#define XLVS_REARM_SECONDS    60

struct xlvs_conn4 {
	struct xlvs_conn c;
	__be16 cport, vport;
	__be32 caddr, vaddr;
};
static_assert(sizeof(struct xlvs_conn4) == 32, "half a cache line");

struct xlvs_conn6 {
	struct xlvs_conn c;
	__be16 cport, vport;
	struct xlvs_addr caddr, vaddr;
	__u32 reserved[2];
};
static_assert(sizeof(struct xlvs_conn6) == 64, "one cache line");

#define XLVS_CONN_WAYS 4
struct xlvs_bucket4 {
	struct xlvs_conn4 way[XLVS_CONN_WAYS];
};
struct xlvs_bucket6 {
	struct xlvs_conn6 way[XLVS_CONN_WAYS];
};
static_assert(sizeof(struct xlvs_bucket4) == 128 && sizeof(struct xlvs_bucket6) == 256, "buckets");

XLVS_INLINE __u64 xlvs_hash_conn(const struct xlvs_addr *caddr, __be16 cport, __u8 proto, int family, __u64 seed)
{
	return xlvs_mix(xlvs_hash_addr(caddr, family, seed) ^ ((__u64)cport << 40 | (__u64)proto << 32));
}
/* Bucket numbers in a table of n buckets, from a client's hash. They may be the same one. */
XLVS_INLINE __u32 xlvs_conn_first(__u64 hash, __u32 n)
{
	return xlvs_reduce((__u32)(hash >> 32), n);
}
XLVS_INLINE __u32 xlvs_conn_second_nat(__u64 hash, __u32 n)
{
	return xlvs_reduce((__u32)hash, n);
}
XLVS_INLINE __u32 xlvs_conn_second_flow(__u64 hash, const struct xlvs_addr *vaddr, __be16 vport, int family, __u32 n)
{
	__u64 h = xlvs_hash_addr(vaddr, family, hash) ^ (__u64)vport << 40;

	return xlvs_reduce((__u32)(xlvs_mix(h) >> 32), n);
}

/* TCP states, numbered as in the kernel's include/net/ip_vs.h (IP_VS_TCP_S_*). */
enum xlvs_tcp_state {
	XLVS_TCP_NONE,
	XLVS_TCP_ESTABLISHED,
	XLVS_TCP_SYN_SENT,
	XLVS_TCP_SYN_RECV,
	XLVS_TCP_FIN_WAIT,
	XLVS_TCP_TIME_WAIT,
	XLVS_TCP_CLOSE,
	XLVS_TCP_CLOSE_WAIT,
	XLVS_TCP_LAST_ACK,
	XLVS_TCP_LISTEN,
	XLVS_TCP_SYNACK,
	XLVS_TCP_STATES
};
enum xlvs_udp_state { XLVS_UDP_NORMAL, XLVS_UDP_STATES };
/* SCTP states, the same (IP_VS_SCTP_S_*). */
enum xlvs_sctp_state {
	XLVS_SCTP_NONE,
	XLVS_SCTP_INIT1,
	XLVS_SCTP_INIT,
	XLVS_SCTP_COOKIE_SENT,
	XLVS_SCTP_COOKIE_REPLIED,
	XLVS_SCTP_COOKIE_WAIT,
	XLVS_SCTP_COOKIE,
	XLVS_SCTP_COOKIE_ECHOED,
	XLVS_SCTP_ESTABLISHED,
	XLVS_SCTP_SHUTDOWN_SENT,
	XLVS_SCTP_SHUTDOWN_RECEIVED,
	XLVS_SCTP_SHUTDOWN_ACK_SENT,
	XLVS_SCTP_REJECTED,
	XLVS_SCTP_CLOSED,
	XLVS_SCTP_STATES
};

#endif
