/* SPDX-License-Identifier: GPL-2.0-only */
/* What a packet means to its connection: one number for all protocols, and whether it may open one. */
#ifndef XLVS_STAGE_EVENT_H
#define XLVS_STAGE_EVENT_H

#include <linux/in.h>
#include <linux/tcp.h>

#include "net/sctp.h"
#include "packet.h"

/* Small constants would go to mergeable sections (.rodata.cst32), which libbpf 1.1 has no map for. */
#define XLVS_RODATA __attribute__((section(".rodata")))

/* By TCP's flags FIN 1, SYN 2, RST 4, ACK 16: RST before SYN before FIN before ACK, as IPVS ranks them. A table, not
 * branches: the verifier follows every packet once, not once for each flag. */
#define NONE (XLVS_EVENT_NONE | XLVS_OPENS_SLOPPY)
#define FIN  (XLVS_EVENT_FIN | XLVS_OPENS_SLOPPY)
#define SYN  (XLVS_EVENT_SYN | XLVS_OPENS_FIRST)
#define RST  (XLVS_EVENT_RST | XLVS_OPENS_NEVER)
#define ACK  (XLVS_EVENT_ACK | XLVS_OPENS_SLOPPY)
static const __u8 xlvs_tcp_events[32] XLVS_RODATA = {
	NONE, FIN, SYN, SYN, RST, RST, RST, RST, NONE, FIN, SYN, SYN, RST, RST, RST, RST,
	ACK,  FIN, SYN, SYN, RST, RST, RST, RST, ACK,  FIN, SYN, SYN, RST, RST, RST, RST,
};
#undef NONE
#undef FIN
#undef SYN
#undef RST
#undef ACK

static __always_inline __u8 xlvs_tcp_event(const struct tcphdr *tcp)
{
	return xlvs_tcp_events[((const __u8 *)tcp)[13] & 31];
}

/* By the type of SCTP's first chunk. Those that are not named do to a state what DATA does.
 * Source: the behaviour of net/netfilter/ipvs/ip_vs_proto_sctp.c, Linux 6.1. */
#define DATA (XLVS_EVENT_DATA | XLVS_OPENS_SLOPPY)
static const __u8 xlvs_sctp_events[16] XLVS_RODATA = {
	[XLVS_CHUNK_DATA] = DATA,
	[XLVS_CHUNK_INIT] = XLVS_EVENT_INIT | XLVS_OPENS_FIRST,
	[XLVS_CHUNK_INIT_ACK] = XLVS_EVENT_INIT_ACK | XLVS_OPENS_SLOPPY,
	[3 ... 5] = DATA, /* SACK, HEARTBEAT and its ACK */
	[XLVS_CHUNK_ABORT] = XLVS_EVENT_ABORT | XLVS_OPENS_NEVER,
	[XLVS_CHUNK_SHUTDOWN] = XLVS_EVENT_SHUTDOWN | XLVS_OPENS_SLOPPY,
	[XLVS_CHUNK_SHUTDOWN_ACK] = XLVS_EVENT_SHUTDOWN_ACK | XLVS_OPENS_SLOPPY,
	[XLVS_CHUNK_ERROR] = XLVS_EVENT_ERROR | XLVS_OPENS_SLOPPY,
	[XLVS_CHUNK_COOKIE_ECHO] = XLVS_EVENT_COOKIE_ECHO | XLVS_OPENS_SLOPPY,
	[XLVS_CHUNK_COOKIE_ACK] = XLVS_EVENT_COOKIE_ACK | XLVS_OPENS_SLOPPY,
	[12 ... 13] = DATA, /* ECNE, CWR */
	[XLVS_CHUNK_SHUTDOWN_COMPLETE] = XLVS_EVENT_SHUTDOWN_COMPLETE | XLVS_OPENS_SLOPPY,
	[15] = DATA,
};
#undef DATA

static __always_inline __u8 xlvs_sctp_event(__u8 type)
{
	__u32 t = type < 16 ? type : XLVS_CHUNK_DATA;

	asm volatile("" : "+r"(t)); /* keeps the mask below, for Linux 6.1 */
	return xlvs_sctp_events[t & 15];
}

/* IPVS looks at the first chunk alone, but behind a cookie's also at the second: an ABORT there is what counts. */
static __always_inline bool xlvs_chunk_hides(__u8 type)
{
	return type == XLVS_CHUNK_COOKIE_ECHO || type == XLVS_CHUNK_COOKIE_ACK;
}
static __always_inline __u8 xlvs_sctp_event_behind(__u8 event, __u8 second)
{
	return second == XLVS_CHUNK_ABORT ? (event & XLVS_OPENS) | XLVS_EVENT_ABORT : event;
}

#endif
