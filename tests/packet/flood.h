/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet source of the load tests: what both compilers must agree on. */
#ifndef XLVS_TESTS_FLOOD_H
#define XLVS_TESTS_FLOOD_H

#include <linux/types.h>

#define FLOOD_HEADER_WORDS 7 /* Ethernet, IPv4 and 20 bytes of TCP or UDP: 54 of these 56 bytes */
#define FLOOD_HEADER_LEN   (FLOOD_HEADER_WORDS * 8)
#define FLOOD_CLIENT	   26 /* offsets: the client's address, its port, TCP's flags */
#define FLOOD_PORT	   34
#define FLOOD_FLAGS	   47
#define FLOOD_EACH	   10 /* of so many packets of an attack one belongs to a known flow */

enum flood_kind {
	FLOOD_INORDER, /* flows first, first + 1 ... , `known` of them, all with the header's flags */
	FLOOD_ATTACK,  /* the same, each between FLOOD_EACH - 1 packets of flows that nobody knows, with attack_flags */
	FLOOD_PROMOTE, /* the same, but strangers come in pairs: a SYN and then an ACK */
	FLOOD_CHURN,   /* random flows of `known`, with random flags */
};

/* One source's state, in its .bss, mapped by the test. */
struct flood_state {
	__u64 header[FLOOD_HEADER_WORDS];
	__u64 next;	    /* number of the next packet */
	__u64 random;	    /* state of the generator, not 0 */
	__u32 kind;	    /* enum flood_kind */
	__u32 known;	    /* flows */
	__u32 first;	    /* INORDER: the first one */
	__u32 attack_flags; /* of TCP */
	__u32 stranger;	    /* PROMOTE: the flow whose SYN was the last packet; 0 = none */
};

#endif
