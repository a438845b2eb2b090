/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages - the page table of this node: every page that it owns or has a copy of, except
 * dormant pages that nobody has touched (ranges.h); and the copysets of pages it owns.
 *
 * An entry is 16 bytes. Copysets lie beside, only for pages that have copies; when
 * their table is full a page counts as copied everywhere.
 */
#ifndef TIDAL_CORE_PAGES_H
#define TIDAL_CORE_PAGES_H

#include <tidal/core.h>

#include "copies.h"
#include "table.h"

#define PAGE_NO_FRAME ((1u << 29) - 1) /* as stored; outside it is TIDAL_FRAME_NONE */

enum page_map { UNMAPPED = 0, MAPPED_R = 1, MAPPED_RW = 2 };

struct page {
	tidal_gfn gfn;
	uint32_t state;	   /* enum tidal_page_state */
	uint32_t map;	   /* enum page_map */
	tidal_frame frame; /* NONE: dormant, or a copy of a page of zeroes */
	bool used;	   /* since the eviction sweep came by */
	bool everywhere;   /* copyset lost: any node may have a copy */
	tidal_nodeid owner; /* of a copy: where it came from; else this node */
	uint64_t epoch;
};

struct pages {
	struct table table;
	struct table copies;
	uint32_t sweep; /* eviction hand */
	uint16_t nodes, self;
};

void pages_init(struct pages *p, struct arena *a, uint32_t frames, uint16_t nodes, uint16_t self);

/* The entry; false: none. */
bool pages_get(const struct pages *p, tidal_gfn gfn, struct page *page);
/* Insert or replace; traps when full (see pages_room()). */
void pages_put(struct pages *p, const struct page *page);
/* Remove, with its copyset. */
void pages_del(struct pages *p, tidal_gfn gfn);
static inline bool pages_room(const struct pages *p, uint32_t n)
{
	return table_room(&p->table, n);
}
/* The next entry of the sweep, false after a whole round. *left counts down the slots of a round. */
bool pages_sweep(struct pages *p, uint32_t *left, struct page *page);

/* Which nodes may have copies of an owned page. */
copies pages_copies(const struct pages *p, const struct page *page);
/* Store it; 0 removes. May set page->everywhere; the caller puts the page afterwards. */
void pages_set_copies(struct pages *p, struct page *page, copies c);

static inline bool page_is_owned(const struct page *page)
{
	return page->state >= TIDAL_PAGE_PRIMARY;
}

#endif
