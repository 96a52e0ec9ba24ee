/* SPDX-License-Identifier: GPL-2.0-only */
/* What the whole-system bench's programs are told; shared by C and C++. */
#ifndef XLVS_BENCH_SHOT_H
#define XLVS_BENCH_SHOT_H

#include <linux/types.h>

/* An IPv4 UDP packet without checksum, and where it leaves; byte order as on the wire. */
struct shot {
	__u8 dmac[6], smac[6];
	__be32 saddr, daddr;
	__be16 dport;
	__u16 ip_check; /* of the IPv4 header, which is the same in every packet */
	__u32 flows;	/* source ports taken in turn */
	__u32 ifindex;	/* way out */
};

#define SHOT_PAYLOAD	18 /* the shortest Ethernet frame: 60 bytes without its check sequence */
#define SHOT_FIRST_PORT 1024

/* What the empty director does: other addresses, another interface. */
struct relay {
	__u8 dmac[6], smac[6];
	__u32 ifindex;
};

#endif
