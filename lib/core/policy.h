/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy - turns weights into tables, and answers page-or-vCPU with them.
 *
 * A weight and its exponent become a table of 257 costs when they change (no pow(), no
 * floating point: integer roots), so that a decision is a dozen loads and adds.
 */
#ifndef TIDAL_CORE_POLICY_H
#define TIDAL_CORE_POLICY_H

#include <tidal/policy.h>

#include "arena.h"

#define POLICY_WEIGHTS 16
#define POLICY_FACTOR_MAX 256 /* factors beyond count as this many units */
/* A single cost is within +-COST_MAX, so that sums of all of them can't overflow. */
#define POLICY_COST_MAX ((int64_t)1 << 58)

/* The compiled weights: what the `weights` argument of the built-in functions points to. */
struct policy_tables {
	/* cost[i][f]: weight i at factor f, f in 0..256 units (see the units in policy.c) */
	int64_t cost[POLICY_WEIGHTS][POLICY_FACTOR_MAX + 1];
};

/* Compile. *w must have passed tidal_weights_check(); NULL: the defaults. */
void policy_compile(struct policy_tables *t, const struct tidal_weights *w);

/*
 * hot - the frequently updated pages: a small table of the pages with the most write
 * stalls. An entry is replaced when another page is observed to stall more often (each write stall
 * of an absent page wears the weakest entry down by one; at zero it is replaced). All counts
 * are halved every HOT_DECAY write stalls, so that old fame fades.
 *
 * Zero is an empty table; without padding, so that its bytes can be hashed. Of two that
 * are equally weak the one further down is worn, so equal histories give equal tables. A byte
 * of each page's hash (0: no page) lets eight be compared at a time.
 */
#define HOT_PAGES 64
#define HOT_MIN 8 /* write stalls before a page counts as hot */
#define HOT_DECAY 1024
struct hot {
	tidal_gfn gfn[HOT_PAGES]; /* page i < used */
	uint32_t count[HOT_PAGES];
	uint8_t tag[HOT_PAGES];
	uint16_t used;
	uint16_t weakest; /* place of the entry to be worn + 1; 0: to be searched */
	uint32_t since; /* write stalls since the last halving */
};
void hot_write_stall(struct hot *h, tidal_gfn gfn);
/* 1: frequently updated. */
unsigned hot_is(const struct hot *h, tidal_gfn gfn);
/* Write stalls counted for this page, 0 if it is not in the table. */
unsigned hot_count(const struct hot *h, tidal_gfn gfn);

#endif
