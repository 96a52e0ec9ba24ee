/* SPDX-License-Identifier: GPL-2.0-only */
/* Around all stages: VLAN tags off before the headers are read, and on before a frame leaves. Between, a frame looks as
 * its VLAN interface sees it. docs/adr/0010-vlans.md says why. */
#ifndef XLVS_STAGE_TAGS_H
#define XLVS_STAGE_TAGS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

#define XLVS_MOST_TAGS 2
#define XLVS_TAG_AT    12 /* of the first tag in the frame */
#define XLVS_TAG_BYTES 4

/* Ethernet type and id of a tag; its priority is not compared. */
#define XLVS_TAG_NAME bpf_htonl(0xffff0fff)
#define XLVS_TAG_ID   bpf_htonl(0x00000fff)

static __always_inline bool xlvs_is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* The tags of the frame in work, as they stood; read for one that has passed.  Writer, reader: this file.  One row will
 * do: flow.h says why. */
struct xlvs_tags {
	__be32 tag[XLVS_MOST_TAGS];
	__u32 bytes; /* of the tags to put back */
	__u32 reserved;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_tags);
} xlvs_tagged SEC(".maps");

static __always_inline struct xlvs_tags *xlvs_get_tags(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&xlvs_tagged, &zero);
}

/* The tag of a frame that is at the interface *ifindex.
 * returns  1, and *ifindex is the VLAN's | 0: no VLAN of ours */
static __always_inline int xlvs_read_tag(struct xlvs_tags *t, const __u32 n, __be32 tag, __u32 *ifindex)
{
	struct xlvs_vlan_key key = { .ifindex = *ifindex, .tag = tag & XLVS_TAG_NAME };
	const __u32 *vlan;

	t->tag[n] = tag;
	if (!(tag & XLVS_TAG_ID))
		return 1; /* a priority and no VLAN */
	vlan = bpf_map_lookup_elem(&xlvs_vlans, &key);
	if (!vlan)
		return 0;
	*ifindex = *vlan;
	return 1;
}

/* Takes the tags off a frame.
 * writes   xlvs_tagged
 * returns  the number of the VLAN interface, or of the port if the tags name no VLAN | 0: it is not ours, and untouched
 * cost     a lookup for each tag, one adjusted head */
static __noinline int xlvs_take_tags(struct xdp_md *ctx)
{
	struct xlvs_tags *t = xlvs_get_tags();
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data + XLVS_TAG_BYTES;
	__u32 ifindex = ctx->ingress_ifindex, bytes = XLVS_TAG_BYTES;
	__be32 *tag = data + XLVS_TAG_AT;
	__u32 macs[3];

	if (!t || (void *)(eth + 1) > end || !xlvs_read_tag(t, 0, *tag, &ifindex))
		return 0;
	__builtin_memcpy(macs, data, sizeof(macs));
	if (xlvs_is_tag(eth->h_proto)) {
		eth = data + 2 * XLVS_TAG_BYTES;
		if ((void *)(eth + 1) > end || !xlvs_read_tag(t, 1, tag[1], &ifindex))
			return 0;
		bytes = 2 * XLVS_TAG_BYTES;
	}
	if (eth->h_proto != bpf_htons(ETH_P_IP) && eth->h_proto != bpf_htons(ETH_P_IPV6))
		return 0;
	__builtin_memcpy(eth, macs, sizeof(macs));
	if (bpf_xdp_adjust_head(ctx, bytes))
		return 0;
	/* the stack makes nothing of a tag that names no VLAN, and would not come by the slow path's filter without it */
	t->bytes = ifindex == ctx->ingress_ifindex ? 0 : bytes;
	return (int)ifindex;
}

/* Puts tags between the addresses and the Ethernet type.  bytes: of the tags, 4 or 8
 * returns  whether there was room */
static __always_inline bool xlvs_put_tags(struct xdp_md *ctx, const __be32 *tags, __u32 bytes)
{
	__u32 macs[3], *frame;
	void *end;

	if (bpf_xdp_adjust_head(ctx, bytes == XLVS_TAG_BYTES ? -XLVS_TAG_BYTES : -2 * XLVS_TAG_BYTES))
		return false;
	frame = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)frame + 2 * XLVS_TAG_BYTES + sizeof(struct ethhdr) > end)
		return false;
	if (bytes == XLVS_TAG_BYTES) {
		__builtin_memcpy(macs, frame + 1, sizeof(macs));
		__builtin_memcpy(frame, macs, sizeof(macs));
		frame[3] = tags[0];
	} else {
		__builtin_memcpy(macs, frame + 2, sizeof(macs));
		__builtin_memcpy(frame, macs, sizeof(macs));
		frame[3] = tags[0];
		frame[4] = tags[1];
	}
	return true;
}

/* A frame whose tags were taken off passes: as it came, so that the stack finds its VLAN.
 * returns  the XDP action */
static __noinline int xlvs_pass_tagged(struct xdp_md *ctx)
{
	struct xlvs_tags *t = xlvs_get_tags();

	if (!t || !t->bytes)
		return XDP_PASS;
	if (xlvs_put_tags(ctx, t->tag, t->bytes))
		return XDP_PASS;
	xlvs_count(XLVS_REASON_HEADROOM);
	return XDP_DROP;
}

#endif
