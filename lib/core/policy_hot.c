/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of frequently updated pages. */
#include "policy.h"

#include "le.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)

static uint8_t tag_of(tidal_gfn gfn)
{
	uint8_t tag = (uint8_t)(gfn * 0x9e3779b97f4a7c15u >> 56);

	return tag ? tag : 1;
}

/* Index of a page, or h->used. */
static uint32_t find(const struct hot *h, tidal_gfn gfn)
{
	uint64_t pattern = tag_of(gfn) * EACH_BYTE;

	for (uint32_t i = 0; i < h->used; i += 8) {
		uint64_t differ = le_get64(&h->tag[i]) ^ pattern;
		/* the high bit of every byte that is zero, and perhaps of some above one */
		uint64_t same = (differ - EACH_BYTE) & ~differ & EACH_BYTE << 7;

		for (; same; same &= same - 1) {
			uint32_t at = i + (uint32_t)__builtin_ctzll(same) / 8;

			if (h->gfn[at] == gfn && at < h->used)
				return at;
		}
	}
	return h->used;
}

static void set(struct hot *h, uint32_t i, tidal_gfn gfn, uint32_t count)
{
	h->gfn[i] = gfn;
	h->count[i] = count;
	h->tag[i] = count ? tag_of(gfn) : 0;
}

/* Halve all counts, and keep what is left of them. */
static void decay(struct hot *h)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->used; i++) {
		if (h->count[i] < 2)
			continue;
		set(h, kept++, h->gfn[i], h->count[i] / 2);
	}
	for (uint32_t i = kept; i < h->used; i++)
		set(h, i, 0, 0);
	h->used = (uint16_t)kept;
	h->since = 0;
	h->weakest = 0;
}

static uint32_t find_weakest(const struct hot *h)
{
	uint32_t weakest = 0;

	for (uint32_t i = 1; i < HOT_PAGES; i++)
		if (h->count[i] <= h->count[weakest])
			weakest = i;
	return weakest;
}

/* A page that is not in the full table stalled. Until its own count grows, or all are halved, the
 * weakest stays the weakest. */
static void wear(struct hot *h, tidal_gfn gfn)
{
	uint32_t i;

	if (!h->weakest)
		h->weakest = (uint16_t)(find_weakest(h) + 1);
	i = h->weakest - 1u;
	if (--h->count[i] == 0)
		set(h, i, gfn, 1);
}

void hot_write_stall(struct hot *h, tidal_gfn gfn)
{
	uint32_t i = find(h, gfn);

	if (i < h->used) {
		h->count[i]++;
		if (i + 1 == h->weakest)
			h->weakest = 0;
	} else if (i < HOT_PAGES) {
		set(h, i, gfn, 1);
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
