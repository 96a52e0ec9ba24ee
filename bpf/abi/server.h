/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Real servers as the data plane sees them: identity, load, and the per-CPU line of the fast path. */
#ifndef XLVS_ABI_SERVER_H
#define XLVS_ABI_SERVER_H

#include "abi/base.h"
#include "abi/service.h"

/* Forwarding methods: the values of IP_VS_CONN_F_* under IP_VS_CONN_F_FWD_MASK. */
enum xlvs_forward {
	XLVS_FORWARD_NAT = 0,	 /* Masq */
	XLVS_FORWARD_LOCAL = 1,	 /* Local */
	XLVS_FORWARD_TUNNEL = 2, /* Tunnel */
	XLVS_FORWARD_DIRECT = 3, /* Route */
	XLVS_FORWARD_BYPASS = 4,
};
/* Tunnel types: the values of IP_VS_CONN_F_TUNNEL_TYPE_*. */
enum xlvs_tunnel { XLVS_TUNNEL_IPIP = 0, XLVS_TUNNEL_GUE = 1, XLVS_TUNNEL_GRE = 2 };
/* IP_VS_TUNNEL_ENCAP_FLAG_* */
#define XLVS_TUN_F_NOCSUM  0
#define XLVS_TUN_F_CSUM	   1
#define XLVS_TUN_F_REMCSUM 2

#define XLVS_SERVER_F_USED	0x1 /* the row holds a server, in a list or in the trash */
#define XLVS_SERVER_F_AVAILABLE 0x2 /* in a service's list: takes packets */
#define XLVS_SERVER_F_NAT	0x4 /* has been NAT since it is USED: replies may come from it */
#define XLVS_SERVER_F_KEPT	0x8 /* in the trash of a service that lives on: its totals come back with it */
#define XLVS_SERVER_F_LINGERS	0x10 /* in the trash, for its service is kernel IPVS's now: the connections that it has go on */
#define XLVS_SERVER_F_SERVES	(XLVS_SERVER_F_AVAILABLE | XLVS_SERVER_F_LINGERS) /* connections find it */

/* One real server of one service. The identity (addr, port, family, svc) never
 * changes while USED. The rest mirrors the published xlvs_record so that a
 * packet needs no look at the version; a writer sets it after publishing an
 * edit, and before publishing a new server. */
struct xlvs_server {
	/* the first cache line: what a packet needs */
	struct xlvs_addr addr;
	struct xlvs_addr tun_src; /* source of the outer header; kept fresh by the data plane where the FIB tells it */
	/* these eight bytes are one aligned word: one store sets an edit of them */
	__be16 port;		  /* as named by commands; 0 = the port that the client addressed */
	__u8 family;		  /* of addr */
	__u8 forward;		  /* enum xlvs_forward, for new connections */
	__u8 tun_type;		  /* enum xlvs_tunnel */
	__u8 tun_flags;		  /* XLVS_TUN_F_* */
	__be16 tun_port;
	__u32 flags;		  /* XLVS_SERVER_F_* */
	__u32 trash_since;	  /* tick of deletion, when USED without AVAILABLE */
	__be16 nat_port;	  /* port that NAT sends to: .port, but 0 when the service takes any port */
	__u16 pmtu;		  /* TUNNEL: a router on the way takes no longer packets; 0 = none has said so. By the data plane */
	__u32 pmtu_until;	  /* tick: how long that is believed */
	__u32 service;		  /* row in xlvs_services, while AVAILABLE: whose rates it counts for */
	__u32 reserved;
	/* the second: what commands need */
	struct xlvs_service_key svc;
	struct xlvs_counters zero; /* xlvs_record.zero at deletion, when KEPT */
};
static_assert(sizeof(struct xlvs_server) == 128, "two cache lines");

#define XLVS_LOAD_F_OVERLOAD 0x1 /* -x reached, -y not yet */

/* Connections of one real server, counted by whoever wins the transition. */
struct xlvs_load {
	__u32 active;
	__u32 inactive;
	__u32 persistent; /* templates */
	__u32 flags;	  /* XLVS_LOAD_F_* */
	__u32 upper;	  /* mirror of xlvs_record.upper */
	__u32 lower;	  /* mirror of xlvs_record.lower */
	__u32 joined;	  /* lblcr: when it joined its service's set, as a number (xlvs_service.joined); 0 = it did not */
	__u32 weight;	  /* mirror of xlvs_record.weight; 0 = quiesced */
};
static_assert(sizeof(struct xlvs_load) == 32, "half a cache line");

/* How often something changed that dynamic schedulers look at, in the loads of XLVS_GROUP_ROWS
 * neighbouring rows. Raised after each change, by whoever made it. Alone in its cache line. */
struct xlvs_changes {
	__u32 count;
	__u32 reserved[15];
};
static_assert(sizeof(struct xlvs_changes) == 64, "one cache line");

XLVS_INLINE __u32 xlvs_changes_rows(__u32 servers)
{
	return (servers + XLVS_GROUP_ROWS - 1) / XLVS_GROUP_ROWS;
}

/* Where a server's packets go, remembered for XLVS_NEXTHOP_TICKS. */
struct xlvs_nexthop {
	__u32 ifindex;
	__u32 expires; /* tick */
	__u8 dmac[6];
	__u8 smac[6];
	__u16 mtu;
	__u16 valid; /* 0 = ask the FIB; else the tick when the kernel last looked after the neighbour, or 1 more */
};
static_assert(sizeof(struct xlvs_nexthop) == 24, "next hop");

/* All that an established flow writes: one cache line per server and CPU. */
struct xlvs_line {
	struct xlvs_counters counters;
	struct xlvs_nexthop nexthop;
};
static_assert(sizeof(struct xlvs_line) == 64, "one cache line");

#endif
