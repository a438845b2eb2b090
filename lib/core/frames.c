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
	f->zeroing_max = 1;
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

tidal_frame frames_take_zeroed_row(struct frames *f, uint32_t most, uint32_t *taken)
{
	tidal_frame first = bitmap_take_row(&f->zeroed.cold, most, taken);

	f->zeroed.count -= *taken;
	f->free -= *taken;
	return *taken ? first : TIDAL_FRAME_NONE;
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

/* ---- zeroing in the background ---- */

/* How many at once? More than one only of what is far from being wanted: eviction begins at *low*. */
static uint32_t scrub_size(const struct frames *f)
{
	uint32_t most = f->zeroing_max > f->zeroing ? f->zeroing_max - f->zeroing : 0;
	uint32_t spare = f->free > f->low ? f->free - f->low : 0;

	if (f->scrubs == FRAMES_SCRUBS)
		return 0;
	most = most < 64 ? most : 64;
	if (most > 1 && spare > 1)
		return most < spare ? most : spare;
	return f->zeroing ? 0 : 1;
}

/* Those that were never used, up to where a word of the bitmap ends: it will be full when they come back. */
static struct frame_run take_fresh(struct frames *f, uint32_t most)
{
	uint32_t n = 64 - f->fresh % 64, left = f->total - f->fresh;
	struct frame_run run = { f->fresh, 0 };

	n = n < most ? n : most;
	n = n < left ? n : left;
	run.mask = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
	f->fresh += n;
	return run;
}

static struct frame_run take_dirty_run(struct frames *f, uint32_t most)
{
	struct frame_list *list = &f->dirty;
	struct frame_run run;

	if (list->cold.count == 0 && f->fresh < f->total) {
		run = take_fresh(f, most);
	} else {
		for (; list->cold.count == 0 && list->warm_used > 0; list->warm_used--)
			bitmap_put(&list->cold, list->warm[list->warm_used - 1]);
		run.first = bitmap_take_some(&list->cold, most, &run.mask);
		list->count -= ones(run.mask);
	}
	f->free -= ones(run.mask);
	return run;
}

bool frames_begin_scrub(struct frames *f, struct frame_run *run)
{
	uint32_t most = scrub_size(f);

	if (most == 0 || frames_to_zero(f) == 0)
		return false;
	*run = most == 1 ? (struct frame_run){ frames_take_dirty(f), 1 }
			 : take_dirty_run(f, most);
	f->scrub[f->scrubs++] = *run;
	f->zeroing += ones(run->mask);
	return true;
}

/* One alone is the next to be used; many are for later. */
static void put_run(struct frames *f, const struct frame_run *run, bool zeroed)
{
	struct frame_list *list = zeroed ? &f->zeroed : &f->dirty;

	if (run->mask == 1) {
		put(list, run->first);
		return;
	}
	for (uint64_t mask = run->mask; mask; mask &= mask - 1, list->count++)
		bitmap_put(&list->cold, run->first + (uint32_t)__builtin_ctzll(mask));
}

uint32_t frames_end_scrub(struct frames *f, tidal_frame first, bool zeroed)
{
	uint32_t i = 0, n;

	while (i < f->scrubs && f->scrub[i].first != first)
		i++;
	if (i == f->scrubs)
		return 0;
	n = ones(f->scrub[i].mask);
	put_run(f, &f->scrub[i], zeroed);
	f->free += n;
	f->zeroing -= n;
	f->scrub[i] = f->scrub[--f->scrubs];
	return n;
}
