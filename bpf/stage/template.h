/* SPDX-License-Identifier: GPL-2.0-only */
/* Persistence templates: an entry that keeps a client, or a network of them, with one real server. */
#ifndef XLVS_STAGE_TEMPLATE_H
#define XLVS_STAGE_TEMPLATE_H

#include "abi/settings.h"
#include "stage/insert.h"

/* How often a template that changes under us is looked at again. */
#define XLVS_TEMPLATE_TRIES 4

/* The bits of an address that an IPv6 prefix of n bits leaves in its word i. */
static __always_inline __be32 xlvs_prefix_word(__u32 n, __u32 i)
{
	if (n <= 32 * i)
		return 0;
	return n >= 32 * i + 32 ? 0xffffffffu : bpf_htonl(~0u << (32 * i + 32 - n));
}

/* Names the template of the flow's client: the masked client with port 0, and
 * the service, whose port is 0 when it takes any.
 * writes   caddr chash timeout vport */
static __always_inline bool xlvs_name_template(const int family, struct xlvs_flow *f, const struct xlvs_version *v)
{
	struct xlvs_service *svc = xlvs_get_service(f->service);
	__u64 *word = (__u64 *)&f->caddr;
	struct xlvs_addr caddr = {};

	if (!svc)
		return false;
	f->vport = svc->key.port;
	f->timeout = xlvs_seconds_to_ticks(v->timeout_s);
	if (family == XLVS_AF_INET) {
		caddr.word[0] = f->saddr.word[0] & v->netmask;
	} else {
#pragma unroll
		for (__u32 i = 0; i < 4; i++)
			caddr.word[i] = f->saddr.word[i] & xlvs_prefix_word(v->netmask, i);
	}
	word[0] = caddr.word[0] | (__u64)caddr.word[1] << 32;
	word[1] = caddr.word[2] | (__u64)caddr.word[3] << 32;
	f->chash = xlvs_hash_conn(&caddr, 0, f->proto, family, xlvs_limits.seed);
	return true;
}

static __always_inline __u32 xlvs_template_bucket(const int family, const struct xlvs_flow *f, __u32 way)
{
	__u32 n = xlvs_family_buckets(family);

	return way & XLVS_AT_SECOND ? xlvs_conn_second_flow(f->chash, &f->daddr, f->vport, family, n) :
				      xlvs_conn_first(f->chash, n);
}

static __always_inline bool xlvs_is_template(const int family, const struct xlvs_flow *f, const struct xlvs_conn *c)
{
	if (family == XLVS_AF_INET) {
		const struct xlvs_conn4 *e = (const struct xlvs_conn4 *)c;

		return e->caddr == f->caddr.word[0] && e->vaddr == f->daddr.word[0] && !e->cport &&
		       e->vport == f->vport;
	} else {
		const struct xlvs_conn6 *e = (const struct xlvs_conn6 *)c;

		return !e->cport && e->vport == f->vport && xlvs_addr_equal(&e->caddr, &f->caddr) &&
		       xlvs_addr_equal(&e->vaddr, &f->daddr);
	}
}

/* May a template lead to its server? Not to one that was deleted, nor, with
 * expire_quiescent_template, to one of weight 0. */
static __always_inline bool xlvs_template_leads(__u32 server)
{
	struct xlvs_control *control = xlvs_get_control();
	struct xlvs_server *s = xlvs_get_server(server);
	struct xlvs_load *load = xlvs_get_load(server);

	if (!s || !load || !control || !(READ_ONCE(s->flags) & XLVS_SERVER_F_AVAILABLE))
		return false;
	return !xlvs_setting(control, XLVS_SET_EXPIRE_QUIESCENT_TEMPLATE) || READ_ONCE(load->weight);
}

/* Takes a template for one more connection: prolongs it, so that it is there
 * when the connection counts itself. One that leads nowhere is marked, and
 * its timer left to run out.
 * Returns whether f->server and f->forward are set by it. */
static __always_inline bool xlvs_use_template(struct xlvs_flow *f, struct xlvs_conn *c, __u32 meta)
{
	__u32 server = READ_ONCE(c->server), now = f->now;
	struct xlvs_server *s = xlvs_get_server(server);

	if (!s || !xlvs_template_leads(server)) {
		__sync_val_compare_and_swap(&c->meta, meta, meta | XLVS_TEMPLATE_INVALID << 8);
		return false;
	}
	for (__u32 i = 0; i < XLVS_TEMPLATE_TRIES; i++) {
		__u32 expires = READ_ONCE(c->expires);

		if ((__s32)(now - expires) > 0) {
			if (!READ_ONCE(c->control))
				return false; /* waits to be swept */
			expires = xlvs_rearm(c, meta, expires, now);
		}
		if (xlvs_swap_timed(c, meta, expires, meta, now + READ_ONCE(c->packets))) {
			f->server = server;
			f->forward = s->forward;
			return true;
		}
		/* another core used it, or assured it */
		if ((READ_ONCE(c->meta) ^ meta) & ~(XLVS_TEMPLATE_ASSURED << 8))
			return false;
		meta = READ_ONCE(c->meta);
	}
	return false;
}

