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
	__u32 link;   /* VLAN: the port at which its frames arrive, tagged; MEMBER: the bond; else 0 */
	__be32 tag[2]; /* VLAN: its tags as they stand in the frame, with priority 0, the outer one first; 0 = none */
};
/* It takes frames that XDP redirects from any other port: it is native. Of a VLAN: its link does. */
#define XLVS_PORT_F_OUT	    0x1
/* It had a clsact before us: that stays when we go. */
#define XLVS_PORT_F_CLSACT  0x2
/* A VLAN interface: XDP takes the tags off and puts them on. */
#define XLVS_PORT_F_VLAN    0x4
/* A member of a bond that is a port: XDP runs here, packets are the bond's. */
#define XLVS_PORT_F_MEMBER  0x8
/* In generic mode, where packets may be what the stack has put together, or not yet finished: only the slow path can tell. */
#define XLVS_PORT_F_GENERIC 0x10
/* It carries the program for jumbo frames, so its driver takes frames of several buffers. Of a VLAN: its link does. */
#define XLVS_PORT_F_SPREAD  0x20
static_assert(sizeof(struct xlvs_port) == 24, "port");

/* To which VLAN interface a tagged frame belongs: one look for each tag, as the kernel does. */
#define XLVS_VLANS 4096
struct xlvs_vlan_key {
	__u32 ifindex; /* where the frame is: the port's, then that of the VLAN of the tag before */
	__be32 tag;    /* Ethernet type and id of the next tag, as they stand in the frame; priority 0 */
};
static_assert(sizeof(struct xlvs_vlan_key) == 8, "hash key: no implicit padding");

#endif
