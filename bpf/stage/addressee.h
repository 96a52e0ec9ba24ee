/* SPDX-License-Identifier: GPL-2.0-only */
/* Between stages 1 and 2: is the frame for this host? */
#ifndef XLVS_STAGE_ADDRESSEE_H
#define XLVS_STAGE_ADDRESSEE_H

#include <linux/if_ether.h>

#include "maps.h"
#include "net/eth.h"

/* Virtual addresses on a shared network: 00-00-5E-00-01 and -02 (RFC 9568). */
static __always_inline bool xlvs_is_vrrp(const __u16 *mac)
{
	return mac[0] == 0 && mac[1] == bpf_htons(0x5e00) &&
	       ((mac[2] & bpf_htons(0xff00)) == bpf_htons(0x0100) || (mac[2] & bpf_htons(0xff00)) == bpf_htons(0x0200));
}

/* Leaves a note for xlvs_slowpath, which knows what the kernel takes the frame
 * for: the interface's address may have changed. */
static __always_inline void xlvs_ask_addressee(struct xlvs_packet *p)
{
	struct xlvs_meta *meta;

	if (bpf_xdp_adjust_meta(p->ctx, -(int)sizeof(*meta)))
		return;
	meta = (void *)(long)p->ctx->data_meta;
	if ((void *)(meta + 1) > xlvs_data(p))
		return;
	__builtin_memset(meta, 0, sizeof(*meta));
	meta->magic = XLVS_META_MAGIC;
	meta->kind = XLVS_META_ADDRESSEE;
}

/* A switch that does not know an address floods its frames to everybody, and
 * an interface in promiscuous mode sees other hosts' anyway: whoever balanced
 * those would answer for another director, and two of them pass a packet to
 * and fro. IPVS takes PACKET_HOST only.
 * reads    the Ethernet header
 * returns  NEXT | PASS/OTHER_HOST
 * cost     a row of xlvs_ports */
static __always_inline enum xlvs_verdict xlvs_check_addressee(struct xlvs_packet *p)
{
	const struct xlvs_port *port = xlvs_get_port(p->ctx->ingress_ifindex);
	const __u16 *mac = xlvs_data(p);

	if ((void *)(mac + 3) > xlvs_data_end(p))
		return xlvs_pass(p, XLVS_REASON_TRUNCATED);
	if (!port || (mac[0] == port->mac[0] && mac[1] == port->mac[1] && mac[2] == port->mac[2]) || xlvs_is_vrrp(mac))
		return XLVS_NEXT;
	if (!(mac[0] & bpf_htons(0x0100))) /* not a group's */
		xlvs_ask_addressee(p);
	return xlvs_pass(p, XLVS_REASON_OTHER_HOST);
}

#endif
