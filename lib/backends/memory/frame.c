/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames: their places in the pool, and their bytes. */
#include <string.h>

#include "state.h"

void frame_drop(struct memory *m, tidal_frame frame)
{
	struct frame *f = &m->frame[frame];

	f->kept = 0;
	if (discard(pool_at(m, frame), PAGE) == 0)
		f->place = PLACE_EMPTY;
}

void frame_keep(struct memory *m, tidal_frame frame)
{
	uint32_t at = m->kept_next++ % KEPT;
	tidal_frame oldest = m->kept[at];

	if (oldest != TIDAL_FRAME_NONE && m->frame[oldest].kept == at + 1)
		frame_drop(m, oldest);
	m->kept[at] = frame;
	m->frame[frame].kept = (uint16_t)(at + 1);
}

int memory_zero(struct memory *m, tidal_frame frame)
{
	if (frame >= m->frames)
		return TIDAL_ERANGE;
	if (m->frame[frame].mapped)
		return TIDAL_EBUSY;
	memset(pool_at(m, frame), 0, PAGE);
	return 0;
}

void *memory_frame_data(struct memory *m, tidal_frame frame, tidal_gfn gfn)
{
	const struct frame *f;

	if (frame >= m->frames)
		return NULL;
	f = &m->frame[frame];
	if (!f->mapped)
		return gfn == TIDAL_GFN_NONE ? pool_at(m, frame) : NULL;
	return f->gfn == gfn ? area_at(area_of(m, gfn), gfn) : NULL;
}
