/* SPDX-License-Identifier: GPL-2.0-only */
/* What one connection more would cost a server, as each dynamic scheduler counts it. */
#ifndef XLVS_SCHEDULE_COST_H
#define XLVS_SCHEDULE_COST_H

#include "abi/service.h"

/* cost = active * per_active + inactive * per_inactive + (active ? busy : idle),
 * and the server with the least cost / weight is chosen. */
struct xlvs_cost {
	__u32 per_active, per_inactive;
	__u32 idle, busy;
	/* all bits or none, so that no branch is needed */
	__u32 unweighted; /* the weight counts as 1 when it is above 0 */
	__u32 unlimited;  /* none: a server with more active connections than weight is passed over */
};

#define XLVS_COST_YES (~0u)

#endif
