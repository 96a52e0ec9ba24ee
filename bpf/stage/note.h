/* SPDX-License-Identifier: GPL-2.0-only */
/* What a stage leaves with a frame for xlvs_slowpath. */
#ifndef XLVS_STAGE_NOTE_H
#define XLVS_STAGE_NOTE_H

#include "net/ip.h"

/* Makes room for a note in front of the frame.
 * kind     XLVS_META_*
 * returns  the note, the rest of it zero but for the family, or NULL: the driver leaves no room for metadata
 * cost     packet pointers from before are not valid any more */
static __always_inline struct xlvs_meta *xlvs_new_note(const struct xlvs_packet *p, __u16 kind)
{
	struct xlvs_meta *meta;

	if (bpf_xdp_adjust_meta(p->ctx, -(int)sizeof(*meta)))
		return NULL;
	meta = (void *)(long)p->ctx->data_meta;
	if ((void *)(meta + 1) > xlvs_data(p))
		return NULL;
	__builtin_memset(meta, 0, sizeof(*meta));
	meta->magic = XLVS_META_MAGIC;
	meta->kind = kind;
	meta->family = (__u16)p->family;
	return meta;
}

#endif
