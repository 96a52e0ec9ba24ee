/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection's state after a packet, and how long that state lasts: one table for all protocols, whose rows are
 * events. An event belongs to one protocol, so nothing here asks which one it is. */
#ifndef XLVS_STAGE_STATE_H
#define XLVS_STAGE_STATE_H

#include <linux/in.h>

#include "maps.h"
#include "packet.h"

enum xlvs_direction { XLVS_DIR_INPUT, XLVS_DIR_OUTPUT, XLVS_DIR_INPUT_ONLY, XLVS_DIRECTIONS };

/* An element of the table: the next state, and whether it counts in InActConn. */
#define XLVS_NEXT_INACTIVE 0x80
#define XLVS_NEXT_STATE	   0x1f

/* TCP: SYN_SENT, SYN_RECV, ESTABLISHED and SYNACK are active. */
#define NO (XLVS_TCP_NONE | XLVS_NEXT_INACTIVE)
#define ES XLVS_TCP_ESTABLISHED
#define SS XLVS_TCP_SYN_SENT
#define SR XLVS_TCP_SYN_RECV
#define FW (XLVS_TCP_FIN_WAIT | XLVS_NEXT_INACTIVE)
#define TW (XLVS_TCP_TIME_WAIT | XLVS_NEXT_INACTIVE)
#define CL (XLVS_TCP_CLOSE | XLVS_NEXT_INACTIVE)
#define CW (XLVS_TCP_CLOSE_WAIT | XLVS_NEXT_INACTIVE)
#define LA (XLVS_TCP_LAST_ACK | XLVS_NEXT_INACTIVE)
#define LI (XLVS_TCP_LISTEN | XLVS_NEXT_INACTIVE)
#define SA XLVS_TCP_SYNACK

/* SCTP: only ESTABLISHED is active. */
#define N0 (XLVS_SCTP_NONE | XLVS_NEXT_INACTIVE)
#define I1 (XLVS_SCTP_INIT1 | XLVS_NEXT_INACTIVE)
#define IN (XLVS_SCTP_INIT | XLVS_NEXT_INACTIVE)
#define KS (XLVS_SCTP_COOKIE_SENT | XLVS_NEXT_INACTIVE)
#define KR (XLVS_SCTP_COOKIE_REPLIED | XLVS_NEXT_INACTIVE)
#define KW (XLVS_SCTP_COOKIE_WAIT | XLVS_NEXT_INACTIVE)
#define KO (XLVS_SCTP_COOKIE | XLVS_NEXT_INACTIVE)
#define KE (XLVS_SCTP_COOKIE_ECHOED | XLVS_NEXT_INACTIVE)
#define EE XLVS_SCTP_ESTABLISHED
#define HS (XLVS_SCTP_SHUTDOWN_SENT | XLVS_NEXT_INACTIVE)
#define HR (XLVS_SCTP_SHUTDOWN_RECEIVED | XLVS_NEXT_INACTIVE)
#define HA (XLVS_SCTP_SHUTDOWN_ACK_SENT | XLVS_NEXT_INACTIVE)
#define RJ (XLVS_SCTP_REJECTED | XLVS_NEXT_INACTIVE)
#define DN (XLVS_SCTP_CLOSED | XLVS_NEXT_INACTIVE)

/* Next state by direction, event and present state.
 * Source: the behaviour of net/netfilter/ipvs/ip_vs_proto_tcp.c and ip_vs_proto_sctp.c, Linux 6.1; SCTP's was read off
 * the running kernel, every event in every state: tests/oracle/sctp-states-*. */
