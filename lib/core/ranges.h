/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranges - dormant memory that this node owns without a page-table entry.
 *
 * A set of disjoint, aligned extents of 2^k ranges (2 MiB each), split as in a
 * buddy system when part of one is touched or granted. An extent is
 *	- untouched: every page in it is dormant and here, or
 *	- touched (order 0 only): a page in it is dormant and here unless the page table has it
 *	  or it has gone to another node; a mask of 512 bits, made when the first one goes, tells.
 * One entry of 16 bytes describes the whole memory of a guest at start, 64 TiB or not.
 */
#ifndef TIDAL_CORE_RANGES_H
#define TIDAL_CORE_RANGES_H

#include "table.h"

#include <tidal/base.h>

/* Entries that the deepest split may need. */
#define RANGES_SPLIT (TIDAL_ORDER_MAX + 2)

struct range_mask {
	uint64_t gone[TIDAL_RANGE_PAGES / 64];
};

struct ranges {
	struct table table;
	rel masks;
	uint32_t masks_size, masks_used, masks_free; /* ever used; list of those free again */
	uint32_t of_order[TIDAL_ORDER_MAX + 1]; /* untouched extents of each order */
	uint32_t orders;			/* bit k: of_order[k] != 0 */
	uint64_t xor_of[TIDAL_ORDER_MAX + 1];	/* of their first ranges: if there is one, its */
};

struct extent {
	uint64_t first; /* number of its first range: gfn >> 9 */
	uint32_t order;
	uint64_t epoch;
};

void ranges_init(struct ranges *r, struct arena *a, uint32_t limit);

/* Is this page dormant and here, as far as ranges know (the page table is asked first)? */
bool ranges_has(const struct ranges *r, tidal_gfn gfn, uint64_t *epoch, bool *untouched);
/* Is any part of this extent here already? Looks at each of its ranges. */
bool ranges_overlap(const struct ranges *r, const struct extent *e);
/* Add an untouched extent that doesn't overlap any. false: there is no room, or an end is here already. */
bool ranges_add(struct ranges *r, const struct extent *e);
/* The range of this page is no longer untouched. Needs RANGES_SPLIT entries of room if it was. */
void ranges_touch(struct ranges *r, tidal_gfn gfn);
/* Can ranges_lose() note one more page of this range? */
bool ranges_may_lose(const struct ranges *r, tidal_gfn gfn);
/* The page leaves this node (or enters the page table for good). Its range must be touched; with the
 * last of its pages it is gone. */
void ranges_lose(struct ranges *r, tidal_gfn gfn);
/* A dormant page of this node needs no entry in the page table any more. Needs RANGES_SPLIT entries of
 * room; false: there is no mask left, or its range is untouched. Epochs of the range's pages may grow, never shrink. */
bool ranges_gain(struct ranges *r, tidal_gfn gfn, uint64_t epoch);
/* Take out the untouched extent around this page: of that order, or as large as there is.
 * Needs RANGES_SPLIT entries of room; false: the range is touched, or not here. */
bool ranges_cut(struct ranges *r, tidal_gfn gfn, uint32_t order, struct extent *e);

/* Room for a split, and for *coming* extents that may arrive meanwhile? */
static inline bool ranges_room(const struct ranges *r, uint32_t coming)
{
	return table_room(&r->table, RANGES_SPLIT + coming);
}

#endif
