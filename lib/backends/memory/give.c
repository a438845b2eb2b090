/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages come to the guest from the pool, and go back. */
#include <string.h>

#include "state.h"

static uint8_t *guest_at(const struct run *run)
{
	return area_at(run->area, run->gfn);
}

static size_t bytes_of(const struct run *run)
{
	return (size_t)run->pages * PAGE;
}

/* What is left of a run after its first *n* pages. */
static struct run rest_of(const struct run *run, uint32_t n)
{
	return (struct run){ run->area, run->gfn + n, run->frame + n, run->pages - n };
}

static struct run first_of(const struct run *run, uint32_t n)
{
	return (struct run){ run->area, run->gfn, run->frame, n };
}

/* ---- giving; each returns how many pages went, and why not more ---- */

static uint32_t give_by_move(struct memory *m, const struct run *run, int *error)
{
	size_t done;

	*error = uffd_move(&m->uffd, guest_at(run), pool_at(m, run->frame), bytes_of(run), &done);
	for (size_t i = 0; i < done / PAGE; i++)
		m->frame[run->frame + i].place = PLACE_EMPTY;
	return (uint32_t)(done / PAGE);
}

static uint32_t give_by_copy(struct memory *m, const struct run *run, unsigned prot, int *error)
{
	bool read_only = prot != TIDAL_PROT_RW || run->area->rom;
	size_t done;

	*error = uffd_copy(&m->uffd, guest_at(run), pool_at(m, run->frame), bytes_of(run),
			   read_only, &done);
	for (uint32_t i = 0; i < done / PAGE; i++) {
		m->frame[run->frame + i].place = read_only ? PLACE_TRUE : PLACE_OLD;
		frame_keep(m, run->frame + i);
	}
	return (uint32_t)(done / PAGE);
}

/*
 * A frame that nobody has written to has no page to move, and one that DMA holds can't be
 * moved: those are copied.
 */
static uint32_t give(struct memory *m, const struct run *run, unsigned prot, int *error)
{
	uint32_t n = 0;

	if (prot == TIDAL_PROT_RW && m->uffd.moves && !run->area->rom) {
		n = give_by_move(m, run, error);
		if (*error != TIDAL_ENOENT && *error != TIDAL_EBUSY)
			return n;
	}
	return n + give_by_copy(m, &(struct run){ run->area, run->gfn + n, run->frame + n,
						  run->pages - n }, prot, error);
}

/* ---- taking ---- */

enum way { WAY_DISCARD, WAY_MOVE, WAY_COPY };

static enum way way_of(const struct memory *m, const struct run *run)
{
	if (m->frame[run->frame].place == PLACE_TRUE)
		return WAY_DISCARD;
	return m->uffd.moves && !run->area->rom ? WAY_MOVE : WAY_COPY;
}

static uint32_t take_by_move(struct memory *m, const struct run *run, int *error)
{
	size_t done;

	for (uint32_t i = 0; i < run->pages; i++)
		if (m->frame[run->frame + i].place != PLACE_EMPTY)
			frame_drop(m, run->frame + i);
	*error = uffd_move(&m->uffd, pool_at(m, run->frame), guest_at(run), bytes_of(run), &done);
	return (uint32_t)(done / PAGE);
}

/* Nobody writes any more when the bytes are copied. */
static uint32_t take_by_copy(struct memory *m, const struct run *run, unsigned prot, int *error)
{
	bool writable = prot == TIDAL_PROT_RW && !run->area->rom;

	*error = writable ? uffd_protect(&m->uffd, guest_at(run), bytes_of(run), true) : 0;
	if (*error)
		return 0;
	memcpy(pool_at(m, run->frame), guest_at(run), bytes_of(run));
	*error = discard(guest_at(run), bytes_of(run));
	if (!*error)
		return run->pages;
	if (writable)
		(void)uffd_protect(&m->uffd, guest_at(run), bytes_of(run), false);
	return 0;
}

static uint32_t take_one_way(struct memory *m, const struct run *run, unsigned prot, enum way way,
			     int *error)
{
	uint32_t n;

	switch (way) {
	case WAY_MOVE:
		n = take_by_move(m, run, error);
		break;
	case WAY_COPY:
		n = take_by_copy(m, run, prot, error);
		break;
	default:
		*error = discard(guest_at(run), bytes_of(run));
		n = *error ? 0 : run->pages;
	}
	for (uint32_t i = 0; i < n; i++) {
		m->frame[run->frame + i].place = PLACE_TRUE;
		m->frame[run->frame + i].written |= way != WAY_DISCARD;
		m->frame[run->frame + i].kept = 0;
	}
	return n;
}

static uint32_t take(struct memory *m, const struct run *run, unsigned prot, int *error)
{
	uint32_t n = 0;

	*error = 0;
	while (n < run->pages && !*error) {
		struct run rest = rest_of(run, n), part = rest;
		enum way way = way_of(m, &rest);

		for (part.pages = 1; part.pages < rest.pages; part.pages++) {
			struct run next = rest_of(&rest, part.pages);

			if (way_of(m, &next) != way)
				break;
		}
		n += take_one_way(m, &part, prot, way, error);
	}
	return n;
}

/* ---- all or nothing ---- */

int run_give(struct memory *m, const struct run *run, unsigned prot)
{
	int error, failed;
	uint32_t n = give(m, run, prot, &error);
	struct run given = first_of(run, n);

	if (!error || take(m, &given, prot, &failed) == n)
		return error;
	return TIDAL_EBROKEN;
}

int run_take(struct memory *m, const struct run *run, unsigned prot)
{
	int error, failed;
	uint32_t n = take(m, run, prot, &error);
	struct run taken = first_of(run, n);

	if (!error || n == 0 || give(m, &taken, prot, &failed) == n)
		return error;
	return TIDAL_EBROKEN;
}

/*
 * UFFDIO_ZEROPAGE would cost no memory, but such a page is not protected from writes until a
 * second call, and a write that comes between is lost on nobody but the coherence: it is not seen.
 */
int zero_give(struct memory *m, struct host_page *page)
{
	uint32_t at = m->zero_next++ % m->zeroes_max;
	tidal_gfn gfn = host_page_gfn(page);
	struct host_page *oldest = host_map_find(&m->map, m->zero[at]);
	size_t done;
	int r;

	if (oldest && oldest->frame == TIDAL_FRAME_ZERO && oldest->mark == at + 1) {
		r = discard(area_at(area_of(m, m->zero[at]), m->zero[at]), PAGE);
		if (r)
			return r;
		oldest->mark = 0;
	}
	r = uffd_copy(&m->uffd, area_at(area_of(m, gfn), gfn), m->zeroes, PAGE, true, &done);
	if (r)
		return r;
	m->zero[at] = gfn;
	page->mark = (uint16_t)(at + 1);
	return 0;
}
