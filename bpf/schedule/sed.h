/* SPDX-License-Identifier: GPL-2.0-only */
/* sed: shortest expected delay. */
#ifndef XLVS_SCHEDULE_SED_H
#define XLVS_SCHEDULE_SED_H

#include "schedule/cost.h"

/* The server with the least (active + 1) / weight: the delay that the new
 * connection would meet there. Inactive connections do not count, so UDP
 * always goes to the server of highest weight.
 * Source: the rule of net/netfilter/ipvs/ip_vs_sed.c. */
#define XLVS_COST_SED                                                                                    \
	{                                                                                                \
		.per_active = 1, .idle = 1, .busy = 1, .unlimited = XLVS_COST_YES                                                    \
	}

#endif
