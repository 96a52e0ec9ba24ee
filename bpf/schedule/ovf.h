/* SPDX-License-Identifier: GPL-2.0-only */
/* ovf: weighted overflow. */
#ifndef XLVS_SCHEDULE_OVF_H
#define XLVS_SCHEDULE_OVF_H

#include "schedule/cost.h"

/* As fo, and a server is full when it has more active connections than its
 * weight. Source: the rule of net/netfilter/ipvs/ip_vs_ovf.c. */
#define XLVS_COST_OVF                                                                                    \
	{                                                                                                \
		.idle = 1, .busy = 1                                                      \
	}

#endif
