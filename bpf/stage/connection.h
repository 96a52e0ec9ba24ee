/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage 2: the packet's connection, if it has one; its state, timer and place in the counts. */
#ifndef XLVS_STAGE_CONNECTION_H
#define XLVS_STAGE_CONNECTION_H

#include "config.h"
#include "net/ip.h"
#include "stage/count.h"
#include "stage/template.h"
#include "stage/state.h"

/* What an entry's meta must show under this mask to be a client's connection of the protocol. */
#define XLVS_CONN_MATCH (XLVS_CONN_F_LIVE | XLVS_CONN_F_TEMPLATE | 0xff)

static __always_inline bool xlvs_conn_is(__u32 meta, __u8 proto)
{
	return (meta & XLVS_CONN_MATCH) == (XLVS_CONN_F_LIVE | proto);
}

/* Is this entry the packet's, seen from the client's side? */
static __always_inline bool xlvs_matches4(const struct xlvs_packet *p, const struct xlvs_conn4 *e)
{
	return e->caddr == p->saddr.word[0] && e->vaddr == p->daddr.word[0] && e->cport == p->sport &&
	       e->vport == p->dport;
}
static __always_inline bool xlvs_matches6(const struct xlvs_packet *p, const struct xlvs_conn6 *e)
{
	return e->cport == p->sport && e->vport == p->dport && xlvs_addr_equal(&e->caddr, &p->saddr) &&
	       xlvs_addr_equal(&e->vaddr, &p->daddr);
}

/* Is this entry the packet's, seen from a NAT server's side? */
static __always_inline bool xlvs_replies(const struct xlvs_packet *p, const struct xlvs_conn *c, __u32 meta,
					 __be16 vport)
{
	const struct xlvs_server *s;

	if (XLVS_CONN_FORWARD(meta) != XLVS_FORWARD_NAT)
		return false;
	s = xlvs_get_server(READ_ONCE(c->server));
	return s && s->family == p->family && xlvs_server_port(s, vport) == p->sport &&
	       xlvs_addr_equal(&s->addr, &p->saddr);
}

/* Remembers a match, unless the slot changed hands while we compared: meta is
 * read before the key and again after the last field.
 * Returns whether it is one; p->conn is set by the caller, by xlvs_blurred(). */
static __always_inline bool xlvs_take_match(struct xlvs_packet *p, struct xlvs_conn *c, __u32 meta)
{
	__u32 server = READ_ONCE(c->server);

	if (xlvs_expired(c, p->now))
		return false;
	if ((READ_ONCE(c->meta) ^ meta) & (XLVS_CONN_SEQ_MASK | XLVS_CONN_F_LIVE))
		return false;
	p->server = server;
	p->meta = meta;
	p->forward = XLVS_CONN_FORWARD(meta);
	return true;
}

/* The number of a way, as one that the verifier does not know: else it would
 * follow the rest of the program once for each way of each bucket. Rows are
 * below 2^30, so that nothing is added. */
static __always_inline __u32 xlvs_blurred(const struct xlvs_packet *p, __u32 way)
{
	static_assert(XLVS_CONN_WAYS <= 4, "two bits");
	return (way + (p->server >> 30)) & (XLVS_CONN_WAYS - 1);
}

/* Looks for the packet's connection among a bucket's ways; a direction is a
 * constant at each call. A reply belongs to the newest connection of its
 * client's port and its server, in whichever bucket: one in another's shadow is
 * taken when there is no other.
 * Returns whether there is nothing more to look for. */
static __always_inline bool xlvs_search4(struct xlvs_packet *p, __u32 bucket, enum xlvs_direction dir)
{
	struct xlvs_bucket4 *b = bpf_map_lookup_elem(&xlvs_conns4, &bucket);
	__be32 vaddr = 0;
	__be16 vport = 0;

	if (!b)
		return false;
#pragma unroll
	for (int i = 0; i < XLVS_CONN_WAYS; i++) {
		struct xlvs_conn4 *e = &b->way[i];
		__u32 meta = READ_ONCE(e->c.meta);

		if (!xlvs_conn_is(meta, p->proto) || (p->conn && meta & XLVS_CONN_F_SHADOWED))
			continue;
		if (dir == XLVS_DIR_INPUT) {
			if (!xlvs_matches4(p, e))
				continue;
		} else {
			if (e->caddr != p->daddr.word[0] || e->cport != p->dport ||
			    !xlvs_replies(p, &e->c, meta, e->vport))
				continue;
			vaddr = e->vaddr;
			vport = e->vport;
		}
		if (!xlvs_take_match(p, &e->c, meta))
			continue;
		p->conn = &b->way[xlvs_blurred(p, i)].c;
		if (dir == XLVS_DIR_INPUT)
			return true;
		p->vaddr.word[0] = vaddr;
		p->vport = vport;
		if (!(meta & XLVS_CONN_F_SHADOWED))
			return true;
	}
	return false;
}

