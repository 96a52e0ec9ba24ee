/* SPDX-License-Identifier: GPL-2.0-only */
/* fo: weighted failover. */
#ifndef XLVS_SCHEDULE_FO_H
#define XLVS_SCHEDULE_FO_H

#include "schedule/cost.h"

/* The server of highest weight that is not overloaded: all cost the same.
 * Source: the rule of net/netfilter/ipvs/ip_vs_fo.c. */
#define XLVS_COST_FO                                                                                     \
	{                                                                                                \
		.idle = 1, .busy = 1, .unlimited = XLVS_COST_YES                                                                     \
	}

#endif
