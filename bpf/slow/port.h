/* SPDX-License-Identifier: GPL-2.0-only */
/* The address of an interface that changed after the director was attached. */
#ifndef XLVS_SLOW_PORT_H
#define XLVS_SLOW_PORT_H

#include "maps.h"

/* The director took the frame for another host's. When the kernel takes it
 * for ours, the interface's address is new: from the next frame on XDP knows
 * it. This one is dropped, for the stack would refuse the connection.
 * Returns a TC action. */
static __always_inline int xlvs_learn_address(struct __sk_buff *skb)
{
	struct xlvs_port *port = xlvs_get_port(skb->ifindex);
	const __u16 *mac = (void *)(long)skb->data;

	if (skb->pkt_type != PACKET_HOST || !port || (void *)(mac + 3) > (void *)(long)skb->data_end)
		return TC_ACT_OK;
	port->mac[0] = mac[0];
	port->mac[1] = mac[1];
	port->mac[2] = mac[2];
	return TC_ACT_SHOT;
}

#endif
