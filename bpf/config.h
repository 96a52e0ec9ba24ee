/* SPDX-License-Identifier: GPL-2.0-only */
/* Tunables of the data plane, with unit and default. */
#ifndef XLVS_CONFIG_H
#define XLVS_CONFIG_H

/* How long a next hop is believed before the FIB is asked again, in ticks of
 * 67 ms. A change of route or MAC address reaches every flow within this. */
#define XLVS_NEXTHOP_TICKS 7

/* How often a packet looks again when an edit withdrew the version under it. */
#define XLVS_VERSION_TRIES 2

/* A connection whose client has sent fewer packets than this may be evicted
 * for a new one when its protocol has no handshake (UDP). */
#define XLVS_UDP_PROVEN_PACKETS 2

/* Time to live of the outer header of a tunnel is the inner packet's, as IPVS
 * has it; this is for what has none. */
#define XLVS_DEFAULT_TTL 64

#endif
