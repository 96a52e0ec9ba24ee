/* SPDX-License-Identifier: GPL-2.0-only */
/* wlc: weighted least connection. */
#ifndef XLVS_SCHEDULE_WLC_H
#define XLVS_SCHEDULE_WLC_H

#include "schedule/cost.h"

/* The server with the fewest connections for its weight, an active one
 * counting as much as 256 inactive ones.
 * Source: the rule of net/netfilter/ipvs/ip_vs_wlc.c. */
#define XLVS_COST_WLC                                                                                    \
	{                                                                                                \
		.per_active = 256, .per_inactive = 1, .unlimited = XLVS_COST_YES                                                     \
	}

#endif
