// SPDX-License-Identifier: GPL-2.0-only
/* xlvs_slowpath: TC ingress, for what xlvs_director cannot do itself without losing a packet; and TC egress, for
 * replies that have never passed it. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi/verdict.h"
#include "maps.h"
#include "slow/again.h"
#include "slow/cut.h"
#include "slow/error.h"
#include "slow/leave.h"
#include "slow/port.h"
#include "slow/sum.h"

/* A frame from the director is finished but for its Ethernet addresses, and
 * what its flags name. The kernel asks for the neighbour, keeps the packet
 * meanwhile, and sends it. */
static __noinline int xlvs_resolve(struct __sk_buff *skb, const struct xlvs_meta *meta)
{
	struct bpf_redir_neigh to = { .nh_family = meta->family };

	if (meta->flags & XLVS_META_F_SUM && !xlvs_fill_sum(skb))
		return TC_ACT_SHOT;
	if (meta->flags & XLVS_META_F_CUT && !xlvs_cut(skb, meta->flags >> 16))
		return xlvs_slow_drop(XLVS_REASON_TOO_BIG);
	__builtin_memcpy(to.ipv6_nh, meta->nexthop, sizeof(to.ipv6_nh));
	return (int)bpf_redirect_neigh(meta->ifindex, &to, sizeof(to), 0);
}

/* returns  TC_ACT_UNSPEC for what is not ours: the host's other filters go on with it */
SEC("tc")
int xlvs_slowpath(struct __sk_buff *skb)
{
	struct xlvs_meta *at = (void *)(long)skb->data_meta, meta;
	bool leaves = false;
	struct xlvs_case *c;
	int act;

	if (skb->mark == XLVS_HELD_MARK) {
		__builtin_memset(&meta, 0, sizeof(meta));
		meta.kind = XLVS_META_AGAIN;
		meta.family = skb->protocol == bpf_htons(ETH_P_IP) ? XLVS_AF_INET : XLVS_AF_INET6;
		skb->mark = 0;
	} else if ((void *)(at + 1) > (void *)(long)skb->data || at->magic != XLVS_META_MAGIC) {
		meta.family = skb->protocol == bpf_htons(ETH_P_IP) ? XLVS_AF_INET : XLVS_AF_INET6;
		leaves = skb->ingress_ifindex != skb->ifindex;
		if (!leaves || (meta.family != XLVS_AF_INET && skb->protocol != bpf_htons(ETH_P_IPV6)) ||
		    !xlvs_control_is_on(meta.family) || !xlvs_may_be_reply(skb, meta.family))
			return TC_ACT_UNSPEC;
		meta.kind = XLVS_META_AGAIN;
	} else {
		meta = *at; /* a copy: helpers below take packet pointers away */
		at->magic = 0; /* carried out once: what is redirected or handed on comes by here again, at egress */
	}
	if (meta.kind == XLVS_META_AGAIN) {
		if (!leaves && skb->pkt_type != PACKET_HOST) /* as stage/addressee.h */
			return TC_ACT_OK;
		act = xlvs_balance_again(skb, meta.family, leaves);
		if (leaves)
			return act == TC_ACT_SHOT ? TC_ACT_SHOT : TC_ACT_UNSPEC;
		c = xlvs_get_case();
		if (act != XLVS_SLOW_ORDER || !c)
			return act;
		meta = c->order;
	}
	switch (meta.kind) {
	case XLVS_META_NEIGHBOUR:
		return xlvs_resolve(skb, &meta);
	case XLVS_META_ERROR:
		return xlvs_send_error(skb, &meta);
	case XLVS_META_ADDRESSEE:
		return xlvs_learn_address(skb);
	default:
		return TC_ACT_UNSPEC;
	}
}

char _license[] SEC("license") = "GPL";
