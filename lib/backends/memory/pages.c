/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of pages: mapped, unmapped, protected. All pages of a batch, or none. */
#include <string.h>

#include "state.h"

/* The pages of a batch, in ascending order. */
struct item {
	tidal_gfn gfn;
	tidal_frame frame;
	unsigned prot;
};

struct batch {
	unsigned n;
	struct item item[BATCH];
};

static bool all_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* The pages from item *at* on that make a run. */
static struct run run_at(const struct memory *m, const struct batch *b, unsigned at)
{
	const struct item *first = &b->item[at];
	struct run run = { area_of(m, first->gfn), first->gfn, first->frame, 1 };

	if (first->frame == TIDAL_FRAME_ZERO)
		return run;
	for (unsigned i = at + 1; i < b->n; i++, run.pages++) {
		const struct item *it = &b->item[i];

		if (it->gfn != run.gfn + run.pages || it->frame != run.frame + run.pages ||
		    it->prot != first->prot ||
		    it->gfn >= run.area->gfn + run.area->pages)
			break;
	}
	return run;
}

/* ---- one run, and the map with it ---- */

static void note_mapped(struct memory *m, const struct item *it)
{
	host_map_add(&m->map, it->gfn, it->frame, it->prot);
	if (it->frame == TIDAL_FRAME_ZERO)
		return;
	m->frame[it->frame].gfn = it->gfn;
	m->frame[it->frame].mapped = true;
}

static void note_unmapped(struct memory *m, const struct item *it)
{
	host_map_remove(&m->map, host_map_find(&m->map, it->gfn));
	if (it->frame != TIDAL_FRAME_ZERO)
		m->frame[it->frame].mapped = false;
}

static int attach(struct memory *m, const struct batch *b, unsigned at, unsigned n)
{
	struct run run = run_at(m, b, at);
	int r = 0;

	if (run.frame != TIDAL_FRAME_ZERO)
		r = run_give(m, &run, b->item[at].prot);
	for (unsigned i = 0; !r && i < n; i++)
		note_mapped(m, &b->item[at + i]);
	if (r || run.frame != TIDAL_FRAME_ZERO)
		return r;
	r = zero_give(m, host_map_find(&m->map, run.gfn));
	if (r)
		note_unmapped(m, &b->item[at]);
	return r;
}

static int zero_take(struct memory *m, const struct run *run)
{
	struct host_page *page = host_map_find(&m->map, run->gfn);
	int r = page->mark ? discard(area_at(run->area, run->gfn), PAGE) : 0;

	if (!r)
		page->mark = 0;
	return r;
}

static int detach(struct memory *m, const struct batch *b, unsigned at, unsigned n)
{
	struct run run = run_at(m, b, at);
	int r = run.frame == TIDAL_FRAME_ZERO ? zero_take(m, &run)
					      : run_take(m, &run, b->item[at].prot);

	for (unsigned i = 0; !r && i < n; i++)
		note_unmapped(m, &b->item[at + i]);
	return r;
}

/* ---- all of a batch ---- */

typedef int (*step_fn)(struct memory *, const struct batch *, unsigned at, unsigned n);

/* Run by run; when one fails those before it are undone. */
static int each_run(struct memory *m, const struct batch *b, step_fn step, step_fn undo)
{
	unsigned at = 0, n;
	int r = 0;

	for (; at < b->n; at += n) {
		n = run_at(m, b, at).pages;
		r = step(m, b, at, n);
		if (r)
			break;
	}
	for (unsigned i = 0; r && i < at; i += n) {
		n = run_at(m, b, i).pages;
		if (undo(m, b, i, n))
			return TIDAL_EBROKEN;
	}
	return r;
}

/* A page that stays where it is gets other rights. */
static int change_rights(struct memory *m, const struct batch *b, unsigned at, unsigned n,
			 unsigned prot)
{
	struct run run = run_at(m, b, at);
	int r = 0;

	if (!run.area->rom && run.frame != TIDAL_FRAME_ZERO)
		r = uffd_protect(&m->uffd, area_at(run.area, run.gfn), (size_t)n * PAGE,
				 prot == TIDAL_PROT_R);
	for (unsigned i = 0; !r && i < n; i++) {
		const struct item *it = &b->item[at + i];

		host_page_set_prot(host_map_find(&m->map, it->gfn), prot);
		if (prot == TIDAL_PROT_RW && !run.area->rom &&
		    m->frame[it->frame].place == PLACE_TRUE)
			m->frame[it->frame].place = PLACE_OLD;
	}
	return r;
}

static int make_writable(struct memory *m, const struct batch *b, unsigned at, unsigned n)
{
	return change_rights(m, b, at, n, TIDAL_PROT_RW);
}

static int make_read_only(struct memory *m, const struct batch *b, unsigned at, unsigned n)
{
	return change_rights(m, b, at, n, TIDAL_PROT_R);
}

/* As they were: of those that are read-only already none are changed. */
static int leave(struct memory *m, const struct batch *b, unsigned at, unsigned n)
{
	return change_rights(m, b, at, n, b->item[at].prot);
}

/* ---- map ---- */

/* May this one page be mapped? Pins keep their frame, and a frame backs one page only. */
static int map_check(const struct memory *m, const struct item *it)
{
	const struct host_page *page = host_map_find(&m->map, it->gfn);
	const struct frame *f;

	if (it->gfn > UINT64_MAX / PAGE || !area_of(m, it->gfn))
		return TIDAL_ERANGE;
	if (page && page->pins && (page->frame != it->frame || it->prot < host_page_prot(page)))
		return TIDAL_EBUSY;
	if (it->frame == TIDAL_FRAME_ZERO)
		return it->prot == TIDAL_PROT_R ? 0 : TIDAL_EINVAL;
	if (it->frame >= m->frames)
		return TIDAL_ERANGE;
	f = &m->frame[it->frame];
	return f->mapped && f->gfn != it->gfn ? TIDAL_EBUSY : 0;
}

