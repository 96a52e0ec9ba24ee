// SPDX-License-Identifier: GPL-2.0-only
/* A tunnel's far end for hosts without tunnel devices: takes the outer header off 4in4, 6in6, 4in6 and 6in4. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Length of the outer header in front of another IP header, and the type of
 * the inner one; 0 when the frame is no tunnel packet or has options. */
static __always_inline int outer_length(void *data, void *end, __be16 *inner)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct ipv6hdr *ip6 = (void *)(eth + 1);
	__u8 proto;
	int length;

	if ((void *)(eth + 1) > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > end || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff))
			return 0;
		proto = ip->protocol;
		length = sizeof(*ip);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > end)
			return 0;
		proto = ip6->nexthdr;
		length = sizeof(*ip6);
	} else {
		return 0;
	}
	if (proto == IPPROTO_IPIP)
		*inner = bpf_htons(ETH_P_IP);
	else if (proto == IPPROTO_IPV6)
		*inner = bpf_htons(ETH_P_IPV6);
	else
		return 0;
	return length;
}

SEC("xdp")
int xlvs_test_decap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr eth;
	__be16 inner = 0;
	int length = outer_length(data, end, &inner);

	if (!length)
		return XDP_PASS;
	__builtin_memcpy(&eth, data, sizeof(eth));
	eth.h_proto = inner;
	if (bpf_xdp_adjust_head(ctx, length))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(eth) > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, &eth, sizeof(eth));
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
