/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of frequently updated pages. */
#include "policy.h"

/* Index of a page, or h->used. */
static uint32_t find(const struct hot *h, tidal_gfn gfn)
{
	uint32_t i = 0;

	while (i < h->used && h->gfn[i] != gfn)
		i++;
	return i;
}

/* Halve all counts, and keep what is left of them. */
static void decay(struct hot *h)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->used; i++) {
		if (h->count[i] < 2)
			continue;
		h->gfn[kept] = h->gfn[i];
		h->count[kept++] = h->count[i] / 2;
	}
	for (uint32_t i = kept; i < h->used; i++) {
		h->gfn[i] = 0;
		h->count[i] = 0;
	}
	h->used = kept;
	h->since = 0;
}

/* A page that is not in the full table stalled. */
static void wear(struct hot *h, tidal_gfn gfn)
{
	uint32_t weakest = 0;

	for (uint32_t i = 1; i < HOT_PAGES; i++)
		if (h->count[i] <= h->count[weakest])
			weakest = i;
	if (--h->count[weakest] > 0)
		return;
	h->gfn[weakest] = gfn;
	h->count[weakest] = 1;
}

void hot_write_stall(struct hot *h, tidal_gfn gfn)
{
	uint32_t i = find(h, gfn);

	if (i < h->used) {
		h->count[i]++;
	} else if (i < HOT_PAGES) {
		h->gfn[i] = gfn;
		h->count[i] = 1;
		h->used++;
	} else {
		wear(h, gfn);
	}
	if (++h->since >= HOT_DECAY)
		decay(h);
}

unsigned hot_count(const struct hot *h, tidal_gfn gfn)
{
	uint32_t i = find(h, gfn);

	return i < h->used ? h->count[i] : 0;
}

unsigned hot_is(const struct hot *h, tidal_gfn gfn)
{
	return hot_count(h, gfn) >= HOT_MIN;
}
