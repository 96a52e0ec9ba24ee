/* SPDX-License-Identifier: GPL-2.0-only */
/* Direct routing: the packet as it is, to the server's MAC address. */
#ifndef XLVS_FORWARD_DIRECT_H
#define XLVS_FORWARD_DIRECT_H

#include "net/ip.h"

/* TTL or hop limit less one.  returns NEXT | PASS/TRUNCATED (never after parse) */
static __always_inline enum xlvs_verdict xlvs_decrease_ttl(struct xlvs_packet *p)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p);

	if (p->family == XLVS_AF_INET) {
		struct iphdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		xlvs_ip4_decrease_ttl(ip);
	} else {
		struct ipv6hdr *ip = data + sizeof(struct ethhdr);

		if ((void *)(ip + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		ip->hop_limit--;
	}
	return XLVS_NEXT;
}

#endif
