/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP's states as IPVS keeps them: from the packets of both directions (NAT) or the client's alone. */
#ifndef XLVS_STAGE_TCP_H
#define XLVS_STAGE_TCP_H

#include "abi/conn.h"
#include "packet.h"

enum xlvs_direction { XLVS_DIR_INPUT, XLVS_DIR_OUTPUT, XLVS_DIR_INPUT_ONLY, XLVS_DIRECTIONS };

#define NO XLVS_TCP_NONE
#define ES XLVS_TCP_ESTABLISHED
#define SS XLVS_TCP_SYN_SENT
#define SR XLVS_TCP_SYN_RECV
#define FW XLVS_TCP_FIN_WAIT
#define TW XLVS_TCP_TIME_WAIT
#define CL XLVS_TCP_CLOSE
#define CW XLVS_TCP_CLOSE_WAIT
#define LA XLVS_TCP_LAST_ACK
#define LI XLVS_TCP_LISTEN
#define SA XLVS_TCP_SYNACK

/* Next state by direction, event and present state.
 * Source: the behaviour of net/netfilter/ipvs/ip_vs_proto_tcp.c, Linux 6.1. */
static const __u8 xlvs_tcp_next[4][4][16] = {
	[XLVS_DIR_INPUT] = {
		/*                    NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[XLVS_EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[XLVS_EVENT_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[XLVS_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[XLVS_EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	},
	[XLVS_DIR_OUTPUT] = {
		[XLVS_EVENT_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[XLVS_EVENT_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[XLVS_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[XLVS_EVENT_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[XLVS_DIR_INPUT_ONLY] = {
		[XLVS_EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[XLVS_EVENT_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[XLVS_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[XLVS_EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
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

/* state: any number; those beyond the table count as NONE */
static __always_inline __u32 xlvs_tcp_step(enum xlvs_direction dir, __u32 event, __u32 state)
{
	if (event > XLVS_EVENT_RST)
		return XLVS_TCP_CLOSE;
	asm volatile("" : "+r"(event)); /* keeps the mask below, for Linux 6.1 */
	return xlvs_tcp_next[dir & 3][event & 3][state & 15];
}

/* Counted in ActiveConn, else in InActConn. */
static __always_inline bool xlvs_tcp_active(__u32 state)
{
	const __u32 active = 1u << XLVS_TCP_ESTABLISHED | 1u << XLVS_TCP_SYN_SENT | 1u << XLVS_TCP_SYN_RECV |
			     1u << XLVS_TCP_SYNACK;

	return active >> (state & 15) & 1;
}

#endif
