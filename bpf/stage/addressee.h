/* SPDX-License-Identifier: GPL-2.0-only */
/* Between stages 1 and 2: is the frame for this host? */
#ifndef XLVS_STAGE_ADDRESSEE_H
#define XLVS_STAGE_ADDRESSEE_H

#include <linux/if_ether.h>

#include "maps.h"
#include "net/eth.h"
#include "stage/note.h"

/* Virtual addresses on a shared network: 00-00-5E-00-01 and -02 (RFC 9568). */
static __always_inline bool xlvs_is_vrrp(const __u16 *mac)
{
	return mac[0] == 0 && mac[1] == bpf_htons(0x5e00) &&
	       ((mac[2] & bpf_htons(0xff00)) == bpf_htons(0x0100) || (mac[2] & bpf_htons(0xff00)) == bpf_htons(0x0200));
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
	/* Not a group's: the interface's own address may have changed, and
	 * xlvs_slowpath knows what the kernel takes the frame for. */
	if (!(mac[0] & bpf_htons(0x0100)))
		xlvs_new_note(p, XLVS_META_ADDRESSEE);
	return xlvs_pass(p, XLVS_REASON_OTHER_HOST);
}

#endif
