/* SPDX-License-Identifier: GPL-2.0-only */
/* SCTP header mechanics (RFC 9260): common header and chunks. */
#ifndef XLVS_NET_SCTP_H
#define XLVS_NET_SCTP_H

#include "abi/base.h"

struct xlvs_sctp {
	__be16 source, dest;
	__be32 tag;
	__u32 check; /* CRC32c, its least significant byte first, see net/crc.h; RFC 9653: 0 = none */
};
static_assert(sizeof(struct xlvs_sctp) == 12, "common header");

struct xlvs_chunk {
	__u8 type;
	__u8 flags;
	__be16 length; /* this header included, padding to four bytes not */
};
static_assert(sizeof(struct xlvs_chunk) == 4, "chunk header");

enum xlvs_chunk_type {
	XLVS_CHUNK_DATA = 0,
	XLVS_CHUNK_INIT = 1,
	XLVS_CHUNK_INIT_ACK = 2,
	XLVS_CHUNK_ABORT = 6,
	XLVS_CHUNK_SHUTDOWN = 7,
	XLVS_CHUNK_SHUTDOWN_ACK = 8,
	XLVS_CHUNK_ERROR = 9,
	XLVS_CHUNK_COOKIE_ECHO = 10,
	XLVS_CHUNK_COOKIE_ACK = 11,
	XLVS_CHUNK_SHUTDOWN_COMPLETE = 14,
};

#define XLVS_CHUNK_LONGEST 0x3ffc /* padded; behind a longer one nobody looks: no frame holds it. A mask, too */

/* From one chunk to the next, in bytes; 0 = a length that cannot be. */
static __always_inline __u32 xlvs_chunk_step(__u32 length)
{
	if (length < sizeof(struct xlvs_chunk) || length > XLVS_CHUNK_LONGEST)
		return 0;
	length += 3;
	asm volatile("" : "+r"(length)); /* keeps the mask below: Linux 6.1 does not see the bound above */
	return length & XLVS_CHUNK_LONGEST;
}

#endif
