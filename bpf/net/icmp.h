/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP and ICMPv6 header mechanics. <linux/icmp.h> pulls in the C library, which BPF has not. */
#ifndef XLVS_NET_ICMP_H
#define XLVS_NET_ICMP_H

#include "abi/base.h"

/* The eight bytes that both families' errors begin with. */
struct xlvs_icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 info[2]; /* MTU: ICMP in info[1], ICMPv6 in both */
};
static_assert(sizeof(struct xlvs_icmp) == 8, "header");

/* Type << 8 | code of the errors that we send (RFC 792, RFC 1191, RFC 4443). */
#define XLVS_ICMP4_HOST_UNREACHABLE  0x0301
#define XLVS_ICMP4_PORT_UNREACHABLE  0x0303
#define XLVS_ICMP4_FRAGMENTATION     0x0304
#define XLVS_ICMP4_TIME_EXCEEDED     0x0b00
#define XLVS_ICMP6_ADDRESS_UNREACHABLE 0x0103
#define XLVS_ICMP6_PORT_UNREACHABLE  0x0104
#define XLVS_ICMP6_PACKET_TOO_BIG    0x0200
#define XLVS_ICMP6_TIME_EXCEEDED     0x0300

/* The errors that IPVS looks into: unreachable, source quench, time exceeded;
 * over IPv6 every error. Redirects and parameter problems are the stack's. */
static __always_inline bool xlvs_icmp_is_error(int family, __u8 type)
{
	if (family == XLVS_AF_INET)
		return type == 3 || type == 4 || type == 11;
	return type >= 1 && type < 128;
}

#endif
