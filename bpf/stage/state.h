/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection's state after a packet, and how long that state lasts. */
#ifndef XLVS_STAGE_STATE_H
#define XLVS_STAGE_STATE_H

#include "maps.h"
#include "stage/tcp.h"

/* State and flags after this packet; meta otherwise kept. */
static __always_inline __u32 xlvs_step(__u8 proto, __u32 event, __u32 meta, enum xlvs_direction dir)
{
	__u32 state;

	if (proto != IPPROTO_TCP)
		return meta;
	if (meta & XLVS_CONN_F_NOOUTPUT) {
		if (dir == XLVS_DIR_OUTPUT)
			meta &= ~XLVS_CONN_F_NOOUTPUT;
		else
			dir = XLVS_DIR_INPUT_ONLY;
	}
	state = xlvs_tcp_step(dir, event, XLVS_CONN_STATE(meta));
	meta = (meta & ~(XLVS_CONN_STATE_MASK | XLVS_CONN_F_INACTIVE)) | state << 8;
	if (!xlvs_tcp_active(state))
		meta |= XLVS_CONN_F_INACTIVE;
	return meta;
}

static __always_inline __u32 xlvs_timeout(const struct xlvs_control *control, __u8 proto, __u32 meta)
{
	if (proto == IPPROTO_TCP)
		return control->timeouts[XLVS_TIMEOUT_TCP][XLVS_CONN_STATE(meta) & (XLVS_TIMEOUT_STATES - 1)];
	return control->timeouts[XLVS_TIMEOUT_UDP][XLVS_UDP_NORMAL];
}

#endif
