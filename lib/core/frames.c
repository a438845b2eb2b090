/* SPDX-License-Identifier: BSD-3-Clause */
/* frames - see frames.h. */
#include "frames.h"

#include "assert.h"
#include "bits.h"

/* ---- a list ---- */

static bool has(const struct frame_list *list, tidal_frame frame)
{
	for (uint32_t i = 0; i < list->warm_used; i++)
		if (list->warm[i] == frame)
			return true;
	return bitmap_has(&list->cold, frame);
}

/* The stack is full: its colder half goes. */
static void cool(struct frame_list *list)
{
	uint32_t half = FRAMES_WARM / 2;

	for (uint32_t i = 0; i < half; i++)
		bitmap_put(&list->cold, list->warm[i]);
	list->warm_used -= half;
	memcpy(list->warm, list->warm + half, list->warm_used * sizeof(list->warm[0]));
}

static void put(struct frame_list *list, tidal_frame frame)
{
	if (list->warm_used == FRAMES_WARM)
		cool(list);
	list->warm[list->warm_used++] = frame;
	list->count++;
}

/* Not from an empty one. */
static tidal_frame take(struct frame_list *list)
{
	list->count--;
	return list->warm_used ? list->warm[--list->warm_used] : bitmap_take(&list->cold);
}

/* ---- both ---- */

void frames_init(struct frames *f, struct arena *a, const struct frames_config *config)
{
	bitmap_init(&f->zeroed.cold, a, config->total);
	bitmap_init(&f->dirty.cold, a, config->total);
	if (!a->base)
		return;
	f->total = f->free = config->total;
	f->landing = config->landing;
	f->reserve = config->reserve;
	f->low = config->low;
	f->high = config->high;
}

bool frames_is_zeroed(const struct frames *f, tidal_frame frame)
{
	return has(&f->zeroed, frame);
}

bool frames_is_dirty(const struct frames *f, tidal_frame frame)
{
	return frame >= f->fresh || has(&f->dirty, frame);
}

tidal_frame frames_take_zeroed(struct frames *f)
{
	if (f->zeroed.count == 0)
		return TIDAL_FRAME_NONE;
	f->free--;
	return take(&f->zeroed);
}

tidal_frame frames_take_dirty(struct frames *f)
{
	if (f->free == f->zeroed.count)
		return TIDAL_FRAME_NONE;
	f->free--;
	return f->dirty.count ? take(&f->dirty) : f->fresh++;
}

void frames_put_zeroed(struct frames *f, tidal_frame frame)
{
	ASSERT(frame < f->fresh && f->free < f->total);
	f->free++;
	put(&f->zeroed, frame);
}

void frames_put_dirty(struct frames *f, tidal_frame frame)
{
	ASSERT(frame < f->fresh && f->free < f->total);
	f->free++;
	put(&f->dirty, frame);
}