/* Finds the template of the flow and takes it for one more connection.
 * writes   server forward
 * returns  it, as .control of a connection, or 0 */
static __always_inline __u32 xlvs_find_template(const int family, struct xlvs_flow *f)
{
	const __u32 match = XLVS_CONN_F_LIVE | XLVS_CONN_F_BUSY | XLVS_CONN_F_TEMPLATE | XLVS_TEMPLATE_INVALID << 8 | 0xff;

	/* The first turn shall load what the others load, or the compiler enters the loop behind that: schedule/hash.h
	 * says why it must not. */
	asm volatile("" : : : "memory");
	for (__u32 i = 0; i < XLVS_NOWHERE; i++) {
		__u32 bucket = xlvs_template_bucket(family, f, i), meta;
		struct xlvs_conn *c = xlvs_way(family, bucket, i);

		if (!c)
			break;
		meta = READ_ONCE(c->meta);
		if ((meta & match) == (XLVS_CONN_F_LIVE | XLVS_CONN_F_TEMPLATE | f->proto) &&
		    xlvs_is_template(family, f, c) && xlvs_use_template(f, c, meta))
			return xlvs_control_of(bucket, i);
	}
	return 0;
}

/* A flow's places are worked out again where they are needed: kept, they
 * would cost stack, of which this chain of calls has none to spare. */
static __always_inline __u32 xlvs_take_template_slot(const int family, const struct xlvs_flow *f)
{
	__u32 first = xlvs_template_bucket(family, f, 0), second = xlvs_template_bucket(family, f, XLVS_AT_SECOND);

	return xlvs_take_slot(family, first, second, f->now);
}

/* After publishing: ours, unless another core was first.
 * Returns what controls the flow now. */
static __always_inline __u32 xlvs_keep_template(const int family, struct xlvs_flow *f, struct xlvs_conn *own,
						__u32 meta, __u32 at)
{
	__u32 first = xlvs_template_bucket(family, f, 0), second = xlvs_template_bucket(family, f, XLVS_AT_SECOND);
	__u32 twin = family == XLVS_AF_INET ? xlvs_find_twin4(first, second, at, f->now) :
					      xlvs_find_twin6(first, second, at, f->now);
	struct xlvs_conn *c;

	if (twin >= XLVS_NOWHERE)
		return xlvs_control_of(xlvs_template_bucket(family, f, at), at);
	xlvs_release_apart(family, own, meta);
	/* just made: it will not expire before we count ourselves */
	c = xlvs_way(family, xlvs_template_bucket(family, f, twin), twin);
	if (!c)
		return 0;
	f->server = READ_ONCE(c->server);
	f->forward = XLVS_CONN_FORWARD(READ_ONCE(c->meta));
	return xlvs_control_of(xlvs_template_bucket(family, f, twin), twin);
}

/* Makes a template that leads the flow's client to f->server.
 * writes   server forward, when another core was first
 * returns  it, as .control of a connection, or 0: there is no room */
static __always_inline __u32 xlvs_make_template(const int family, struct xlvs_flow *f)
{
	struct xlvs_conn *c;
	__u32 at, meta;

	at = xlvs_take_template_slot(family, f);
	c = at < XLVS_NOWHERE ? xlvs_way(family, xlvs_template_bucket(family, f, at), at) : NULL;
	if (!c)
		return 0;
	meta = (READ_ONCE(c->meta) & XLVS_CONN_SEQ_MASK) | XLVS_CONN_F_LIVE | XLVS_CONN_F_TEMPLATE | f->proto |
	       (f->forward & 7) << 13;
	xlvs_write_key(family, c, &f->caddr, 0, &f->daddr, f->vport);
	c->server = f->server;
	c->expires = f->now + f->timeout;
	c->control = 0;
	c->packets = f->timeout;
	xlvs_bind(f->server, meta);
	__sync_lock_test_and_set(&c->meta, meta);
	return xlvs_keep_template(family, f, c, meta, at);
}

/* A connection of the template was established. */
__noinline int xlvs_assure4(__u32 control)
{
	struct xlvs_conn *t = xlvs_template_at(XLVS_AF_INET, control);

	if (t && !(READ_ONCE(t->meta) & XLVS_TEMPLATE_ASSURED << 8))
		__sync_fetch_and_or(&t->meta, XLVS_TEMPLATE_ASSURED << 8);
	return 0;
}
__noinline int xlvs_assure6(__u32 control)
{
	struct xlvs_conn *t = xlvs_template_at(XLVS_AF_INET6, control);

	if (t && !(READ_ONCE(t->meta) & XLVS_TEMPLATE_ASSURED << 8))
		__sync_fetch_and_or(&t->meta, XLVS_TEMPLATE_ASSURED << 8);
	return 0;
}

#endif
