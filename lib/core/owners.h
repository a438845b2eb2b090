/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owners - where pages of other nodes probably are: the current resource map of pages.
 *
 * Three kinds of knowledge, by quality:
 *	- as *home* of a range (hash of the range over the members) this node records the owner
 *	  of each page that isn't at its range's default owner, and the default owner of each range
 *	  that isn't where the initial map put it. Never forgotten; at most one update behind.
 *	- *hints*: small lossy caches of what passed by (whom a page was given to, who answered).
 *	- the *initial map*: who owned what at start.
 * All have epochs; the newest wins. Hints may be wrong: a request that follows one goes on from there.
 */
#ifndef TIDAL_CORE_OWNERS_H
#define TIDAL_CORE_OWNERS_H

#include <tidal/vmap.h>

#include "table.h"

struct owners {
	struct table pages, ranges; /* as home */
	uint32_t of_order[TIDAL_ORDER_MAX + 1];
	rel hints, range_hints; /* struct entry; direct-mapped */
	uint32_t hints_size, range_hints_size;
	bool large_hints; /* there was one of a GiB */
	uint16_t nodes, self;
	uint64_t overflow; /* records that found no room as home: found again by asking everybody */
};

/* An owner and how new that knowledge is. */
struct whereabouts {
	tidal_nodeid node; /* NONE: nothing known */
	uint64_t epoch;
};

struct owners_config {
	uint32_t homes, hints;
	uint16_t nodes, self;
};

void owners_init(struct owners *o, struct arena *a, const struct owners_config *config);

/* The home of the range of this page. */
tidal_nodeid owners_home(const struct owners *o, tidal_gfn gfn);

/* As home: note the owner of a page, or of an extent. Older news than known is ignored.
 * false: no room. */
bool owners_note_page(struct owners *o, tidal_gfn gfn, struct whereabouts w);
bool owners_note_extent(struct owners *o, uint64_t first, uint32_t order, struct whereabouts w);

/* Remember in passing. Older news than what the cache has of the same page is ignored. */
void owners_hint_page(struct owners *o, tidal_gfn gfn, struct whereabouts w);
void owners_hint_extent(struct owners *o, uint64_t first, uint32_t order, struct whereabouts w);

/* What the caches say of this page: the newest of page and range hints. */
struct whereabouts owners_hinted(const struct owners *o, tidal_gfn gfn);
/* What this node, as home, has recorded; node NONE: nothing, see the initial map. */
struct whereabouts owners_recorded(const struct owners *o, tidal_gfn gfn);

#endif