static const __u8 xlvs_next[4][XLVS_EVENTS][16] = {
	[XLVS_DIR_INPUT] = {
		/* TCP                NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[XLVS_EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[XLVS_EVENT_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[XLVS_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[XLVS_EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
		[XLVS_EVENT_NONE] = { CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL },
		/* UDP has one state, the first; a packet without a chunk leaves SCTP's where it is. */
		[XLVS_EVENT_DATAGRAM] = { N0, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		/* SCTP                 NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
		[XLVS_EVENT_DATA] = { EE, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_INIT] = { I1, IN, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, IN, IN },
		[XLVS_EVENT_INIT_ACK] = { KW, KW, KW, KS, KR, KO, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_COOKIE_ECHO] = { KR, IN, IN, KR, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_COOKIE_ACK] = { EE, I1, IN, KS, KR, KW, KO, EE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN] = { HR, I1, IN, KS, KR, KW, KO, KE, HR, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN_ACK] = { DN, IN, IN, KS, KR, KW, KO, KE, EE, DN, HR, DN, RJ, DN },
		[XLVS_EVENT_SHUTDOWN_COMPLETE] = { DN, DN, DN, KS, KR, KW, KO, KE, EE, HS, HR, DN, RJ, DN },
		[XLVS_EVENT_ERROR] = { DN, I1, IN, KS, KR, KW, KO, DN, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_ABORT] = { DN, DN, DN, DN, DN, RJ, DN, DN, DN, DN, DN, DN, DN, DN },
	},
	[XLVS_DIR_OUTPUT] = {
		[XLVS_EVENT_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[XLVS_EVENT_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[XLVS_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[XLVS_EVENT_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
		[XLVS_EVENT_NONE] = { CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL },
		[XLVS_EVENT_DATAGRAM] = { N0, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		/* no connection is in NONE when a server speaks */
		[XLVS_EVENT_DATA] = { N0, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_INIT] = { N0, KW, KW, KW, KW, KW, KW, KW, EE, KW, KW, KW, KW, KW },
		[XLVS_EVENT_INIT_ACK] = { N0, KS, KS, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_COOKIE_ECHO] = { N0, KE, KE, KE, KE, KE, KE, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_COOKIE_ACK] = { N0, EE, EE, EE, EE, EE, EE, EE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN] = { N0, HS, HS, HS, HS, HS, HS, HS, HS, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN_ACK] = { N0, HA, HA, HA, HA, KW, KO, KE, EE, HA, HA, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN_COMPLETE] = { N0, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_ERROR] = { N0, DN, DN, DN, DN, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_ABORT] = { N0, RJ, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN },
	},
	[XLVS_DIR_INPUT_ONLY] = {
		[XLVS_EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[XLVS_EVENT_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[XLVS_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[XLVS_EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
		[XLVS_EVENT_NONE] = { CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL },
		[XLVS_EVENT_DATAGRAM] = { N0, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		/* the client alone leads to NONE, INIT1, INIT, COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_RECEIVED and CLOSED */
		[XLVS_EVENT_DATA] = { EE, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_INIT] = { I1, IN, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, IN, IN },
		[XLVS_EVENT_INIT_ACK] = { KE, KE, KE, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_COOKIE_ECHO] = { EE, EE, EE, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_COOKIE_ACK] = { EE, I1, IN, KS, KR, KW, KO, EE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN] = { HR, I1, IN, KS, KR, KW, KO, KE, HR, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN_ACK] = { DN, IN, IN, KS, KR, KW, KO, KE, DN, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_SHUTDOWN_COMPLETE] = { DN, DN, DN, KS, KR, KW, KO, KE, EE, HS, DN, HA, RJ, DN },
		[XLVS_EVENT_ERROR] = { DN, I1, IN, KS, KR, KW, KO, KE, EE, HS, HR, HA, RJ, DN },
		[XLVS_EVENT_ABORT] = { DN, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN, DN },
	},
};

#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA
#undef N0
#undef I1
#undef IN
#undef KS
#undef KR
#undef KW
#undef KO
#undef KE
#undef EE
#undef HS
#undef HR
#undef HA
#undef RJ
#undef DN

/* State and flags after a packet of that event; meta otherwise kept. */
static __always_inline __u32 xlvs_step(__u32 event, __u32 meta, enum xlvs_direction dir)
{
	__u32 next;

	if (meta & XLVS_CONN_F_NOOUTPUT) {
		if (dir == XLVS_DIR_OUTPUT)
			meta &= ~XLVS_CONN_F_NOOUTPUT;
		else
			dir = XLVS_DIR_INPUT_ONLY;
	}
	event &= XLVS_EVENTS - 1;
	asm volatile("" : "+r"(event)); /* keeps the mask below, for Linux 6.1 */
	next = xlvs_next[dir & 3][event & (XLVS_EVENTS - 1)][XLVS_CONN_STATE(meta) & 15];
	return (meta & ~(XLVS_CONN_STATE_MASK | XLVS_CONN_F_INACTIVE)) | (next & XLVS_NEXT_STATE) << 8 |
	       (next & XLVS_NEXT_INACTIVE ? XLVS_CONN_F_INACTIVE : 0);
}

static __always_inline __u32 xlvs_timeout(const struct xlvs_control *control, __u32 meta)
{
	__u32 row = xlvs_timeout_row(XLVS_CONN_PROTO(meta));

	asm volatile("" : "+r"(row)); /* keeps the mask below: Linux 6.1 takes the row for any number */
	return control->timeouts[row & (XLVS_TIMEOUT_ROWS - 1)][XLVS_CONN_STATE(meta) & (XLVS_TIMEOUT_STATES - 1)];
}

/* Both ends have agreed: a template that leads here is not a lone client's. UDP never says so by its state. */
static __always_inline bool xlvs_is_established(__u32 meta)
{
	return XLVS_CONN_STATE(meta) ==
	       (XLVS_CONN_PROTO(meta) == IPPROTO_SCTP ? (__u32)XLVS_SCTP_ESTABLISHED : (__u32)XLVS_TCP_ESTABLISHED);
}

#endif
