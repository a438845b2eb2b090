/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages - see pages.h. Layout of an entry:
 *	a: gfn + 1 (35 bits), frame (29)
 *	b: epoch (40), owner (10), state (3), map (2), used (1), everywhere (1)
 */
#include "pages.h"

#include "assert.h"

#define KEY_BITS 35

static struct entry pack(const struct page *p)
{
	uint64_t frame = p->frame == TIDAL_FRAME_NONE ? PAGE_NO_FRAME : p->frame;

	return (struct entry){
		.a = (p->gfn + 1) | frame << KEY_BITS,
		.b = p->epoch | (uint64_t)p->owner << 40 | (uint64_t)p->state << 50 |
		     (uint64_t)p->map << 53 | (uint64_t)p->used << 55 |
		     (uint64_t)p->everywhere << 56,
	};
}

static void unpack(struct page *p, const struct entry *e)
{
	uint32_t frame = (uint32_t)(e->a >> KEY_BITS);

	p->gfn = (e->a & ((UINT64_C(1) << KEY_BITS) - 1)) - 1;
	p->frame = frame == PAGE_NO_FRAME ? TIDAL_FRAME_NONE : frame;
	p->epoch = e->b & EPOCH_MASK;
	p->owner = e->b >> 40 & 0x3ff;
	p->state = e->b >> 50 & 7;
	p->map = e->b >> 53 & 3;
	p->used = e->b >> 55 & 1;
	p->everywhere = e->b >> 56 & 1;
}

void pages_init(struct pages *p, struct arena *a, uint32_t frames, uint16_t nodes, uint16_t self)
{
	/* An eighth more than frames: dormant pages and copies of zero pages have none. */
	table_init(&p->table, a, frames + frames / 8 + 4, KEY_BITS);
	table_init(&p->copies, a, frames / 2 + 4, KEY_BITS);
	if (!a->base)
		return;
	p->nodes = nodes;
	p->self = self;
}

bool pages_get(const struct pages *p, tidal_gfn gfn, struct page *page)
{
	struct entry e;

	if (!table_get(&p->table, gfn + 1, &e))
		return false;
	unpack(page, &e);
	return true;
}

void pages_put(struct pages *p, const struct page *page)
{
	struct entry e = pack(page);
	bool stored = table_put(&p->table, &e);

	ASSERT(stored);
}

void pages_del(struct pages *p, tidal_gfn gfn)
{
	table_del(&p->table, gfn + 1);
	table_del(&p->copies, gfn + 1);
}

bool pages_sweep(struct pages *p, uint32_t *left, struct page *page)
{
	struct entry e;

	while (*left > 0) {
		uint32_t i = p->sweep;

		(*left)--;
		p->sweep = i + 1 >= p->table.size ? 0 : i + 1;
		if (table_at(&p->table, i, &e)) {
			unpack(page, &e);
			return true;
		}
	}
	return false;
}

copies pages_copies(const struct pages *p, const struct page *page)
{
	struct entry e;

	if (page->everywhere)
		return copies_del(copies_all(p->nodes), p->self, p->nodes);
	return table_get(&p->copies, page->gfn + 1, &e) ? e.b : 0;
}

void pages_set_copies(struct pages *p, struct page *page, copies c)
{
	struct entry e = { .a = page->gfn + 1, .b = c };

	page->everywhere = false;
	if (c == 0)
		table_del(&p->copies, page->gfn + 1);
	else if (!table_put(&p->copies, &e))
		page->everywhere = true;
}
