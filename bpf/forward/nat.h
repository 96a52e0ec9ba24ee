/* SPDX-License-Identifier: GPL-2.0-only */
/* NAT (masquerading): one address and one port replaced, checksums updated. */
#ifndef XLVS_FORWARD_NAT_H
#define XLVS_FORWARD_NAT_H

#include <linux/tcp.h>
#include <linux/udp.h>

#include "forward/direct.h"
#include "net/crc.h"
#include "net/sctp.h"

/* An update of a UDP checksum: 0 means "none" and stays, and a sum that comes
 * out as 0 is sent as 0xffff (RFC 768). */
static __always_inline void xlvs_udp_csum(__u16 *check, __u64 diff)
{
	__u16 updated;

	if (!*check)
		return;
	updated = xlvs_csum_update(*check, diff);
	*check = updated ? updated : 0xffff;
}

/* An update of an SCTP checksum.  len: bytes from the common header on */
static __always_inline __u32 xlvs_sctp_check(__u32 check, bool destination, __be16 from, __be16 to, __u32 len)
{
	__u32 flipped = (__u32)(from ^ to) << (destination ? 16 : 0); /* the header's first word: both ports */

	return xlvs_crc_update(check, flipped, len);
}

/* Rewrites the destination (to_server) or the source of the packet to addr:port.
 * returns NEXT | PASS/TRUNCATED (never after parse) */
static __always_inline enum xlvs_verdict xlvs_translate(struct xlvs_packet *p, bool to_server,
							const struct xlvs_addr *addr, __be16 port)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p), *l4;
	const struct xlvs_addr *old = to_server ? &p->daddr : &p->saddr;
	__be16 old_port = to_server ? p->dport : p->sport;
	__u64 diff, port_diff = xlvs_csum_diff16(old_port, port);
	__be16 *ports;

	if (p->family == XLVS_AF_INET) {
		struct iphdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		diff = xlvs_csum_diff32(old->word[0], addr->word[0]);
		ip->check = xlvs_csum_update(ip->check, diff);
		if (to_server)
			ip->daddr = addr->word[0];
		else
			ip->saddr = addr->word[0];
		l4 = ip + 1;
	} else {
		struct ipv6hdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		diff = 0;
#pragma unroll
		for (int i = 0; i < 4; i++)
			diff += xlvs_csum_diff32(old->word[i], addr->word[i]);
		if (to_server)
			__builtin_memcpy(&ip->daddr, addr, 16);
		else
			__builtin_memcpy(&ip->saddr, addr, 16);
		l4 = ip + 1;
	}
	ports = l4;
	if (p->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		tcp->check = xlvs_csum_update(tcp->check, diff + port_diff);
	} else if (p->proto == IPPROTO_SCTP) {
		struct xlvs_sctp *sctp = l4;

		if ((void *)(sctp + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		sctp->check = xlvs_sctp_check(sctp->check, to_server, old_port, port,
					      p->len - (__u32)(p->family == XLVS_AF_INET ? sizeof(struct iphdr) :
											   sizeof(struct ipv6hdr)));
	} else {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		xlvs_udp_csum(&udp->check, diff + port_diff);
	}
	ports[to_server ? 1 : 0] = port;
	return xlvs_decrease_ttl(p);
}

#endif
