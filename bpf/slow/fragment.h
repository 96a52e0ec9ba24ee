/* SPDX-License-Identifier: GPL-2.0-only */
/* Fragments: the first one has the ports, and leaves word for the others. */
#ifndef XLVS_SLOW_FRAGMENT_H
#define XLVS_SLOW_FRAGMENT_H

#include "config.h"
#include "slow/case.h"

/* The row of a datagram that no server gets: the stack's. */
#define XLVS_STACK_ROW (XLVS_NO_ROW - 1)

struct xlvs_fragment_key {
	struct xlvs_addr saddr, daddr;
	__be32 id;
	__u8 proto;
	__u8 family;
	__u16 reserved;
};
struct xlvs_fragment {
	__u32 expires; /* tick */
	__u32 server;  /* row */
	__u32 forward;
	__u32 dir;
	struct xlvs_addr vaddr;
	__be16 vport;
	__u16 reserved;
	__u32 held; /* pieces that wait for the first, which has not come while server is XLVS_NO_ROW */
};

/* Datagrams whose first fragment has passed, or is waited for. Bounded: a
 * flood of fragments pushes out the oldest ones, whose datagrams are then lost.  Writer, reader: this file. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, XLVS_FRAGMENT_ROWS);
	__type(key, struct xlvs_fragment_key);
	__type(value, struct xlvs_fragment);
} xlvs_fragments SEC(".maps");

static __always_inline void xlvs_fragment_key(const struct xlvs_case *c, struct xlvs_fragment_key *key)
{
	key->saddr = c->saddr;
	key->daddr = c->daddr;
	key->id = c->id;
	key->proto = c->family == XLVS_AF_INET ? c->proto : 0; /* RFC 8200, 4.5: what follows the header may differ */
	key->family = c->family;
	key->reserved = 0;
}

/* Leaves word: where the first fragment goes, the others go.  returns whether some of them may wait for it */
static __noinline int xlvs_remember_first(const struct xlvs_case *c)
{
	struct xlvs_fragment_key key;
	struct xlvs_fragment f = {
		.expires = c->now + xlvs_seconds_to_ticks(XLVS_FRAGMENT_S),
		.server = c->server,
		.forward = c->forward,
		.dir = c->dir,
		.vaddr = c->vaddr,
		.vport = c->vport,
	};
	struct xlvs_fragment *known;
	int waiting;

	xlvs_fragment_key(c, &key);
	if (!bpf_map_update_elem(&xlvs_fragments, &key, &f, BPF_NOEXIST))
		return 0;
	known = bpf_map_lookup_elem(&xlvs_fragments, &key);
	waiting = known && known->server == XLVS_NO_ROW;
	bpf_map_update_elem(&xlvs_fragments, &key, &f, BPF_ANY);
	return waiting;
}

/* May a later fragment be one of a datagram that is balanced? Over IPv6 more headers may follow. */
static __always_inline bool xlvs_may_be_ours(const struct xlvs_case *c)
{
	return xlvs_is_balanced(c->proto) || (c->family != XLVS_AF_INET && xlvs_is_extension(c->proto));
}

/* returns  NEXT | HOLD: the first one has not come | OK: the stack got it */
static __noinline int xlvs_recall_first(struct xlvs_case *c)
{
	struct xlvs_fragment_key key;
	struct xlvs_fragment *f;

	xlvs_fragment_key(c, &key);
	f = bpf_map_lookup_elem(&xlvs_fragments, &key);
	if (!f || f->server == XLVS_NO_ROW || (__s32)(c->now - f->expires) > 0)
		return XLVS_SLOW_HOLD;
	if (f->server == XLVS_STACK_ROW)
		return TC_ACT_OK;
	c->server = f->server;
	c->forward = f->forward;
	c->dir = f->dir;
	c->vaddr = f->vaddr;
	c->vport = f->vport;
	c->event = XLVS_EVENT_DATAGRAM;
	return XLVS_SLOW_NEXT;
}

#endif
