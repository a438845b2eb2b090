/* SPDX-License-Identifier: BSD-3-Clause */
/* frames - see frames.h. */
#include "frames.h"

#include "assert.h"

static uint32_t *stack_of(struct frames *f)
{
	return REL(f, stack);
}

void frames_init(struct frames *f, struct arena *a, const struct frames_config *config)
{
	uint32_t *stack = arena_take(a, (size_t)config->total * sizeof(*stack), 64);

	if (!a->base)
		return;
	f->stack = rel_to(f, stack);
	f->total = config->total;
	f->landing = config->landing;
	f->reserve = config->reserve;
	f->low = config->low;
	f->high = config->high;
}

tidal_frame frames_take_zeroed(struct frames *f)
{
	return f->zeroed == 0 ? TIDAL_FRAME_NONE : stack_of(f)[--f->zeroed];
}

tidal_frame frames_take_dirty(struct frames *f)
{
	if (f->dirty > 0)
		return stack_of(f)[f->total - f->dirty--];
	if (f->fresh < f->total)
		return f->fresh++;
	return TIDAL_FRAME_NONE;
}

void frames_put_zeroed(struct frames *f, tidal_frame frame)
{
	ASSERT(frame < f->fresh && f->zeroed + f->dirty < f->fresh);
	stack_of(f)[f->zeroed++] = frame;
}

void frames_put_dirty(struct frames *f, tidal_frame frame)
{
	ASSERT(frame < f->fresh && f->zeroed + f->dirty < f->fresh);
	stack_of(f)[f->total - ++f->dirty] = frame;
}
