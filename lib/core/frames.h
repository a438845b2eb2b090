/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frames - the real pages of this node: which are zeroed, which are to be zeroed, and
 * how many do what else.
 *
 * On both lists the last few frames that were freed, the warmest, go out first; the
 * rest is a bitmap: 2 bits per frame. Frames that were never used need none: they are the
 * numbers from `fresh` on, at the far end of the list of those to be zeroed.
 */
#ifndef TIDAL_CORE_FRAMES_H
#define TIDAL_CORE_FRAMES_H

#include <stdbool.h>
#include <tidal/base.h>

#include "bitmap.h"

#define FRAMES_WARM 32
#define FRAMES_SCRUBS 16 /* actions of zeroing in the background at a time */

struct frame_list {
	uint32_t count;
	uint32_t warm_used;
	tidal_frame warm[FRAMES_WARM]; /* a stack; what it can't hold is in the bitmap */
	struct bitmap cold;
};

/* Frames first + i for every bit i of mask; bit 0 is set. */
struct frame_run {
	tidal_frame first;
	uint64_t mask;
};

struct frames {
	uint32_t total;
	uint32_t free;		/* on both lists */
	uint32_t fresh;		/* frames from this number on were never used: also to be zeroed */
	uint32_t posted;	/* with the driver, to receive into */
	uint32_t promised;	/* of those, for answers that are due */
	uint32_t departing;	/* sent, not acknowledged */
	uint32_t zeroing;	/* being zeroed */
	uint32_t zeroing_max;	/* unless pages wait for more */
	uint32_t scrubs;	/* runs that no page waits for */
	struct frame_run scrub[FRAMES_SCRUBS];
	uint32_t landing, reserve, low, high;
	struct frame_list zeroed, dirty;
};

struct frames_config {
	uint32_t total, landing, reserve, low, high;
};

void frames_init(struct frames *f, struct arena *a, const struct frames_config *config);

/* Free frames of both kinds. */
static inline uint32_t frames_free(const struct frames *f)
{
	return f->free;
}

/* Of them, those to be zeroed. */
static inline uint32_t frames_to_zero(const struct frames *f)
{
	return f->free - f->zeroed.count;
}

/* Take a clean one / any one, dirty first; NONE when there is none. */
tidal_frame frames_take_zeroed(struct frames *f);
tidal_frame frames_take_dirty(struct frames *f);
/* Up to *most* clean ones with numbers in a row, but for the warmest: the first, and how many. */
tidal_frame frames_take_zeroed_row(struct frames *f, uint32_t most, uint32_t *taken);
/*
 * Some to be zeroed while nobody waits, the coldest first: as many as may be at a time, and
 * no more than this node can do without meanwhile. false: none now.
 */
bool frames_begin_scrub(struct frames *f, struct frame_run *run);
/* The run that begins with this frame is over: zeroed, or not. Returns how many frames it had; 0: there
 * is no such run. */
uint32_t frames_end_scrub(struct frames *f, tidal_frame first, bool zeroed);
/* Give one back. */
void frames_put_zeroed(struct frames *f, tidal_frame frame);
void frames_put_dirty(struct frames *f, tidal_frame frame);

/* On which list is it? Slow. */
bool frames_is_zeroed(const struct frames *f, tidal_frame frame);
bool frames_is_dirty(const struct frames *f, tidal_frame frame);

/* May a dormant page be converted now? Keeps the reserve for coherence. */
static inline bool frames_may_convert(const struct frames *f)
{
	return frames_free(f) > f->reserve;
}

/* Is there a landing frame that nobody has been promised yet? */
static inline bool frames_may_promise(const struct frames *f)
{
	return f->promised < f->posted;
}

#endif
