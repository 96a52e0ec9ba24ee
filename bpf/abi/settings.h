/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The settings of net.ipv4.vs that have an effect here, in one list. */
#ifndef XLVS_ABI_SETTINGS_H
#define XLVS_ABI_SETTINGS_H

#include "abi/base.h"

/* X(NAME, name, default, least, most): names and defaults are those of the
 * kernel's net/netfilter/ipvs/ip_vs_ctl.c; it takes negative numbers, too,
 * and any number but 0 as yes. */
#define XLVS_SETTINGS_LIST(X)                                                    \
	X(CONN_REUSE_MODE, conn_reuse_mode, 1, 0, 0x7fffffff)                    \
	X(EXPIRE_NODEST_CONN, expire_nodest_conn, 0, 0, 0x7fffffff)              \
	X(EXPIRE_QUIESCENT_TEMPLATE, expire_quiescent_template, 0, 0, 0x7fffffff) \
	X(SLOPPY_TCP, sloppy_tcp, 0, 0, 0x7fffffff) \
	X(SLOPPY_SCTP, sloppy_sctp, 0, 0, 0x7fffffff) \
	/* ours alone: of the tables that maglev makes from now on, the same on all directors */ \
	X(MAGLEV_SEED, maglev_seed, 0, 0, 0x7fffffff)

enum xlvs_setting {
#define X(NAME, name, value, least, most) XLVS_SET_##NAME,
	XLVS_SETTINGS_LIST(X)
#undef X
	XLVS_SETTINGS
};
#define XLVS_SETTINGS_ROOM 24
static_assert(XLVS_SETTINGS <= XLVS_SETTINGS_ROOM, "struct xlvs_control has room for them");

/* conn_reuse_mode: 0 never; any other number where the connection is over;
 * with this bit also where the client sent FIN and nothing of the server is seen. */
#define XLVS_REUSE_FIN 2

#endif