static __always_inline bool xlvs_search6(struct xlvs_packet *p, __u32 bucket, enum xlvs_direction dir)
{
	struct xlvs_bucket6 *b = bpf_map_lookup_elem(&xlvs_conns6, &bucket);
	struct xlvs_addr vaddr = {};
	__be16 vport = 0;

	if (!b)
		return false;
#pragma unroll
	for (int i = 0; i < XLVS_CONN_WAYS; i++) {
		struct xlvs_conn6 *e = &b->way[i];
		__u32 meta = READ_ONCE(e->c.meta);

		if (!xlvs_conn_is(meta, p->proto) || (p->conn && meta & XLVS_CONN_F_SHADOWED))
			continue;
		if (dir == XLVS_DIR_INPUT) {
			if (!xlvs_matches6(p, e))
				continue;
		} else {
			if (e->cport != p->dport || !xlvs_addr_equal(&e->caddr, &p->daddr) ||
			    !xlvs_replies(p, &e->c, meta, e->vport))
				continue;
			vaddr = e->vaddr;
			vport = e->vport;
		}
		if (!xlvs_take_match(p, &e->c, meta))
			continue;
		p->conn = &b->way[xlvs_blurred(p, i)].c;
		if (dir == XLVS_DIR_INPUT)
			return true;
		p->vaddr = vaddr;
		p->vport = vport;
		if (!(meta & XLVS_CONN_F_SHADOWED))
			return true;
	}
	return false;
}

static __always_inline bool xlvs_search(struct xlvs_packet *p, __u32 bucket, enum xlvs_direction dir)
{
	return p->family == XLVS_AF_INET ? xlvs_search4(p, bucket, dir) : xlvs_search6(p, bucket, dir);
}

/* The second bucket of the packet's flow, forwarded by that method.  reads p->hash */
static __always_inline __u32 xlvs_second_bucket(const struct xlvs_packet *p, __u32 forward)
{
	__u32 n = xlvs_family_buckets(p->family);

	return forward == XLVS_FORWARD_NAT ? xlvs_conn_second_nat(p->hash, n) :
					     xlvs_conn_second_flow(p->hash, &p->daddr, p->dport, p->family, n);
}

/* Finds the connection from the client's side (INPUT) or the server's (OUTPUT).
 * writes   hash conn meta server forward; OUTPUT: vaddr vport */
static __always_inline bool xlvs_lookup(struct xlvs_packet *p, enum xlvs_direction dir)
{
	__u32 n = xlvs_family_buckets(p->family);

	p->conn = NULL;
	p->hash = dir == XLVS_DIR_INPUT ?
			  xlvs_hash_conn(&p->saddr, p->sport, p->proto, p->family, xlvs_limits.seed) :
			  xlvs_hash_conn(&p->daddr, p->dport, p->proto, p->family, xlvs_limits.seed);
	if (xlvs_search(p, xlvs_conn_first(p->hash, n), dir))
		return true;
	if (dir == XLVS_DIR_INPUT && xlvs_search(p, xlvs_second_bucket(p, XLVS_FORWARD_DIRECT), dir))
		return true;
	if (dir == XLVS_DIR_INPUT && !READ_ONCE(p->control->nat))
		return false;
	return xlvs_search(p, xlvs_second_bucket(p, XLVS_FORWARD_NAT), dir) || (dir == XLVS_DIR_OUTPUT && p->conn);
}

/* The connection is established, and so is the template that controls it, if any. */
static __always_inline void xlvs_assure(const int family, __u32 control)
{
	if (!control)
		return;
	if (family == XLVS_AF_INET)
		xlvs_assure4(control);
	else
		xlvs_assure6(control);
}

/* Moves the connection on: state, counts, timer. An established flow that
 * stays established writes only when its expiry moves by a tick. */
