/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Virtual services as the maps hold them: index, identity, and the version that an edit replaces. */
#ifndef XLVS_ABI_SERVICE_H
#define XLVS_ABI_SERVICE_H

#include "abi/base.h"
#include "abi/hash.h"

/* What identifies a service: address, port and protocol, or a firewall mark. */
struct xlvs_service_key {
	struct xlvs_addr addr; /* network order; zero with a firewall mark */
	__be16 port;           /* 0 = any port, or a firewall mark */
	__u8 proto;            /* IPPROTO_TCP | UDP | SCTP; 0 with a firewall mark */
	__u8 family;           /* AF_INET | AF_INET6 */
	__u32 fwmark;          /* 0 = none */
};
static_assert(sizeof(struct xlvs_service_key) == 24, "key: no implicit padding");

/* The index from key to row: buckets of one cache line, two for each key. A
 * slot is one 64-bit word, so one aligned store publishes or withdraws a
 * service. xlvs_svc_index holds two halves of equal size, and
 * xlvs_control.half says which one counts: a restore fills the other and
 * publishes a whole table with one store. */
#define XLVS_INDEX_WAYS 8
struct xlvs_index_bucket {
	__u64 slot[XLVS_INDEX_WAYS]; /* 0 = empty, else tag << 32 | row + 1 */
};
static_assert(sizeof(struct xlvs_index_bucket) == 64, "one cache line");

XLVS_INLINE __u64 xlvs_hash_service(const struct xlvs_service_key *k, __u64 seed)
{
	__u64 h = xlvs_hash_addr(&k->addr, k->family, seed);

	return xlvs_mix(h ^ ((__u64)k->fwmark << 24 ^ (__u64)k->port << 40 ^ (__u64)k->proto << 32 ^
			     (__u64)k->family << 56));
}
/* Never 0 in the low word's place: the row is stored plus one. */
XLVS_INLINE __u64 xlvs_index_slot(__u64 hash, __u32 row)
{
	return (hash >> 32) << 32 | (row + 1);
}
/* buckets of a key within a half of n buckets; n is a power of two */
XLVS_INLINE __u32 xlvs_index_first(__u64 hash, __u32 n)
{
	return (__u32)hash & (n - 1);
}
XLVS_INLINE __u32 xlvs_index_second(__u64 hash, __u32 n)
{
	return (__u32)(hash >> 17) & (n - 1);
}

/* Identity of a service; the row stays while the service lives. */
struct xlvs_service {
	struct xlvs_service_key key;
	__u32 version; /* first block in xlvs_arena, never 0; one store publishes an edit */
	/* What lblc and lblcr remember; written by the data plane, forgotten when the scheduler changes. */
	__u32 cached;	 /* lblc: row of the server plus 1; 0 = none */
	__u32 cached_at; /* lblc: its place in the list when it was remembered: a hint */
	__u32 used;	 /* both: tick of the last pick */
	__u32 joined;	 /* lblcr: number of the server that joined the set last; see xlvs_load.joined */
	__u32 forgotten; /* lblcr: numbers up to this one are out; the set is empty when it equals joined */
	__u32 changed;	 /* lblcr: tick of the set's last change */
	__u32 reserved[3];
};
static_assert(sizeof(struct xlvs_service) == 64, "one cache line");

#define XLVS_SVC_F_PERSISTENT 0x0001 /* the values of IP_VS_SVC_F_* in <linux/ip_vs.h> */
#define XLVS_SVC_F_ONEPACKET  0x0004
#define XLVS_SVC_F_SCHED1     0x0008 /* sh-fallback, mh-fallback, flag-1 */
#define XLVS_SVC_F_SCHED2     0x0010 /* sh-port, mh-port, flag-2 */
#define XLVS_SVC_F_SCHED3     0x0020 /* flag-3 */

/* How the data plane picks. Names for people: loader/sched/registry. */
enum xlvs_sched {
	XLVS_SCHED_NONE,  /* never picks */
	XLVS_SCHED_TURN,  /* next slot of the version's schedule: rr, wrr */
	XLVS_SCHED_LADDER, /* the same for a period that is too long to be written down: struct xlvs_ladder */
	/* the least cost: bpf/schedule/cost.h */
	XLVS_SCHED_LC,
	XLVS_SCHED_WLC,
	XLVS_SCHED_SED,
	XLVS_SCHED_NQ,
	XLVS_SCHED_FO,
	XLVS_SCHED_OVF,
	XLVS_SCHED_TWOS,  /* the lesser of two drawn by lot */
	XLVS_SCHED_LBLC,  /* a remembered server, else the least */
	XLVS_SCHED_LBLCR, /* the least of a set, else the least of all */
	/* a slot by a hash */
	XLVS_SCHED_DH, /* 256: of the destination's address */
	XLVS_SCHED_SH, /* 256: of the source's address, with XLVS_SVC_F_SCHED2 also its port */
	XLVS_SCHED_MH, /* 4093: the same */
	XLVS_SCHED_MAGLEV, /* 65537: the same */
	XLVS_SCHEDS
};

