/* SPDX-License-Identifier: GPL-2.0-only */
/* lc: least connection. */
#ifndef XLVS_SCHEDULE_LC_H
#define XLVS_SCHEDULE_LC_H

#include "schedule/cost.h"

/* The server with the fewest connections, whatever its weight, an active one
 * counting as much as 256 inactive ones.
 * Source: the rule of net/netfilter/ipvs/ip_vs_lc.c. */
#define XLVS_COST_LC                                                                                     \
	{                                                                                                \
		.per_active = 256, .per_inactive = 1, .unweighted = XLVS_COST_YES, .unlimited = XLVS_COST_YES                                    \
	}

#endif
