/* SPDX-License-Identifier: GPL-2.0-only */
/* All headers of a packet up to its ports: IPv4 options, IPv6 extension headers, fragments. */
#ifndef XLVS_SLOW_WALK_H
#define XLVS_SLOW_WALK_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "config.h"
#include "net/ip.h"
#include "slow/case.h"
#include "stage/parse.h"

/* Options that only the stack may judge: source routes, which it refuses unless
 * told otherwise, and those whose lengths are wrong. */
static __noinline int xlvs_for_stack(struct __sk_buff *skb, __u32 header)
{
	__u32 at = sizeof(struct iphdr);

#pragma clang loop unroll(disable)
	for (int i = 0; i < 40; i++) {
		__u8 option[2]; /* type, length */

		if (at >= header || bpf_skb_load_bytes(skb, XLVS_IP_AT + at, option, sizeof(option)) || !option[0])
			return 0;
		if (option[0] == 1) { /* padding has no length */
			at++;
			continue;
		}
		if (option[0] == 131 || option[0] == 137 || option[1] < 2)
			return 1;
		at += option[1];
		if (at > header)
			return 1;
	}
	return 0;
}

/* returns  NEXT | OK: not a sound IPv4 header, or one for the stack */
static __always_inline int xlvs_walk4(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct iphdr ip;
	__u32 header;
	__u16 fragment;

	if (bpf_skb_load_bytes(skb, XLVS_IP_AT, &ip, sizeof(ip)))
		return TC_ACT_OK;
	header = (*(__u8 *)&ip & 15) * 4;
	c->len = bpf_ntohs(ip.tot_len);
	if (header < sizeof(ip) || c->len < header || XLVS_IP_AT + c->len > skb->len)
		return TC_ACT_OK;
	if (header > sizeof(ip) && xlvs_for_stack(skb, header))
		return TC_ACT_OK;
	fragment = bpf_ntohs(ip.frag_off);
	c->part = fragment & 0x1fff ? XLVS_PART_LATER : fragment & 0x2000 ? XLVS_PART_FIRST : XLVS_PART_WHOLE;
	c->id = ip.id;
	c->df = !!(fragment & 0x4000);
	c->saddr.word[0] = ip.saddr;
	c->daddr.word[0] = ip.daddr;
	c->proto = ip.protocol;
	c->tos = ip.tos;
	c->ttl = ip.ttl;
	c->l4 = XLVS_IP_AT + header;
	return XLVS_SLOW_NEXT;
}

/* One extension header behind another, XLVS_MAX_EXTENSIONS at most.
 * returns  NEXT | OK: not a sound IPv6 packet, or one with too many of them */
static __always_inline int xlvs_walk6(struct __sk_buff *skb, struct xlvs_case *c)
{
	struct ipv6hdr ip;
	__u32 at = XLVS_IP_AT + sizeof(ip);
	__u8 next, part = XLVS_PART_WHOLE;

	if (bpf_skb_load_bytes(skb, XLVS_IP_AT, &ip, sizeof(ip)))
		return TC_ACT_OK;
	c->len = sizeof(ip) + bpf_ntohs(ip.payload_len);
	if (XLVS_IP_AT + c->len > skb->len)
		return TC_ACT_OK;
	__builtin_memcpy(&c->saddr, &ip.saddr, sizeof(c->saddr));
	__builtin_memcpy(&c->daddr, &ip.daddr, sizeof(c->daddr));
	c->tos = xlvs_ip6_tos(&ip);
	c->ttl = ip.hop_limit;
	c->df = 1;
	next = ip.nexthdr;
#pragma clang loop unroll(disable)
	for (int i = 0; i < XLVS_MAX_EXTENSIONS; i++) {
		__u8 head[8]; /* next header and length; of a fragment all */

		if (!xlvs_is_extension(next) && next != IPPROTO_FRAGMENT) {
			c->proto = next;
			c->l4 = at;
			c->part = part;
			return XLVS_SLOW_NEXT;
		}
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
			return TC_ACT_OK;
		if (next == IPPROTO_FRAGMENT) {
			if (part != XLVS_PART_WHOLE)
				return TC_ACT_OK;
			if (head[2] || head[3] & 0xf8)
				part = XLVS_PART_LATER;
			else if (head[3] & 1)
				part = XLVS_PART_FIRST;
			__builtin_memcpy(&c->id, head + 4, sizeof(c->id));
			at += 8;
		} else {
			at += next == IPPROTO_AH ? (head[1] + 2) * 4 : (head[1] + 1) * 8;
		}
		next = head[0];
		if (part == XLVS_PART_LATER) { /* what follows is not a header */
			c->proto = next;
			c->l4 = at;
			c->part = part;
			return XLVS_SLOW_NEXT;
		}
	}
	return TC_ACT_OK;
}

