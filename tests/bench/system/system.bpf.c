// SPDX-License-Identifier: GPL-2.0-only
/* The whole-system bench: a packet source, the emptiest director there can be, and two sinks. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shot.h"

struct shot shot;
struct relay relay;
__u32 fired;	  /* packets so far; one CPU fires */
__u64 arrived[2]; /* packets at a sink, XDP's and TC's; one CPU counts */

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

/* Pages are used again and hold what became of the last packet in them: every header byte is written. */
SEC("xdp")
int fire(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(f->eth.h_dest, shot.dmac, ETH_ALEN);
	__builtin_memcpy(f->eth.h_source, shot.smac, ETH_ALEN);
	f->eth.h_proto = bpf_htons(ETH_P_IP);
	f->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	f->ip.tot_len = bpf_htons(sizeof(f->ip) + sizeof(f->udp) + SHOT_PAYLOAD);
	f->ip.check = shot.ip_check;
	f->ip.saddr = shot.saddr;
	f->ip.daddr = shot.daddr;
	f->udp.source = bpf_htons(SHOT_FIRST_PORT + fired++ % shot.flows);
	f->udp.dest = shot.dport;
	f->udp.len = bpf_htons(sizeof(f->udp) + SHOT_PAYLOAD);
	f->udp.check = 0;
	return bpf_redirect(shot.ifindex, 0);
}

/* The limit: what redirecting a packet costs when nothing is looked up. */
SEC("xdp")
int relay_on(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end || f->eth.h_proto != bpf_htons(ETH_P_IP) ||
	    f->ip.protocol != IPPROTO_UDP)
		return XDP_PASS;
	__builtin_memcpy(f->eth.h_dest, relay.dmac, ETH_ALEN);
	__builtin_memcpy(f->eth.h_source, relay.smac, ETH_ALEN);
	return bpf_redirect(relay.ifindex, 0);
}

/* Where XDP's frames end. IPIP counts like UDP: whatever is IPv4 and no control traffic. */
SEC("xdp")
int sink_xdp(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end || f->eth.h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	arrived[0]++;
	return XDP_DROP;
}

/* Where the stack's packets end: a native XDP program there would have to copy each of them first. */
SEC("tc")
int sink_tc(struct __sk_buff *skb)
{
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	arrived[1]++;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
