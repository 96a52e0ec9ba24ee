// SPDX-License-Identifier: GPL-2.0-only
/* xlvs_director: the XDP program of a director. A table of contents; stage/ holds the chapters. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "packet.h"
#include "stage/parse.h"
#include "stage/addressee.h"
#include "stage/connection.h"
#include "stage/martian.h"
#include "stage/open.h"
#include "stage/forward.h"
#include "stage/reply.h"
#include "stage/finish.h"

/* Client to server: the packet's connection, as it was or a new one. */
static __always_inline enum xlvs_verdict xlvs_connect(struct xlvs_packet *p)
{
	enum xlvs_verdict v = xlvs_find_connection(p);

	if (v == XLVS_NEXT && !p->conn)
		v = xlvs_check_source(p);
	if (v == XLVS_NEXT && !p->conn)
		v = xlvs_open_connection(p);
	return v;
}

/* May the packet be a reply, after that verdict on its way to the server? */
static __always_inline bool xlvs_may_reply(const struct xlvs_packet *p, enum xlvs_verdict v)
{
	return v == XLVS_PASS && p->from_nat &&
	       (p->reason == XLVS_REASON_NOT_OURS || p->reason == XLVS_REASON_NO_CONNECTION);
}

/* The whole way of a packet of one family; compiled once for each. */
static __always_inline int xlvs_direct(struct xdp_md *ctx, struct xlvs_control *control, const int family)
{
	struct xlvs_packet p = { .ctx = ctx, .control = control, .family = family };
	enum xlvs_verdict v = xlvs_parse(&p);

	if (v == XLVS_NEXT)
		v = xlvs_check_addressee(&p);
	if (v != XLVS_NEXT)
		return xlvs_finish_parse(&p);
	v = p.to_vip ? xlvs_connect(&p) : xlvs_pass(&p, XLVS_REASON_NOT_OURS);
	/* One or the other: what a reply needs must not be held while a packet is forwarded, which would cost stack. */
	if (v == XLVS_NEXT) {
		v = xlvs_forward(&p);
	} else if (xlvs_may_reply(&p, v)) {
		p.now = xlvs_ticks(bpf_ktime_get_coarse_ns());
		v = xlvs_reply(&p);
	}
	return xlvs_finish(&p, v);
}

static __always_inline int xlvs_leave(enum xlvs_reason reason)
{
	xlvs_count(reason);
	return XDP_PASS;
}

SEC("xdp")
int xlvs_director(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct xlvs_control *control = xlvs_get_control();
	__u32 services;

	if (!control || control->abi != XLVS_ABI_VERSION)
		return xlvs_leave(XLVS_REASON_ABI);
	services = READ_ONCE(control->services);
	if (!services)
		return xlvs_leave(XLVS_REASON_OFF);
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return xlvs_leave(XLVS_REASON_TRUNCATED);
	/* The two barriers differ: that keeps the compiler from folding both calls into one
	 * with a variable family. */
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if (!(services & XLVS_SERVICES_IPV4))
			return xlvs_leave(XLVS_REASON_OFF);
		asm volatile("" : "+r"(ctx));
		return xlvs_direct(ctx, control, XLVS_AF_INET);
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		if (!(services & XLVS_SERVICES_IPV6))
			return xlvs_leave(XLVS_REASON_OFF);
		asm volatile("" : "+r"(control));
		return xlvs_direct(ctx, control, XLVS_AF_INET6);
	}
	return xlvs_leave(XLVS_REASON_NOT_IP);
}

char _license[] SEC("license") = "GPL";