/* As xlvs_parse_chunks().  len: bytes from the common header on */
static __always_inline __u8 xlvs_walk_chunks(struct __sk_buff *skb, __u32 at, __u32 len)
{
	struct xlvs_chunk chunk;
	__u32 step;
	__u8 type, event;

	at += sizeof(struct xlvs_sctp);
	if (len < sizeof(struct xlvs_sctp) + sizeof(chunk) || bpf_skb_load_bytes(skb, at, &chunk, sizeof(chunk)))
		return XLVS_EVENT_DATAGRAM | XLVS_OPENS_NEVER;
	type = chunk.type;
	event = xlvs_sctp_event(type);
	step = xlvs_chunk_step(bpf_ntohs(chunk.length));
	if (!xlvs_chunk_hides(type) || !step || sizeof(struct xlvs_sctp) + step + sizeof(chunk) > len ||
	    bpf_skb_load_bytes(skb, at + step, &chunk, sizeof(chunk)))
		return event;
	return xlvs_sctp_event_behind(event, chunk.type);
}

/* Ports and event of a packet that has some.  returns NEXT | OK: the transport header is cut short, or not one of ours */
static __always_inline int xlvs_walk_l4(struct __sk_buff *skb, struct xlvs_case *c)
{
	__u32 len = XLVS_IP_AT + c->len - c->l4;
	struct tcphdr tcp;

	if (c->l4 + sizeof(struct udphdr) > XLVS_IP_AT + c->len || bpf_skb_load_bytes(skb, c->l4, &tcp, 4))
		return TC_ACT_OK;
	c->sport = tcp.source;
	c->dport = tcp.dest;
	c->event = XLVS_EVENT_DATAGRAM | XLVS_OPENS_ALWAYS;
	if (c->proto == IPPROTO_UDP)
		return XLVS_SLOW_NEXT;
	if (c->proto == IPPROTO_SCTP && len >= sizeof(struct xlvs_sctp)) {
		c->event = xlvs_walk_chunks(skb, c->l4, len);
		return XLVS_SLOW_NEXT;
	}
	if (c->proto != IPPROTO_TCP || len < sizeof(tcp) || bpf_skb_load_bytes(skb, c->l4, &tcp, sizeof(tcp)))
		return TC_ACT_OK;
	c->event = xlvs_tcp_event(&tcp);
	return XLVS_SLOW_NEXT;
}

/* writes   all under "walk" in struct xlvs_case; ports not of later fragments and ICMP
 * returns  NEXT | OK: the stack's */
static __noinline int xlvs_walk(struct __sk_buff *skb, struct xlvs_case *c)
{
	int act = c->family == XLVS_AF_INET ? xlvs_walk4(skb, c) : xlvs_walk6(skb, c);

	c->outer_saddr = c->saddr;
	c->outer_daddr = c->daddr;
	if (act != XLVS_SLOW_NEXT || c->part == XLVS_PART_LATER || xlvs_case_is_icmp(c))
		return act;
	return xlvs_walk_l4(skb, c);
}

#endif