/* A version: everything that an administrator set for a service and its real
 * servers, immutable once published, in consecutive blocks of xlvs_arena:
 *
 *   block 0                    struct xlvs_version
 *   block 1                    struct xlvs_version_zero
 *   from XLVS_FIRST_PICK       struct xlvs_pick[servers]    list order, newest first
 *   from xlvs_first_record()   struct xlvs_record[servers]  the same order
 *   from xlvs_first_slot()     __u32[slots]                 server numbers, one schedule period; or a ladder; or groups
 *
 * Only the data plane changes something later: .ticket, xlvs_version_zero.restarted and xlvs_group.found. */
#define XLVS_BLOCK_SIZE 64
#define XLVS_NAME_LEN	16 /* IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN */

struct xlvs_version {
	__u64 ticket;	 /* turns taken; slot = ticket % slots */
	__u32 service;	 /* row in xlvs_services that this version was made for */
	__u32 blocks;	 /* length, this one included */
	__u32 sched;	 /* enum xlvs_sched */
	__u32 flags;	 /* XLVS_SVC_F_* */
	__u32 timeout_s; /* persistence; 0 = not persistent */
	__u32 netmask;	 /* of clients: IPv4 mask in network order, or IPv6 prefix length */
	__u32 servers;	 /* picks and records */
	__u32 slots;	 /* length of the schedule; 0 = none usable */
	/* rr, wrr: sched::Position at ticket 0, from which the next version's maker goes on: threshold, last.
	 * Dynamic ones: the tick in which the scheduler was bound to the service, and the number of struct xlvs_group.
	 * maglev: the seed that its table was made with, and 0. */
	__u32 state[2];
	char scheduler[XLVS_NAME_LEN]; /* as the administrator named it, NUL-terminated */
};
static_assert(sizeof(struct xlvs_version) == XLVS_BLOCK_SIZE, "one block");

/* Service totals are the sum over its servers' counters minus this: a server
 * that leaves lowers it by its counters, one that comes raises it, -Z sets it
 * to the sum. Unsigned wrap is meant. */
struct xlvs_version_zero {
	struct xlvs_counters zero;
	char pe_name[XLVS_NAME_LEN]; /* persistence engine, "" = none */
	/* rr, wrr: what becomes of a turn that nobody can take, bpf/schedule/turn.h */
	__u16 start;	/* number in wrr's cycle of the turn at ticket 0, when there are slots */
	__u16 restarts; /* wrr: turns numbered up to this begin anew; rr: XLVS_NEVER_RESTARTS */
	__u32 restarted; /* written by the data plane: low half of the ticket at which wrr began anew, plus 1; 0 = did not */
};
static_assert(sizeof(struct xlvs_version_zero) == XLVS_BLOCK_SIZE, "one block");

/* The list as schedulers walk it. */
struct xlvs_pick {
	__u32 server; /* row in xlvs_servers and xlvs_loads */
	__u32 weight; /* 0 = quiesced */
};
#define XLVS_PICKS_PER_BLOCK (XLVS_BLOCK_SIZE / 8)
struct xlvs_pick_block {
	struct xlvs_pick pick[XLVS_PICKS_PER_BLOCK];
};
static_assert(sizeof(struct xlvs_pick_block) == XLVS_BLOCK_SIZE, "one block");

/* In a slot of those that pick by a hash: the server is there with weight 0. */
#define XLVS_SLOT_QUIESCED 0x80000000u

#define XLVS_SLOTS_PER_BLOCK (XLVS_BLOCK_SIZE / 4)
struct xlvs_slot_block {
	__u32 server[XLVS_SLOTS_PER_BLOCK];
};
static_assert(sizeof(struct xlvs_slot_block) == XLVS_BLOCK_SIZE, "one block");

#define XLVS_NEVER_RESTARTS 0xffff

/* In the place of the slots, XLVS_SCHED_LADDER: this block, then the steps, then
 * counts, for each level one for each server. loader/sched/ladder.h says what they mean. */
struct xlvs_ladder {
	__u64 turns;   /* in a period */
	__u64 start;   /* number of the turn at ticket 0 */
	__u32 divisor; /* by which the threshold falls */
	__u32 steps;
	__u32 levels; /* of counts: bits of a place in the list */
	__u32 zero;
	__u32 reserved[8];
};
static_assert(sizeof(struct xlvs_ladder) == XLVS_BLOCK_SIZE, "one block");

