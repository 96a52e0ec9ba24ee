/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 1: headers into struct xlvs_packet, and whether the packet can concern us at all. */
#ifndef XLVS_STAGE_PARSE_H
#define XLVS_STAGE_PARSE_H

#include <linux/tcp.h>
#include <linux/udp.h>

#include "maps.h"
#include "net/icmp.h"
#include "net/ip.h"

/* RST before SYN before FIN before ACK, as IPVS ranks them. */
static __always_inline __u8 xlvs_tcp_event(const struct tcphdr *tcp)
{
	if (tcp->rst)
		return XLVS_EVENT_RST;
	if (tcp->syn)
		return XLVS_EVENT_SYN;
	if (tcp->fin)
		return XLVS_EVENT_FIN;
	if (tcp->ack)
		return XLVS_EVENT_ACK;
	return XLVS_EVENT_NONE;
}

/* Transport header at p->l4.
 * writes   sport dport event syn
 * returns  NEXT | PASS/TRUNCATED | PASS/PROTOCOL */
static __always_inline enum xlvs_verdict xlvs_parse_l4(struct xlvs_packet *p, void *l4, void *end)
{
	if (p->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		p->sport = tcp->source;
		p->dport = tcp->dest;
		p->event = xlvs_tcp_event(tcp);
		p->syn = tcp->syn && !tcp->rst;
	} else if (p->proto == IPPROTO_UDP) {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > end)
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		p->sport = udp->source;
		p->dport = udp->dest;
		p->event = XLVS_EVENT_NONE;
		p->syn = false;
	} else {
		return xlvs_pass(p, XLVS_REASON_PROTOCOL);
	}
	return XLVS_NEXT;
}

/* Whether the addresses can be ours.
 * writes   to_vip from_nat
 * returns  NEXT | PASS/NOT_OURS
 * cost     two loads from 64 KiB that stay in cache */
static __always_inline enum xlvs_verdict xlvs_filter_packet(struct xlvs_packet *p)
{
	__u32 zero = 0, dst, src;
	struct xlvs_filter *f = bpf_map_lookup_elem(&xlvs_filter, &zero);

	if (!f)
		return xlvs_pass(p, XLVS_REASON_NOT_OURS);
	dst = xlvs_filter_bit(&p->daddr, p->family, xlvs_limits.seed);
	src = xlvs_filter_bit(&p->saddr, p->family, xlvs_limits.seed);
	p->to_vip = f->vip[(dst >> 6) & (XLVS_FILTER_WORDS - 1)] >> (dst & 63) & 1;
	p->from_nat = f->nat[(src >> 6) & (XLVS_FILTER_WORDS - 1)] >> (src & 63) & 1;
	if (!p->to_vip && !p->from_nat)
		return xlvs_pass(p, XLVS_REASON_NOT_OURS);
	return XLVS_NEXT;
}

/* An ICMP error may be about a connection of ours whatever its own addresses
 * are: a router on the way to a NAT server sends it. Those are rare enough for
 * the slow path to look into each. */
static __always_inline bool xlvs_is_error(const struct xlvs_packet *p, const void *l4, void *end)
{
	const struct xlvs_icmp *icmp = l4;

	if ((void *)(icmp + 1) > end)
		return false;
	return xlvs_icmp_is_error(p->family, icmp->type);
}

static __always_inline enum xlvs_verdict xlvs_parse_ip4(struct xlvs_packet *p)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p);
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u8 first;

	if ((void *)(ip + 1) > end)
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	first = *(__u8 *)ip;
	if (first < 0x45 || first > 0x4f)
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	p->proto = ip->protocol;
	if (p->proto == IPPROTO_ICMP && xlvs_is_error(p, ip + 1, end))
		return xlvs_pass(p, XLVS_REASON_ICMP);
	p->saddr.word[0] = ip->saddr;
	p->daddr.word[0] = ip->daddr;
	if (xlvs_filter_packet(p) != XLVS_NEXT)
		return XLVS_PASS;
	if (ip->frag_off & XLVS_IP4_FRAGMENT)
		return xlvs_pass(p, XLVS_REASON_FRAGMENT);
	if (first != 0x45)
		return xlvs_pass(p, XLVS_REASON_IP_OPTIONS);
	p->len = xlvs_length(ip->tot_len);
	p->l4 = sizeof(struct ethhdr) + sizeof(*ip);
	if (data + sizeof(struct ethhdr) + p->len > end || p->len < sizeof(*ip) + sizeof(struct udphdr))
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	if (p->proto == IPPROTO_TCP && p->len < sizeof(*ip) + sizeof(struct tcphdr))
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	return xlvs_parse_l4(p, ip + 1, end);
}

static __always_inline enum xlvs_verdict xlvs_parse_ip6(struct xlvs_packet *p)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p);
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > end)
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	if (*(__u8 *)ip >> 4 != 6)
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	p->proto = ip->nexthdr;
	if (p->proto == IPPROTO_ICMPV6 && xlvs_is_error(p, ip + 1, end))
		return xlvs_pass(p, XLVS_REASON_ICMP);
	xlvs_copy_addr6(&p->saddr, &ip->saddr);
	xlvs_copy_addr6(&p->daddr, &ip->daddr);
	if (xlvs_filter_packet(p) != XLVS_NEXT)
		return XLVS_PASS;
	if (p->proto == IPPROTO_FRAGMENT)
		return xlvs_pass(p, XLVS_REASON_FRAGMENT);
	if (p->proto == IPPROTO_HOPOPTS || p->proto == IPPROTO_ROUTING || p->proto == IPPROTO_DSTOPTS ||
	    p->proto == IPPROTO_AH)
		return xlvs_pass(p, XLVS_REASON_IP_OPTIONS);
	p->len = sizeof(*ip) + xlvs_length(ip->payload_len);
	p->l4 = sizeof(struct ethhdr) + sizeof(*ip);
	if (data + sizeof(struct ethhdr) + p->len > end || p->len < sizeof(*ip) + sizeof(struct udphdr))
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	if (p->proto == IPPROTO_TCP && p->len < sizeof(*ip) + sizeof(struct tcphdr))
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	return xlvs_parse_l4(p, ip + 1, end);
}

/* writes   all under "parse" in struct xlvs_packet
 * returns  NEXT | PASS with a reason: not IP, not ours, malformed, not yet balanced */
static __always_inline enum xlvs_verdict xlvs_parse(struct xlvs_packet *p)
{
	return p->family == XLVS_AF_INET ? xlvs_parse_ip4(p) : xlvs_parse_ip6(p);
}

#endif
