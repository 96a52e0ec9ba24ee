/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC32c, the checksum of SCTP (RFC 9260, appendix A), kept right when one word of a packet changes. */
#ifndef XLVS_NET_CRC_H
#define XLVS_NET_CRC_H

#include "abi/base.h"

/* A CRC is linear: when bits of a packet flip, its CRC flips by the CRC, begun
 * at zero, of those bits and as many zero bytes as follow them. Seen as a
 * polynomial over GF(2), that is the flipped word times x^8n, n bytes from the
 * word's own start to the packet's end, modulo the CRC's polynomial. So the
 * rest of the packet need not be read, and an error in the sum stays the same
 * error, as with Internet checksums (net/csum.h).
 *
 * Polynomials are bit-reversed, as the CRC itself: the uppermost bit is x^0.
 * The sum stands in the packet least significant byte first; words that are
 * read as this machine has them agree with it, which is a little-endian one. */
#define XLVS_CRC32C 0x82f63b78u

/* [d][v] = x^(8 * v * 16^d): a length is four digits of four bits. */
static const __u32 xlvs_crc_powers[4][16] = {
	{ 0x80000000, 0x00800000, 0x00008000, 0x00000080,
	  0x82f63b78, 0xfbc3faf9, 0x8b277743, 0x52a0c93f,
	  0x6ea2d55c, 0x1c08b7d6, 0xf56e0ef4, 0x34019664,
	  0xa66805eb, 0x7a1f6b24, 0xe75d06aa, 0xc94ec098 },
	{ 0x80000000, 0x18b8ea18, 0x510ac59a, 0xb2dea967,
	  0xb82be955, 0x36c41f1c, 0x19b29a35, 0xc9e90b9e,
	  0xb8fdb1e7, 0xe55ef1f3, 0x1fe0b5c3, 0xe0553f1e,
	  0x18e4a304, 0x2b830011, 0x56993a31, 0x0246e2e6 },
	{ 0x80000000, 0x88e56f72, 0x74c360a4, 0x631bb273,
	  0xe4172b16, 0x71892b1b, 0x835305c9, 0x196b1eae,
	  0x0d65762a, 0xafc81338, 0xb5a50ab7, 0xf373c3ac,
	  0x5f60970f, 0xd46d3063, 0x3a5275ea, 0x02331c01 },
	{ 0x80000000, 0x35d73a62, 0x28461564, 0x43eefc9f,
	  0xbf455269, 0x5edcdeb9, 0x65059450, 0x4e6f41a4,
	  0xe2ea32dc, 0xf5b95b32, 0x695a4c87, 0xf204502c,
	  0x9a4f01b6, 0x941a0916, 0x4303cb97, 0x4c3d3d65 },
};

/* A sum after the word at the start of a packet of len bytes changed by `flipped`. 0 means "none" and stays (RFC 9653).
 * A global function: the verifier checks it once. No branch in it depends on the polynomial.
 * cost     some 250 instructions for each digit of the length that is not 0: three for most packets */
__noinline __u32 xlvs_crc_update(__u32 check, __u32 flipped, __u32 len)
{
	if (!check || !flipped)
		return check;
#pragma clang loop unroll(disable)
	for (__u32 d = 0; d < 4; d++) {
		__u32 digit = len >> 4 * d & 15, power, product = 0;

		if (!digit)
			continue;
		power = xlvs_crc_powers[d][digit];
#pragma clang loop unroll(disable)
		for (__u32 bit = 0; bit < 32; bit++) {
			product ^= power & -(flipped >> 31);
			flipped <<= 1;
			power = power >> 1 ^ (XLVS_CRC32C & -(power & 1));
		}
		flipped = product;
	}
	return check ^ flipped;
}

#endif
