/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames: their places in the pool, and their bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/common/stream.h"
#include "kernel.h"
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

/* ---- zeroes ---- */

static void touch(uint8_t *at)
{
	*(volatile uint8_t *)at = 0;
}

int memory_zero(struct memory *m, tidal_frame frame)
{
	if (frame >= m->frames)
		return TIDAL_ERANGE;
	if (m->frame[frame].mapped)
		return TIDAL_EBUSY;
	if (m->frame[frame].written)
		memset(pool_at(m, frame), 0, PAGE);
	else
		touch(pool_at(m, frame));
	m->frame[frame].written = false;
	return 0;
}

static int scrub_check(const struct memory *m, tidal_frame first, uint64_t mask)
{
	if (!mask)
		return TIDAL_EINVAL;
	if (first >= m->frames || 63 - (unsigned)__builtin_clzll(mask) >= m->frames - first)
		return TIDAL_ERANGE;
	for (; mask; mask &= mask - 1)
		if (m->frame[first + (unsigned)__builtin_ctzll(mask)].mapped)
			return TIDAL_EBUSY;
	return 0;
}

/* How many from there on are of the mask, and have memory of their own or not, like the first. */
static unsigned alike(const struct memory *m, tidal_frame first, uint64_t mask)
{
	unsigned n = 1;

	while (n < 64 && mask >> n & 1 && m->frame[first + n].written == m->frame[first].written)
		n++;
	return n;
}

/* Memory for frames that have none: the kernel's own zeroes, by one call. */
static int populate(const struct memory *m, tidal_frame first, unsigned n)
{
	if (madvise(pool_at(m, first), (size_t)n * PAGE, KERNEL_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return errno == ENOMEM ? TIDAL_ENOMEM : TIDAL_EIO;
	for (unsigned i = 0; i < n; i++) /* a kernel before 5.14 */
		touch(pool_at(m, first + i));
	return 0;
}

int memory_scrub(struct memory *m, tidal_frame first, uint64_t mask)
{
	int r = scrub_check(m, first, mask);

	while (!r && mask) {
		unsigned skip = (unsigned)__builtin_ctzll(mask), n;

		first += skip;
		mask >>= skip;
		n = alike(m, first, mask);
		if (!m->frame[first].written)
			r = populate(m, first, n);
		else
			host_stream_zeroes(pool_at(m, first), (size_t)n * PAGE);
		for (unsigned i = 0; !r && i < n; i++)
			m->frame[first + i].written = false;
		first += n;
		mask = n == 64 ? 0 : mask >> n;
	}
	return r;
}

void *memory_frame_data(struct memory *m, tidal_frame frame, tidal_gfn gfn)
{
	struct frame *f;

	if (frame >= m->frames)
		return NULL;
	f = &m->frame[frame];
	if (!f->mapped && gfn != TIDAL_GFN_NONE)
		return NULL;
	if (!f->mapped) {
		f->written = true; /* by whoever has the address */
		return pool_at(m, frame);
	}
	return f->gfn == gfn ? area_at(area_of(m, gfn), gfn) : NULL;
}
