/* SPDX-License-Identifier: BSD-3-Clause */
/* ahead - frames for pages that the guest has not written to yet, but will: see struct ahead. */
#include "proto.h"

/* ---- which pages ---- */

/* Dormant and here, without an entry, and nobody has anything to do with it. */
static bool is_asleep(const struct engine *e, tidal_gfn gfn)
{
	struct page page;

	if (gfn >= e->guest->pages || transits_find(e->transits, gfn))
		return false;
	engine_page(e, gfn, &page);
	return page.state == TIDAL_PAGE_DORMANT && !pages_get(e->pages, gfn, &page);
}

/* How many from there on, within an aligned 64. */
static uint32_t asleep(const struct engine *e, tidal_gfn gfn, uint32_t most)
{
	uint32_t n = 0, end = 64 - (uint32_t)(gfn % 64);

	most = most < end ? most : end;
	while (n < most && is_asleep(e, gfn + n))
		n++;
	return n;
}

/* Frames and entries that nobody will miss: no eviction begins for this. */
static uint32_t spare(const struct engine *e, uint32_t want)
{
	uint32_t free = frames_free(e->frames), keep = e->frames->high;

	keep = keep > e->frames->reserve ? keep : e->frames->reserve;
	if (free <= keep || e->transits->room_first ||
	    !pages_room(e->pages, e->frames->promised + 1 + want))
		return 0;
	return want < free - keep ? want : free - keep;
}

/* ---- a batch ---- */

static void enter(struct engine *e, const struct ahead_batch *b)
{
	struct page page;

	ranges_touch(e->ranges, b->gfn);
	engine_page(e, b->gfn, &page); /* all are of one range, so their epochs are alike */
	page.state = TIDAL_PAGE_EXCLUSIVE;
	page.map = MAPPED_RW;
	page.used = true;
	for (uint32_t i = 0; i < b->pages; i++) {
		page.gfn = b->gfn + i;
		page.frame = b->frame + i;
		pages_put(e->pages, &page);
	}
}

/* Give up to *want* pages frames, as many as there are in a row; how many. */
static uint32_t give(struct engine *e, tidal_gfn gfn, uint32_t want)
{
	struct ahead *a = e->ahead;
	struct ahead_batch *b = &a->batch[a->batches];
	struct tidal_action *act;

	if (a->batches == AHEAD_BATCHES || !engine_ranges_room(e))
		return 0;
	*b = (struct ahead_batch){ .gfn = gfn, .pages = spare(e, asleep(e, gfn, want)) };
	if (b->pages > 0)
		b->frame = frames_take_zeroed_row(e->frames, b->pages, &b->pages);
	if (b->pages == 0)
		return 0;
	a->batches++;
	enter(e, b);
	e->stats->ahead += b->pages;
	act = actq_add(e->actq, TIDAL_ACT_MAP);
	act->u.pages = (struct tidal_act_pages){
		.token = tag(TOKEN_AHEAD, gfn), .gfn = gfn, .mask = UINT64_MAX >> (64 - b->pages),
		.frame = b->frame, .prot = TIDAL_PROT_RW,
	};
	return b->pages;
}

static void take_back(struct engine *e, const struct ahead_batch *b)
{
	for (uint32_t i = 0; i < b->pages; i++) {
		pages_del(e->pages, b->gfn + i); /* the range has it still */
		frames_put_dirty(e->frames, b->frame + i);
	}
	e->stats->ahead -= b->pages;
}

int proto_ahead_done(struct engine *e, tidal_gfn gfn, int status)
{
	struct ahead *a = e->ahead;
	uint32_t i = 0;

	while (i < a->batches && a->batch[i].gfn != gfn)
		i++;
	if (i == a->batches)
		return TIDAL_EINVAL;
	if (status < 0) {
		take_back(e, &a->batch[i]);
		memset(a->stream, 0, sizeof(a->stream)); /* begin again, with few */
	}
	a->batch[i] = a->batch[--a->batches];
	return 0;
}

/* ---- following ---- */

static struct ahead_stream *stream_of(struct ahead *a, tidal_gfn gfn)
{
	for (uint32_t i = 0; i < AHEAD_STREAMS; i++)
		if (a->stream[i].next == gfn && gfn > 0)
			return &a->stream[i];
	return NULL;
}

static uint32_t step_of(const struct ahead *a, const struct ahead_stream *s)
{
	uint32_t n = s->pages ? 4 * s->pages : AHEAD_FIRST;

	return n < a->most ? n : a->most;
}

void proto_ahead(struct engine *e, tidal_gfn gfn)
{
	struct ahead *a = e->ahead;
	struct ahead_stream *s;
	uint32_t want, given = 0;

	if (a->most == 0)
		return;
	s = stream_of(a, gfn);
	if (!s) {
		a->stream[a->turn++ % AHEAD_STREAMS] = (struct ahead_stream){ gfn + 1, 0 };
		return;
	}
	want = step_of(a, s);
	while (given < want) {
		uint32_t n = give(e, gfn + 1 + given, want - given);

		if (n == 0)
			break;
		given += n;
	}
	*s = (struct ahead_stream){ gfn + 1 + given, given };
}
