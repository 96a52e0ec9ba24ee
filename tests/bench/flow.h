/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the bench's packets come from: the flow numbers and what both compilers must agree on. */
#ifndef XLVS_BENCH_FLOW_H
#define XLVS_BENCH_FLOW_H

#include <linux/types.h>

/* The wrapper writes this much of every frame anew, whatever the program
 * before did to it: Ethernet, IPv6 and TCP fit. */
#define BENCH_HEADER_WORDS 10
#define BENCH_HEADER_LEN   (BENCH_HEADER_WORDS * 8)
/* Offsets, 6 for IPv6: of the client address's last four bytes, of its port and of TCP's flags; IPv4 only: of the
 * other side's address and port, which are the client's in a reply. All of them are within the first 64 bytes
 * but for IPv6's flags. */
#define BENCH_CLIENT4 26
#define BENCH_OTHER4  30
#define BENCH_PORT4   34
#define BENCH_OTHER_PORT4 36
#define BENCH_CLIENT6 34
#define BENCH_PORT6   54
#define BENCH_FLAGS4  47
#define BENCH_FLAGS6  67
#define BENCH_SLOTS   128

/* Source of one program's packets, in the wrapper's .bss, mapped by the bench. */
struct bench_source {
	__u64 next;   /* number of the next packet */
	__u32 mask;   /* flows - 1, flows a power of two; all ones = every packet a new flow */
	__u32 first;  /* number of the first flow */
	__u32 spread; /* 0 = flows in order of their number, else in the order of bench_shuffle() */
	__u32 slot;   /* in bench_programs: what is measured */
	__u32 length; /* of a frame */
	__u32 ipv6;   /* else IPv4 */
	__u32 twice;  /* 1: each flow's TCP packets come in pairs, a SYN and an ACK: fills a table in one call */
	__u32 client_at; /* offset of the client's address, BENCH_CLIENT4 ... */
	__u32 port_at;	 /* of its port */
	__u32 vip;	 /* the first service's address, host order, when there are several: they follow one another */
	__u32 vip_mask;	 /* services - 1, a power of two; a flow's service is chosen by its client */
	__u64 header[BENCH_HEADER_WORDS];
};

/* Two bijections on 24 bits (odd multiplication and xor-shift both are), so
 * that flows are distinct. They are computed, not read from an array, which
 * would take cache away from the program under test. */
static inline __u32 bench_client(__u32 flow)
{
	__u32 x = flow & 0xffffff;

	x ^= x >> 12;
	x = (x * 0x9e3779b1u) & 0xffffff;
	x ^= x >> 12;
	x = (x * 0x85ebca6bu) & 0xffffff;
	return x ^ (x >> 12);
}

/* A table is filled in order and measured shuffled. In the same order, maps
 * that hand out their elements one after another would find each flow in the
 * next cache line, which no traffic does. Permutes [0, mask], mask = 2^n - 1. */
static inline __u32 bench_shuffle(__u32 i, __u32 mask)
{
	__u32 x = i & mask;
	__u32 half = mask & 0x3ff;

	x = (x * 0xc2b2ae35u) & mask;
	x ^= (x >> 9) & half;
	x = (x * 0x27d4eb2fu) & mask;
	x ^= (x >> 11);
	return (x * 0x165667b1u) & mask;
}

static inline __u16 bench_port(__u32 flow)
{
	return (__u16)(1024 + ((flow * 0x2545f491u) >> 17)); /* up to 33791 */
}

#endif
