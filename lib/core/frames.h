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

struct frame_list {
	uint32_t count;
	uint32_t warm_used;
	tidal_frame warm[FRAMES_WARM]; /* a stack; what it can't hold is in the bitmap */
	struct bitmap cold;
};

struct frames {
	uint32_t total;
	uint32_t free;		/* on both lists */
	uint32_t fresh;		/* frames from this number on were never used: also to be zeroed */
	uint32_t posted;	/* with the driver, to receive into */
	uint32_t promised;	/* of those, for answers that are due */
	uint32_t departing;	/* sent, not acknowledged */
	uint32_t zeroing;	/* being zeroed */
	uint32_t background;	/* of those: the one that no page waits for, + 1; 0: none */
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
