/* SPDX-License-Identifier: GPL-2.0-only */
/* nq: never queue. */
#ifndef XLVS_SCHEDULE_NQ_H
#define XLVS_SCHEDULE_NQ_H

#include "schedule/cost.h"

/* The first server in the list without an active connection, and as sed does
 * when there is none: an idle one costs nothing, which nothing undercuts.
 * Source: the rule of net/netfilter/ipvs/ip_vs_nq.c. */
#define XLVS_COST_NQ                                                                                     \
	{                                                                                                \
		.per_active = 1, .idle = 0, .busy = 1, .unlimited = XLVS_COST_YES                                                    \
	}

#endif