static __always_inline void xlvs_advance(struct xlvs_packet *p, enum xlvs_direction dir)
{
	struct xlvs_conn *c = p->conn;
	__u32 from = p->meta, to = xlvs_step(p->event, from, dir), expires;

	if (to != from) {
		if (from & XLVS_CONN_F_BUSY)
			return; /* it moves just now: the next packet finds it settled */
		if (__sync_val_compare_and_swap(&c->meta, from, to) != from)
			return; /* another core was first: its packet decides */
		if ((from ^ to) & XLVS_CONN_F_INACTIVE)
			xlvs_recount(p->server, from, to);
		p->meta = to;
	}
	/* a UDP server's answer is all that UDP has of a handshake */
	if (to != from ? xlvs_is_established(to) : dir == XLVS_DIR_OUTPUT && p->proto == IPPROTO_UDP)
		xlvs_assure(p->family, READ_ONCE(c->control));
	expires = p->now + xlvs_timeout(p->control, to);
	if (READ_ONCE(c->expires) != expires)
		WRITE_ONCE(c->expires, expires);
	if (dir == XLVS_DIR_INPUT && READ_ONCE(c->packets) < XLVS_UDP_PROVEN_PACKETS)
		WRITE_ONCE(c->packets, READ_ONCE(c->packets) + 1);
}

/* Does a SYN or INIT start a connection anew? conn_reuse_mode says on which states,
 * but for connections that a template controls: they stay with it; and
 * expire_nodest_conn takes those of servers of weight 0, too.
 * Returns 1 or 0. */
__noinline int xlvs_starts_over(__u32 server, __u32 meta, __u32 template)
{
	struct xlvs_control *control = xlvs_get_control();
	struct xlvs_load *load = xlvs_get_load(server);
	__u32 mode, state = XLVS_CONN_STATE(meta);

	if (!control || !load)
		return 0;
	mode = xlvs_setting(control, XLVS_SET_CONN_REUSE_MODE);
	if (!mode)
		return 0;
	if (xlvs_setting(control, XLVS_SET_EXPIRE_NODEST_CONN) && !READ_ONCE(load->weight))
		return 1;
	if (template)
		return 0;
	if (XLVS_CONN_PROTO(meta) == IPPROTO_SCTP)
		return state == XLVS_SCTP_CLOSED;
	if (state == XLVS_TCP_FIN_WAIT)
		return mode & XLVS_REUSE_FIN && meta & XLVS_CONN_F_NOOUTPUT;
	return state == XLVS_TCP_TIME_WAIT || state == XLVS_TCP_CLOSE;
}

/* Gives the packet's connection up, so that it may open another one: it is
 * due now, and nobody finds it any more. The kernel schedules the new one
 * while the old one still counts, and so do we: stage/open.h takes it out.
 * Returns whether we did it. */
static __always_inline bool xlvs_give_up(struct xlvs_packet *p)
{
	struct xlvs_flow *f = xlvs_get_flow();
	struct xlvs_conn *c = p->conn;

	if (!f || p->meta & XLVS_CONN_F_BUSY || !xlvs_swap_timed(c, p->meta, READ_ONCE(c->expires), p->meta, p->now - 1))
		return false;
	p->conn = NULL;
	f->again = true;
	return true;
}

/* reads    p after parse
 * writes   now, conn and what belongs to it, or conn = NULL
 * returns  NEXT | DROP/SERVER_GONE
 * cost     one bucket (one or two cache lines) for nearly all hits, two for a miss */
static __always_inline enum xlvs_verdict xlvs_find_connection(struct xlvs_packet *p)
{
	struct xlvs_server *s;
	bool gone, ends;

	p->now = xlvs_ticks(bpf_ktime_get_coarse_ns());
	if (!xlvs_lookup(p, XLVS_DIR_INPUT))
		return XLVS_NEXT;
	s = xlvs_get_server(p->server);
	gone = !s || !(READ_ONCE(s->flags) & XLVS_SERVER_F_SERVES);
	ends = gone && xlvs_setting(p->control, XLVS_SET_EXPIRE_NODEST_CONN);
	if ((p->event & XLVS_OPENS) == XLVS_OPENS_FIRST)
		ends |= xlvs_starts_over(p->server, p->meta, READ_ONCE(p->conn->control));
	if (ends && xlvs_give_up(p))
		return XLVS_NEXT;
	if (gone)
		return xlvs_drop(p, XLVS_REASON_SERVER_GONE);
	xlvs_advance(p, XLVS_DIR_INPUT);
	return XLVS_NEXT;
}

#endif
