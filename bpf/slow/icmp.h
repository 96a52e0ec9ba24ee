/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP and ICMPv6 errors: the packet that one quotes says whose it is. */
#ifndef XLVS_SLOW_ICMP_H
#define XLVS_SLOW_ICMP_H

#include "net/icmp.h"
#include "net/shim.h"
#include "slow/case.h"
#include "slow/sum.h"
#include "slow/tunnel.h"

/* Addresses and transport header of the quoted packet, which may be cut short behind its ports.
 * returns  NEXT | OK: none of ours */
static __always_inline int xlvs_read_quote4(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, c->quoted, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.frag_off & bpf_htons(0x1fff))
		return TC_ACT_OK;
	c->proto = ip.protocol;
	c->tunnel_df = ip.frag_off & XLVS_IP4_DF;
	c->saddr.word[0] = ip.daddr;
	c->daddr.word[0] = ip.saddr;
	c->quoted_l4 = c->quoted + (*(__u8 *)&ip & 15) * 4;
	return XLVS_SLOW_NEXT;
}

static __always_inline int xlvs_read_quote6(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, c->quoted, &ip, sizeof(ip)) || ip.version != 6)
		return TC_ACT_OK;
	c->proto = ip.nexthdr;
	__builtin_memcpy(&c->saddr, &ip.daddr, sizeof(c->saddr));
	__builtin_memcpy(&c->daddr, &ip.saddr, sizeof(c->daddr));
	c->quoted_l4 = c->quoted + sizeof(ip);
	return XLVS_SLOW_NEXT;
}

static __always_inline bool xlvs_icmp_sound(struct __sk_buff *skb, const struct xlvs_case *c)
{
	__u32 len = XLVS_IP_AT + c->len - c->l4;
	__u64 sum = xlvs_sum_bytes(skb, c->l4, len);

	if (c->family != XLVS_AF_INET)
		sum += xlvs_pseudo_sum(&c->outer_saddr, &c->outer_daddr, c->family, IPPROTO_ICMPV6, len);
	return xlvs_csum_fold(sum) == 0xffff;
}

/* reads    c after walk
 * writes   quoted quoted_l4, what slow/tunnel.h says, and saddr daddr proto sport dport of the packet that would answer the quoted one
 * returns  NEXT | OK: the stack's | SHOT/MALFORMED */
static __noinline int xlvs_read_error(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct xlvs_icmp icmp;
	__be16 ports[2];
	int act;

	if (c->part != XLVS_PART_WHOLE || bpf_skb_load_bytes(skb, c->l4, &icmp, sizeof(icmp)) ||
	    !xlvs_icmp_is_error(c->family, icmp.type))
		return TC_ACT_OK;
	c->quoted = c->l4 + sizeof(icmp);
	act = c->family == XLVS_AF_INET ? xlvs_read_quote4(skb, c) : xlvs_read_quote6(skb, c);
	if (act != XLVS_SLOW_NEXT)
		return act;
	if (!c->plain && xlvs_read_tunnel(skb, c))
		return XLVS_SLOW_NEXT;
	if (!xlvs_is_balanced(c->proto) ||
	    c->quoted_l4 + sizeof(ports) > XLVS_IP_AT + c->len ||
	    bpf_skb_load_bytes(skb, c->quoted_l4, ports, sizeof(ports)))
		return TC_ACT_OK;
	c->sport = ports[1];
	c->dport = ports[0];
	return XLVS_SLOW_NEXT;
}

#endif
