/* SPDX-License-Identifier: GPL-2.0-only */
/* What everything is compared with: the least that a balancer on the kernel's own maps can do for a packet.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define INLINE static inline __attribute__((always_inline))

struct ports {
	__be16 source, dest;
};
struct flow4 {
	__be32 saddr, daddr;
	struct ports ports;
	__u32 proto;
};
struct flow6 {
	struct in6_addr saddr, daddr;
	struct ports ports;
	__u32 proto;
};
struct service4 {
	__be32 addr;
	__be16 port;
	__u16 proto;
};
struct service6 {
	struct in6_addr addr;
	__be16 port;
	__u16 proto;
};
struct server {
	__be32 addr[4];
	__u8 dmac[6], smac[6];
};

/* Sized and filled by the bench; connections by floor_new. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct service4);
	__type(value, struct server);
	__uint(max_entries, 4096);
} floor_services4 SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct service6);
	__type(value, struct server);
	__uint(max_entries, 4096);
} floor_services6 SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow4);
	__type(value, struct server);
	__uint(max_entries, 1024);
} floor_conns4 SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow6);
	__type(value, struct server);
	__uint(max_entries, 1024);
} floor_conns6 SEC(".maps");

__u64 floor_misses; /* connections not found: the bench says so */

INLINE int write_ipip4(struct xdp_md *ctx, const struct server *server, __u16 inner_len)
{
	struct ethhdr *eth;
	struct iphdr *ip;
	__u32 sum = 0;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, server->dmac, 6);
	__builtin_memcpy(eth->h_source, server->smac, 6);
	eth->h_proto = bpf_htons(ETH_P_IP);
	*(__u8 *)ip = 0x45;
	ip->tos = 0;
	ip->tot_len = bpf_htons((__u16)(inner_len + sizeof(*ip)));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = IPPROTO_IPIP;
	ip->check = 0;
	ip->saddr = bpf_htonl(0xac100001);
	ip->daddr = server->addr[0];
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)ip)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (__u16) ~(sum + (sum >> 16));
	return XDP_TX;
}

INLINE int write_ipip6(struct xdp_md *ctx, const struct server *server, __u16 inner_len)
{
	struct ipv6hdr *ip;
	struct ethhdr *eth;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, server->dmac, 6);
	__builtin_memcpy(eth->h_source, server->smac, 6);
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	*(__be32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(inner_len);
	ip->nexthdr = IPPROTO_IPV6;
	ip->hop_limit = 64;
	__builtin_memset(&ip->saddr, 1, 16);
	__builtin_memcpy(&ip->daddr, server->addr, 16);
	return XDP_TX;
}

INLINE int floor4(struct xdp_md *ctx, const struct iphdr *ip, int create)
{
	const struct ports *ports = (const void *)(ip + 1);
	struct flow4 flow = {};
	struct service4 key = {};
	struct server *server;

	if ((void *)(ports + 1) > (void *)(long)ctx->data_end || *(const __u8 *)ip != 0x45)
		return XDP_PASS;
	key.addr = ip->daddr;
	key.port = ports->dest;
	key.proto = ip->protocol;
	server = bpf_map_lookup_elem(&floor_services4, &key);
	if (!server)
		return XDP_PASS;
	flow.saddr = ip->saddr;
	flow.daddr = ip->daddr;
	flow.ports = *ports;
	flow.proto = ip->protocol;
	if (create) {
		bpf_map_update_elem(&floor_conns4, &flow, server, BPF_ANY);
	} else {
		server = bpf_map_lookup_elem(&floor_conns4, &flow);
		if (!server) {
			floor_misses++;
			return XDP_DROP;
		}
	}
	return write_ipip4(ctx, server, bpf_ntohs(ip->tot_len));
}

INLINE int floor6(struct xdp_md *ctx, const struct ipv6hdr *ip, int create)
{
	const struct ports *ports = (const void *)(ip + 1);
	struct flow6 flow = {};
	struct service6 key = {};
	struct server *server;

	if ((void *)(ports + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	key.addr = ip->daddr;
	key.port = ports->dest;
	key.proto = ip->nexthdr;
	server = bpf_map_lookup_elem(&floor_services6, &key);
	if (!server)
		return XDP_PASS;
	flow.saddr = ip->saddr;
	flow.daddr = ip->daddr;
	flow.ports = *ports;
	flow.proto = ip->nexthdr;
	if (create) {
		bpf_map_update_elem(&floor_conns6, &flow, server, BPF_ANY);
	} else {
		server = bpf_map_lookup_elem(&floor_conns6, &flow);
		if (!server) {
			floor_misses++;
			return XDP_DROP;
		}
	}
	return write_ipip6(ctx, server, (__u16)(bpf_ntohs(ip->payload_len) + sizeof(*ip)));
}

INLINE int floor_any(struct xdp_md *ctx, int create)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	void *ip = eth + 1;

	if (eth->h_proto == bpf_htons(ETH_P_IP) && ip + sizeof(struct iphdr) <= end)
		return floor4(ctx, ip, create);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6) && ip + sizeof(struct ipv6hdr) <= end)
		return floor6(ctx, ip, create);
	return XDP_PASS;
}

/* a packet of a known connection */
SEC("xdp")
int floor_known(struct xdp_md *ctx)
{
	if (ctx->data + sizeof(struct ethhdr) > ctx->data_end)
		return XDP_PASS;
	return floor_any(ctx, 0);
}

/* a new connection each packet, stored; also fills the table for floor_known */
SEC("xdp")
int floor_new(struct xdp_md *ctx)
{
	if (ctx->data + sizeof(struct ethhdr) > ctx->data_end)
		return XDP_PASS;
	return floor_any(ctx, 1);
}

/* what the wrapper itself costs */
SEC("xdp")
int floor_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
