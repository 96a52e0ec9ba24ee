/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that the stack sends: replies of a NAT server that is this host, or that is behind an interface without XDP. */
#ifndef XLVS_SLOW_LEAVE_H
#define XLVS_SLOW_LEAVE_H

#include "slow/again.h"

/* Is the table ours, with a service of that family in it? */
static __always_inline bool xlvs_control_is_on(__u32 family)
{
	struct xlvs_control *control = xlvs_get_control();

	return control && control->abi == XLVS_ABI_VERSION &&
	       READ_ONCE(control->services) & (family == XLVS_AF_INET ? XLVS_SERVICES_IPV4 : XLVS_SERVICES_IPV6);
}

/* May the packet be a NAT server's, or an error about its connection? Nearly all that a director sends is neither. */
static __always_inline bool xlvs_may_be_reply(struct __sk_buff *skb, __u32 family)
{
	const bool v4 = family == XLVS_AF_INET;
	const __u32 from = XLVS_IP_AT + (v4 ? offsetof(struct iphdr, saddr) : offsetof(struct ipv6hdr, saddr));
	const __u32 next = XLVS_IP_AT + (v4 ? offsetof(struct iphdr, protocol) : offsetof(struct ipv6hdr, nexthdr));
	struct xlvs_addr src = {};
	__u32 zero = 0, bit;
	struct xlvs_filter *f = bpf_map_lookup_elem(&xlvs_filter, &zero);
	__u8 proto;

	if (!f || bpf_skb_load_bytes(skb, next, &proto, 1) ||
	    (v4 ? bpf_skb_load_bytes(skb, from, &src, 4) : bpf_skb_load_bytes(skb, from, &src, 16)))
		return false;
	bit = xlvs_filter_bit(&src, (int)family, xlvs_limits.seed);
	return proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) || f->nat[(bit >> 6) & (XLVS_FILTER_WORDS - 1)] >> (bit & 63) & 1;
}

#endif