/* What a map does to each page: new ones come, of those that are there some are replaced first. */
struct plan {
	struct batch fresh, replaced, raised, lowered;
};

static void add(struct batch *b, tidal_gfn gfn, tidal_frame frame, unsigned prot)
{
	b->item[b->n++] = (struct item){ gfn, frame, prot };
}

static void plan_one(const struct memory *m, struct plan *p, const struct item *it)
{
	const struct host_page *page = host_map_find(&m->map, it->gfn);
	unsigned had = page ? host_page_prot(page) : 0;

	if (page && page->frame == it->frame) {
		if (it->prot != had)
			add(it->prot > had ? &p->raised : &p->lowered, it->gfn, it->frame, had);
		return;
	}
	if (page)
		add(&p->replaced, it->gfn, page->frame, had);
	add(&p->fresh, it->gfn, it->frame, it->prot);
}

static int plan_map(const struct memory *m, const struct tidal_act_pages *act, struct plan *p)
{
	struct item it = { .frame = act->frame, .prot = act->prot };
	int r;

	if (!act->mask || (act->prot != TIDAL_PROT_R && act->prot != TIDAL_PROT_RW))
		return TIDAL_EINVAL;
	if (act->frame != TIDAL_FRAME_ZERO && act->frame >= m->frames)
		return TIDAL_ERANGE;
	p->fresh.n = p->replaced.n = p->raised.n = p->lowered.n = 0;
	for (uint64_t mask = act->mask; mask; mask &= mask - 1) {
		it.gfn = act->gfn + (unsigned)__builtin_ctzll(mask);
		r = map_check(m, &it);
		if (r)
			return r;
		plan_one(m, p, &it);
		it.frame += it.frame != TIDAL_FRAME_ZERO;
	}
	return 0;
}

/* What went well is undone in reverse when a later part fails. */
static int carry_out(struct memory *m, const struct plan *p)
{
	int r = each_run(m, &p->replaced, detach, attach);

	if (r)
		return r;
	r = each_run(m, &p->fresh, attach, detach);
	if (!r) {
		r = each_run(m, &p->raised, make_writable, leave);
		if (!r) {
			r = each_run(m, &p->lowered, make_read_only, leave);
			if (!r)
				return 0;
			if (each_run(m, &p->raised, leave, leave))
				return TIDAL_EBROKEN;
		}
		if (each_run(m, &p->fresh, detach, attach))
			return TIDAL_EBROKEN;
	}
	return each_run(m, &p->replaced, attach, detach) ? TIDAL_EBROKEN : r;
}

int memory_map(struct memory *m, const struct tidal_act_pages *act)
{
	struct plan p;
	int r = plan_map(m, act, &p);

	if (r)
		return r;
	return host_map_reserve(&m->map, p.fresh.n) ? carry_out(m, &p) : TIDAL_ENOMEM;
}

/* ---- unmap, protect ---- */

/* Are all pages of a batch there, unpinned, and where the caller believes them? */
static int plan_change(const struct memory *m, const struct tidal_act_pages *act, struct batch *b)
{
	bool one = (act->mask & (act->mask - 1)) == 0;

	if (!act->mask || (act->test && !one))
		return TIDAL_EINVAL;
	b->n = 0;
	for (uint64_t mask = act->mask; mask; mask &= mask - 1) {
		tidal_gfn gfn = act->gfn + (unsigned)__builtin_ctzll(mask);
		const struct host_page *page = host_map_find(&m->map, gfn);

		if (!page)
			return TIDAL_ENOENT;
		if (page->pins)
			return TIDAL_EBUSY;
		if (one && act->frame != TIDAL_FRAME_NONE && act->frame != page->frame)
			return TIDAL_EINVAL;
		add(b, gfn, page->frame, host_page_prot(page));
	}
	return 0;
}

/* A page of zeroes need not be there to be looked at. */
static uint32_t test(struct memory *m, const struct item *it, const uint8_t *bytes)
{
	return it->frame == TIDAL_FRAME_ZERO || all_zero(bytes ? bytes : pool_at(m, it->frame));
}

int memory_unmap(struct memory *m, const struct tidal_act_pages *act, uint32_t *zero)
{
	struct batch b;
	int r = plan_change(m, act, &b);

	if (!r)
		r = each_run(m, &b, detach, attach);
	*zero = !r && act->test && test(m, &b.item[0], NULL);
	return r;
}

int memory_protect(struct memory *m, const struct tidal_act_pages *act, uint32_t *zero)
{
	struct batch b;
	int r = plan_change(m, act, &b);

	if (!r)
		r = each_run(m, &b, make_read_only, leave);
	*zero = !r && act->test &&
		test(m, &b.item[0], area_at(area_of(m, b.item[0].gfn), b.item[0].gfn));
	return r;
}

/* ---- pins ---- */

int memory_pin(struct memory *m, tidal_gfn gfn)
{
	struct host_page *page = host_map_find(&m->map, gfn);

	if (!page)
		return TIDAL_ENOENT;
	if (page->pins == UINT16_MAX)
		return TIDAL_EFULL;
	page->pins++;
	return 0;
}

int memory_unpin(struct memory *m, tidal_gfn gfn)
{
	struct host_page *page = host_map_find(&m->map, gfn);

	if (!page || !page->pins)
		return TIDAL_ENOENT;
	page->pins--;
	return 0;
}
