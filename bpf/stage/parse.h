/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 1: headers into struct xlvs_packet, and whether the packet can concern us at all. */
#ifndef XLVS_STAGE_PARSE_H
#define XLVS_STAGE_PARSE_H

#include <linux/udp.h>

#include "maps.h"
#include "net/icmp.h"
#include "net/ip.h"
#include "stage/event.h"

/* What an SCTP packet's chunks mean.
 * len      bytes of the packet from its common header on
 * returns  enum xlvs_event | XLVS_OPENS_*; DATAGRAM that opens nothing when it has no chunk */
static __always_inline __u8 xlvs_parse_chunks(void *l4, void *end, __u32 len)
{
	struct xlvs_chunk *chunk = l4 + sizeof(struct xlvs_sctp);
	__u32 step;
	__u8 type, event;

	if (len < sizeof(struct xlvs_sctp) + sizeof(*chunk) || (void *)(chunk + 1) > end)
		return XLVS_EVENT_DATAGRAM | XLVS_OPENS_NEVER;
	type = chunk->type;
	event = xlvs_sctp_event(type);
	step = xlvs_chunk_step(xlvs_length(chunk->length));
	if (!xlvs_chunk_hides(type) || !step || sizeof(struct xlvs_sctp) + step + sizeof(*chunk) > len)
		return event;
	chunk = (void *)chunk + step;
	if ((void *)(chunk + 1) > end)
		return event;
	return xlvs_sctp_event_behind(event, chunk->type);
}

/* The transport header, l4, of len bytes with what is behind it.
 * writes   sport dport event
 * returns  NEXT | PASS/TRUNCATED | PASS/PROTOCOL */
static __always_inline enum xlvs_verdict xlvs_parse_l4(struct xlvs_packet *p, void *l4, void *end, __u32 len)
{
	struct udphdr *udp = l4; /* its ports are where the others' are */

	if ((void *)(udp + 1) > end)
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	p->sport = udp->source;
	p->dport = udp->dest;
	if (p->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end || len < sizeof(*tcp))
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		p->event = xlvs_tcp_event(tcp);
	} else if (p->proto == IPPROTO_UDP) {
		p->event = XLVS_EVENT_DATAGRAM | XLVS_OPENS_ALWAYS;
	} else if (p->proto == IPPROTO_SCTP) {
		if (len < sizeof(struct xlvs_sctp))
			return xlvs_pass(p, XLVS_REASON_TRUNCATED);
		p->event = xlvs_parse_chunks(l4, end, len);
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
	enum xlvs_verdict v;
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
	v = xlvs_parse_l4(p, ip + 1, end, p->len - sizeof(*ip));
	/* read again: to the verifier it is any number, and what follows is one way for all protocols */
	p->proto = READ_ONCE(ip->protocol);
	return v;
}

static __always_inline enum xlvs_verdict xlvs_parse_ip6(struct xlvs_packet *p)
{
	void *data = xlvs_data(p), *end = xlvs_data_end(p);
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	enum xlvs_verdict v;

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
	v = xlvs_parse_l4(p, ip + 1, end, p->len - sizeof(*ip));
	/* read again: to the verifier it is any number, and what follows is one way for all protocols */
	p->proto = READ_ONCE(ip->nexthdr);
	return v;
}

/* writes   all under "parse" in struct xlvs_packet
 * returns  NEXT | PASS with a reason: not IP, not ours, malformed, not yet balanced */
static __always_inline enum xlvs_verdict xlvs_parse(struct xlvs_packet *p)
{
	return p->family == XLVS_AF_INET ? xlvs_parse_ip4(p) : xlvs_parse_ip6(p);
}

#endif
