/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one row that describes the table itself, and the filter that spares strangers the lookups. */
#ifndef XLVS_ABI_CONTROL_H
#define XLVS_ABI_CONTROL_H

#include "abi/base.h"
#include "abi/conn.h"
#include "abi/hash.h"
#include "abi/settings.h"

#define XLVS_TIMEOUT_STATES 16
enum xlvs_timeout_row { XLVS_TIMEOUT_TCP, XLVS_TIMEOUT_UDP, XLVS_TIMEOUT_SCTP, XLVS_TIMEOUT_NOBODY, XLVS_TIMEOUT_ROWS };
/* The row of a protocol, 6, 17 or 132, without a branch. Of any other number it is one of the four. */
XLVS_INLINE __u32 xlvs_timeout_row(__u32 proto)
{
	return (proto >> 4 & 1) | (proto >> 6 & 2);
}

/* Written by the loader at attach and by commands under the table's lock. */
struct xlvs_control {
	__u32 abi;	    /* XLVS_ABI_VERSION; another one: leave everything alone */
	__u32 half;	    /* 0 | 1: the half of xlvs_svc_index that counts */
	__u32 services;	    /* XLVS_SERVICES_*: how many are published, and whether the table is on for each family */
	__u32 dirty;	    /* a writer is at work; found set under the lock: it died, repair */
	__u32 timeouts[XLVS_TIMEOUT_ROWS][XLVS_TIMEOUT_STATES]; /* ticks, by state */
	__u32 timeouts_s[XLVS_TIMEOUT_ROWS][XLVS_TIMEOUT_STATES]; /* the same in seconds, as set */
	__u32 any_port;	    /* services with port 0 */
	__u32 nat;	    /* not 0: there are NAT servers, or were and may have connections */
	/* capacity, fixed at attach */
	__u32 max_services; /* xlvs_services has twice as many rows: a restore stands beside the old table */
	__u32 index_buckets; /* of one half, a power of two */
	__u32 max_servers;  /* rows of xlvs_servers, xlvs_loads, xlvs_lines */
	__u32 arena_blocks;
	__u32 buckets4;
	__u32 buckets6;
	__u32 max_conns;    /* as asked for */
	__u32 lingering;    /* not capacity: servers with XLVS_SERVER_F_LINGERS, or more; for commands */
	__u64 seed;	    /* of every hash */
	__u64 netns_cookie; /* SO_NETNS_COOKIE of the namespace that the table belongs to */
	/* hints of the allocators; any value is safe */
	__u32 arena_cursor;
	__u32 service_cursor;
	__u32 server_cursor;
	__u32 trash;	    /* servers USED but not AVAILABLE */
	__u32 settings[XLVS_SETTINGS_ROOM]; /* by enum xlvs_setting */
	__u32 stateless; /* tick when a flow was last forwarded for want of an entry, 0 = never; by the data plane */
	__u32 server_end; /* rows of xlvs_servers from here on were never used */
};

#define XLVS_CONFIRM_TICKS 60 /* four seconds; less than neighbours need to go stale */

/* Constants of the loaded programs (.rodata, set before load): the verifier
 * turns them into immediates. Equal to the fields of xlvs_control. */
struct xlvs_limits {
	__u32 index_buckets;
	__u32 max_services;
	__u32 max_servers;
	__u32 arena_blocks;
	__u32 buckets4;
	__u32 buckets6;
	__u64 seed;
	__u32 fib_src; /* 1: this kernel's bpf_fib_lookup() knows BPF_FIB_LOOKUP_SRC (6.7) */
	__u32 confirm; /* ticks between packets that have the kernel look after a server's neighbour; 0 = never */
};
static_assert(sizeof(struct xlvs_limits) == 40, "rodata");

/* Addresses that concern us: a bit for each hash, one array for virtual
 * addresses and one for NAT servers. A set bit may be a coincidence, a clear
 * bit is certain: such packets pass after two loads. */
#define XLVS_FILTER_BITS  262144
#define XLVS_FILTER_WORDS (XLVS_FILTER_BITS / 64)
struct xlvs_filter {
	__u64 vip[XLVS_FILTER_WORDS]; /* destination may be a virtual address */
	__u64 nat[XLVS_FILTER_WORDS]; /* source may be a NAT server */
};
XLVS_INLINE __u32 xlvs_filter_bit(const struct xlvs_addr *a, int family, __u64 seed)
{
	__u64 h = xlvs_hash_addr(a, family, seed);

	h ^= h >> 32; /* the bits taken below come from the lower half */
	h *= 0xff51afd7ed558ccdull;
	return (__u32)(h >> 40) & (XLVS_FILTER_BITS - 1);
}

/* xlvs_control.services. As with kernel IPVS, packets of a family without a service pass, whatever connections it has left. */
#define XLVS_SERVICES_COUNT 0x3fffffffu
#define XLVS_SERVICES_IPV4  0x40000000u /* one of them at least is IPv4's, or a server of one lingers (XLVS_SERVER_F_LINGERS) */
#define XLVS_SERVICES_IPV6  0x80000000u

#endif
