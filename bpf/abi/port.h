/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The interfaces that the director is attached to. */
#ifndef XLVS_ABI_PORT_H
#define XLVS_ABI_PORT_H

#include "abi/base.h"

/* A port's row in xlvs_ports is ifindex % XLVS_PORTS. Two interfaces with one
 * remainder cannot both be attached: one look must do. */
#define XLVS_PORTS 4096
struct xlvs_port {
	__u32 ifindex; /* 0 = free */
	__u16 mac[3]; /* its Ethernet address, as three words of the frame */
	__u16 flags;  /* XLVS_PORT_F_* */
};
/* It takes frames that XDP redirects from any other port: all are native, or all generic. */
#define XLVS_PORT_F_OUT	   1
/* It had a clsact before us: that stays when we go. */
#define XLVS_PORT_F_CLSACT 2
static_assert(sizeof(struct xlvs_port) == 12, "port");

#endif
