/* SPDX-License-Identifier: GPL-2.0-only */
/* Tunables of the data plane, with unit and default. */
#ifndef XLVS_CONFIG_H
#define XLVS_CONFIG_H

/* How long a next hop is believed before the FIB is asked again, in ticks of
 * 67 ms. A change of route or MAC address reaches every flow within this. */
#define XLVS_NEXTHOP_TICKS 7

/* The kernel looks after a neighbour only while the stack sends to it. So a
 * packet now and then goes through the slow path: to each server one in
 * xlvs_limits.confirm ticks, and towards clients, under NAT, one of so many
 * replies of a server. */
#define XLVS_CONFIRM_REPLIES 1024

/* How often a packet looks again when an edit withdrew the version under it. */
#define XLVS_VERSION_TRIES 2

/* lblc and lblcr forget what was not used for this long, lblcr also shrinks a
 * set that did not change for as long: seconds, the kernel's default
 * net.ipv4.vs.lblc_expiration and lblcr_expiration. The kernel looks every
 * half an hour from the binding of the scheduler on. */
#define XLVS_LBLC_EXPIRATION_S 86400
#define XLVS_LBLC_SWEEP_S      1800

/* How many servers a flow without state may try to find one of weight above 0. */
#define XLVS_STATELESS_TRIES 16

/* A connection whose client has sent fewer packets than this may be evicted
 * for a new one when its protocol has no handshake (UDP). */
#define XLVS_UDP_PROVEN_PACKETS 2

/* A connection that its client has closed is taken for finished when the client was silent for so long. */
#define XLVS_HALF_CLOSED_SECONDS 2

/* Time to live of the packets that we make ourselves. */
#define XLVS_DEFAULT_TTL 64

/* IPv6 extension headers that the slow path walks over. */
#define XLVS_MAX_EXTENSIONS 8

/* How long a datagram's first fragment is remembered for the others, in
 * seconds, as net.ipv4.ipfrag_time; and how many datagrams at once. */
#define XLVS_FRAGMENT_S	     30
#define XLVS_FRAGMENT_ROWS 8192

/* Fragments that come before their datagram's first wait for it: of one
 * datagram, in all (about 2 KiB each), and the longest frame. They
 * wait as long as a first one is remembered. */
#define XLVS_HELD_PIECES 8
#define XLVS_HELD_ROWS	 512
#define XLVS_HELD_FRAME	 2048

/* What an ICMP error says about the way of a tunnel: believed for so many
 * seconds (net.ipv4.route.mtu_expires), and not below these bytes
 * (net.ipv4.route.min_pmtu; RFC 8200, 5). */
#define XLVS_PMTU_S    600
#define XLVS_PMTU_MIN4 552
#define XLVS_PMTU_MIN6 1280

/* More processors than any kernel has: where a loop over them ends that finds no end before. */
#define XLVS_MAX_CPUS 8192

/* The longest packet that the slow path reads whole, in bytes: above a jumbo frame, a power of two. */
#define XLVS_SLOW_PACKET 16384

/* ICMP errors of one core: a tick is 67 ms, so about 1,000 a second, as the
 * kernel's icmp_msgs_per_sec; at most so many at once. */
#define XLVS_ICMP_PER_TICK 67
#define XLVS_ICMP_BURST	   200

#endif