struct xlvs_step {
	__u64 first;	 /* number of its first turn */
	__u32 threshold; /* of its first pass */
	__u32 members;	 /* servers in each pass */
};
#define XLVS_STEPS_PER_BLOCK (XLVS_BLOCK_SIZE / 16)
struct xlvs_step_block {
	struct xlvs_step step[XLVS_STEPS_PER_BLOCK];
};
static_assert(sizeof(struct xlvs_step_block) == XLVS_BLOCK_SIZE, "one block");

#define XLVS_COUNTS_PER_BLOCK (XLVS_BLOCK_SIZE / 2)
struct xlvs_count_block {
	__u16 count[XLVS_COUNTS_PER_BLOCK];
};
static_assert(sizeof(struct xlvs_count_block) == XLVS_BLOCK_SIZE, "one block");

/* First block of the counts, from the ladder's own. */
XLVS_INLINE __u32 xlvs_first_count(__u32 steps)
{
	return 1 + (steps + XLVS_STEPS_PER_BLOCK - 1) / XLVS_STEPS_PER_BLOCK;
}

/* In the place of the slots, dynamic schedulers: the servers sorted by row, in groups whose rows
 * agree in row / XLVS_GROUP_ROWS. What such a scheduler looks for it looks for in each group, and
 * remembers it with the group until something changes in one of those rows (struct xlvs_changes).
 * Where that would make too many groups, each has XLVS_GROUP_ROWS servers and remembers nothing.
 * First the groups, then the picks of all of them. */
#define XLVS_GROUP_ROWS 64
#define XLVS_MAX_GROUPS 128
#define XLVS_NO_ROWS	0xffffffffu
struct xlvs_group {
	__u32 rows;	/* row / XLVS_GROUP_ROWS of its servers; XLVS_NO_ROWS: they do not agree */
	__u16 first;	/* of its picks */
	__u16 picks;
	__u64 found[3]; /* by the data plane: bpf/schedule/group.h */
};
#define XLVS_GROUPS_PER_BLOCK (XLVS_BLOCK_SIZE / 32)
struct xlvs_group_block {
	struct xlvs_group group[XLVS_GROUPS_PER_BLOCK];
};
static_assert(sizeof(struct xlvs_group_block) == XLVS_BLOCK_SIZE, "one block");

struct xlvs_group_pick {
	__u32 server; /* as in struct xlvs_pick */
	__u32 weight;
	__u32 place; /* in the list: of equals the first one is chosen */
	__u32 reserved;
};
#define XLVS_GROUP_PICKS_PER_BLOCK (XLVS_BLOCK_SIZE / 16)
struct xlvs_group_pick_block {
	struct xlvs_group_pick pick[XLVS_GROUP_PICKS_PER_BLOCK];
};
static_assert(sizeof(struct xlvs_group_pick_block) == XLVS_BLOCK_SIZE, "one block");

/* First block of the groups' picks, from the first group's. */
XLVS_INLINE __u32 xlvs_first_group_pick(__u32 groups)
{
	return (groups + XLVS_GROUPS_PER_BLOCK - 1) / XLVS_GROUPS_PER_BLOCK;
}

/* What an administrator set for one real server of a service. */
struct xlvs_record {
	__u32 server;
	__u32 weight;
	__u32 upper; /* -x, 0 = no limit */
	__u32 lower; /* -y */
	__u8 forward : 4;  /* enum xlvs_forward */
	__u8 tun_type : 4; /* enum xlvs_tunnel */
	__u8 tun_flags;	   /* XLVS_TUN_F_* */
	__be16 tun_port;
	__u32 last_weight; /* the last weight above 0; 0 = added with 0 and never had another: mh goes by it */
	struct xlvs_counters zero; /* server's totals are its counters minus this */
};
static_assert(sizeof(struct xlvs_record) == XLVS_BLOCK_SIZE, "one block");

#define XLVS_FIRST_PICK 2
XLVS_INLINE __u32 xlvs_first_record(__u32 servers)
{
	return XLVS_FIRST_PICK + (servers + XLVS_PICKS_PER_BLOCK - 1) / XLVS_PICKS_PER_BLOCK;
}
XLVS_INLINE __u32 xlvs_first_slot(__u32 servers)
{
	return xlvs_first_record(servers) + servers;
}
XLVS_INLINE __u32 xlvs_version_blocks(__u32 servers, __u32 slots)
{
	return xlvs_first_slot(servers) + (slots + XLVS_SLOTS_PER_BLOCK - 1) / XLVS_SLOTS_PER_BLOCK;
}

/* Key of the hash of a client's address beside the seed, maglev. */
#define XLVS_MAGLEV_CLIENT 4ull

/* Limits of one service. */
#define XLVS_MAX_SERVERS_PER_SERVICE 4096
#define XLVS_MAX_SLOTS		     65537 /* maglev; the longest period is one shorter */

#endif
