/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of several NAT connections gets a server's replies.
 *
 * A client may use one port towards two services that lead to the same port of
 * the same server: the server's replies then fit both connections. Kernel IPVS
 * puts new connections in front and takes the first that fits, so the newest.
 * Here the newer puts the older in its shadow when it is entered. */
#ifndef XLVS_STAGE_SHADOW_H
#define XLVS_STAGE_SHADOW_H

#include "net/ip.h"
#include "stage/place.h"

/* The port that a server is reached at: its own, or the one that the client addressed. */
static __always_inline __be16 xlvs_server_port(const struct xlvs_server *s, __be16 vport)
{
	return s->nat_port ? s->nat_port : vport;
}

static __always_inline __be16 xlvs_vport_of(const int family, const struct xlvs_conn *c)
{
	return family == XLVS_AF_INET ? ((const struct xlvs_conn4 *)c)->vport : ((const struct xlvs_conn6 *)c)->vport;
}

static __always_inline bool xlvs_same_client(const int family, const struct xlvs_conn *a, const struct xlvs_conn *b)
{
	if (family == XLVS_AF_INET) {
		const struct xlvs_conn4 *x = (const struct xlvs_conn4 *)a, *y = (const struct xlvs_conn4 *)b;

		return x->caddr == y->caddr && x->cport == y->cport;
	} else {
		const struct xlvs_conn6 *x = (const struct xlvs_conn6 *)a, *y = (const struct xlvs_conn6 *)b;

		return x->cport == y->cport && xlvs_addr_equal(&x->caddr, &y->caddr);
	}
}

/* Do both connections reach one address and port? */
static __always_inline bool xlvs_same_end(const int family, const struct xlvs_conn *a, const struct xlvs_conn *b)
{
	const struct xlvs_server *s = xlvs_get_server(READ_ONCE(a->server)),
				 *t = xlvs_get_server(READ_ONCE(b->server));

	return s && t && s->family == t->family && xlvs_addr_equal(&s->addr, &t->addr) &&
	       xlvs_server_port(s, xlvs_vport_of(family, a)) == xlvs_server_port(t, xlvs_vport_of(family, b));
}

/* Puts the others of the eight in these buckets that would get the replies of
 * the NAT connection at `at` in its shadow. One that is being moved is left
 * out: it keeps its replies until the newer is entered again. */
static __always_inline void xlvs_shadow(const int family, __u32 first, __u32 second, __u32 at)
{
	const __u32 match = XLVS_CONN_F_LIVE | XLVS_CONN_F_BUSY | XLVS_CONN_F_TEMPLATE | XLVS_CONN_F_SHADOWED |
			    XLVS_CONN_FORWARD_MASK | 0xff;
	struct xlvs_conn *own = xlvs_way(family, at & XLVS_AT_SECOND ? second : first, at);

	for (__u32 i = 0; i < XLVS_NOWHERE && own; i++) {
		struct xlvs_conn *c = xlvs_way(family, i & XLVS_AT_SECOND ? second : first, i);
		__u32 meta;

		if (!c)
			break;
		meta = READ_ONCE(c->meta);
		if (c == own || (meta ^ READ_ONCE(own->meta)) & match || !xlvs_same_client(family, c, own) ||
		    !xlvs_same_end(family, c, own))
			continue;
		__sync_val_compare_and_swap(&c->meta, meta, meta | XLVS_CONN_F_SHADOWED);
	}
}

/* Global functions, which the verifier checks once each, by themselves. */
__noinline int xlvs_shadow4(__u32 first, __u32 second, __u32 at)
{
	xlvs_shadow(XLVS_AF_INET, first, second, at);
	return 0;
}
__noinline int xlvs_shadow6(__u32 first, __u32 second, __u32 at)
{
	xlvs_shadow(XLVS_AF_INET6, first, second, at);
	return 0;
}
static __always_inline void xlvs_shadow_others(const int family, __u32 first, __u32 second, __u32 at)
{
	if (family == XLVS_AF_INET)
		xlvs_shadow4(first, second, at);
	else
		xlvs_shadow6(first, second, at);
}

#endif
