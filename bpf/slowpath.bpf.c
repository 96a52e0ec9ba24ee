// SPDX-License-Identifier: GPL-2.0-only
/* xlvs_slowpath: TC ingress, for packets whose next hop the kernel must resolve first. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "abi/base.h"
#include "abi/verdict.h"

/* A frame from xlvs_director is finished but for its Ethernet addresses, and
 * its metadata names the next hop. The kernel asks for the neighbour, keeps
 * the packet meanwhile, and sends it: nothing is lost. All else goes on. */
SEC("tc")
int xlvs_slowpath(struct __sk_buff *skb)
{
	struct xlvs_meta *meta = (void *)(long)skb->data_meta;
	struct bpf_redir_neigh to = {};

	if ((void *)(meta + 1) > (void *)(long)skb->data || meta->magic != XLVS_META_MAGIC)
		return TC_ACT_OK;
	to.nh_family = meta->family;
	__builtin_memcpy(to.ipv6_nh, meta->nexthop, sizeof(to.ipv6_nh));
	return (int)bpf_redirect_neigh(meta->ifindex, &to, sizeof(to), 0);
}

char _license[] SEC("license") = "GPL";
