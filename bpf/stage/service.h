/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 3, for packets without a connection: the virtual service they address. */
#ifndef XLVS_STAGE_SERVICE_H
#define XLVS_STAGE_SERVICE_H

#include <linux/in.h>

#include "abi/conn.h"
#include "flow.h"
#include "maps.h"
#include "packet.h"

#define XLVS_NO_ROW 0xffffffffu

static __always_inline bool xlvs_key_equal(const struct xlvs_service_key *a, const struct xlvs_service_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* The row of a key in one bucket of the index, or XLVS_NO_ROW. */
static __always_inline __u32 xlvs_index_search(const struct xlvs_service_key *key, __u64 hash, __u32 bucket)
{
	struct xlvs_index_bucket *b = bpf_map_lookup_elem(&xlvs_svc_index, &bucket);

	if (!b)
		return XLVS_NO_ROW;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < XLVS_INDEX_WAYS; i++) {
		__u64 slot = READ_ONCE(b->slot[i]);
		__u32 row = (__u32)slot - 1;
		struct xlvs_service *svc;

		if (!slot || slot >> 32 != hash >> 32)
			continue;
		svc = xlvs_get_service(row);
		if (svc && xlvs_key_equal(&svc->key, key))
			return row;
	}
	return XLVS_NO_ROW;
}

/* May this packet open a connection? Not a reset or ABORT; for TCP only a SYN,
 * for SCTP only an INIT, unless sloppy_tcp or sloppy_sctp; and never from the
 * FTP data port, whose connections their control connection makes. */
static __always_inline bool xlvs_may_open(const struct xlvs_flow *f, const struct xlvs_control *control)
{
	if (f->sport == bpf_htons(20))
		return false;
	if ((f->event & XLVS_OPENS) != XLVS_OPENS_SLOPPY)
		return (f->event & XLVS_OPENS) != XLVS_OPENS_NEVER;
	return f->proto == IPPROTO_TCP ? xlvs_setting(control, XLVS_SET_SLOPPY_TCP) :
					 xlvs_setting(control, XLVS_SET_SLOPPY_SCTP);
}

/* A flow that got no entry has none for its later packets either: for as long
 * as one could live, packets of TCP and SCTP without one are taken for such. */
static __always_inline bool xlvs_may_be_stateless(const struct xlvs_flow *f, const struct xlvs_control *control)
{
	__u32 last = READ_ONCE(control->stateless);
	__u32 life = f->proto == IPPROTO_TCP ? control->timeouts[XLVS_TIMEOUT_TCP][XLVS_TCP_ESTABLISHED] :
					       control->timeouts[XLVS_TIMEOUT_SCTP][XLVS_SCTP_ESTABLISHED];

	return last && f->sport != bpf_htons(20) && f->now - last < life;
}

/* Which service the flow addresses.
 * writes   service opens
 * returns  NEXT | PASS/NO_CONNECTION | PASS/NOT_OURS | DROP/MALFORMED
 * cost     a cache line of the index and one of xlvs_services for a hit */
static __always_inline enum xlvs_verdict xlvs_find_service(struct xlvs_flow *f, const struct xlvs_control *control)
{
	__u32 n = xlvs_limits.index_buckets, base = READ_ONCE(control->half) ? n : 0, row = XLVS_NO_ROW;

	f->opens = xlvs_may_open(f, control);
	if (!f->opens && !xlvs_may_be_stateless(f, control))
		return f->event == (XLVS_EVENT_DATAGRAM | XLVS_OPENS_NEVER) ?
			       xlvs_flow_ends(f, XLVS_DROP, XLVS_REASON_MALFORMED) : /* SCTP without a chunk */
			       xlvs_flow_ends(f, XLVS_PASS, XLVS_REASON_NO_CONNECTION);
	/* two buckets for the exact port, two for any; one search in a loop costs less stack than four */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 4; i++) {
		__u64 hash;

		if (i == 2) {
			if (!READ_ONCE(control->any_port))
				break;
			xlvs_set_key_end(&f->key, 0, f->proto, f->family);
		}
		hash = xlvs_hash_service(&f->key, xlvs_limits.seed);
		row = xlvs_index_search(&f->key, hash,
					base + (i & 1 ? xlvs_index_second(hash, n) : xlvs_index_first(hash, n)));
		if (__builtin_expect(row != XLVS_NO_ROW, 0))
			break;
	}
	f->service = row;
	return row == XLVS_NO_ROW ? xlvs_flow_ends(f, XLVS_PASS, XLVS_REASON_NOT_OURS) : XLVS_NEXT;
}

#endif
