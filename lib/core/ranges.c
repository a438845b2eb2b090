/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranges - see ranges.h. Layout of an entry:
 *	a: (first << 5 | order) + 1 (32 bits), number of the mask + 1 (31), touched (1)
 *	b: epoch
 */
#include "ranges.h"

#include "assert.h"
#include "bits.h"

#define ORDER_BITS 5
#define KEY_BITS 32
#define NEAR_BITS 3 /* the extents within 16 MiB are neighbours in the table, whatever their order */
#define TOUCHED (UINT64_C(1) << 63)

static uint64_t key_of(uint64_t first, uint32_t order)
{
	return (first << ORDER_BITS | order) + 1;
}

static uint64_t align(uint64_t range, uint32_t order)
{
	return range >> order << order;
}

static uint32_t mask_of(const struct entry *e)
{
	return (uint32_t)((e->a & ~TOUCHED) >> KEY_BITS);
}

static struct range_mask *masks_of(const struct ranges *r)
{
	return (struct range_mask *)((char *)(uintptr_t)r + r->masks);
}

void ranges_init(struct ranges *r, struct arena *a, uint32_t limit)
{
	uint32_t masks = limit; /* one for each: a range without would fill the page table */
	struct range_mask *m;

	/* room for a split beyond what the user asked for, so that small worlds work too */
	table_init_near(&r->table, a, limit + RANGES_SPLIT, KEY_BITS, ORDER_BITS + NEAR_BITS,
			NEAR_BITS);
	m = arena_take(a, (size_t)masks * sizeof(*m), 64);
	if (!a->base)
		return;
	r->masks = rel_to(r, m);
	r->masks_size = masks;
}

/* The entry that covers a range; touched ones are of order 0 and found first. */
static bool find(const struct ranges *r, uint64_t range, struct entry *e, uint32_t *order)
{
	if (table_get(&r->table, key_of(range, 0), e)) {
		*order = 0;
		return true;
	}
	for (uint32_t left = r->orders & ~1u; left; left &= left - 1) {
		uint32_t k = (uint32_t)__builtin_ctz(left);
		uint64_t first = align(range, k);

		if (r->of_order[k] == 1 && r->xor_of[k] != first)
			continue; /* most often there is just one, on the way to a range in use */
		if (table_get(&r->table, key_of(first, k), e)) {
			*order = k;
			return true;
		}
	}
	return false;
}

bool ranges_has(const struct ranges *r, tidal_gfn gfn, uint64_t *epoch, bool *untouched)
{
	uint32_t bit = gfn % TIDAL_RANGE_PAGES, order;
	struct entry e;

	if (!find(r, gfn >> TIDAL_RANGE_SHIFT, &e, &order))
		return false;
	if (mask_of(&e) && masks_of(r)[mask_of(&e) - 1].gone[bit / 64] >> (bit % 64) & 1)
		return false;
	*epoch = e.b;
	*untouched = !(e.a & TOUCHED);
	return true;
}

/* An untouched extent comes (1) or goes (-1). */
static void count(struct ranges *r, uint64_t first, uint32_t order, int by)
{
	r->of_order[order] += (uint32_t)by;
	r->xor_of[order] ^= first;
	if (r->of_order[order])
		r->orders |= 1u << order;
	else
		r->orders &= ~(1u << order);
}

static void put(struct ranges *r, uint64_t first, uint32_t order, uint64_t epoch)
{
	struct entry e = { .a = key_of(first, order), .b = epoch };
	bool stored = table_put(&r->table, &e);

	ASSERT(stored);
	count(r, first, order, 1);
}

bool ranges_overlap(const struct ranges *r, const struct extent *x)
{
	uint32_t order;
	struct entry e;

	for (uint64_t i = 0; i < UINT64_C(1) << x->order; i++)
		if (find(r, x->first + i, &e, &order))
			return true;
	return false;
}

bool ranges_add(struct ranges *r, const struct extent *e)
{
	uint64_t last = e->first + (UINT64_C(1) << e->order) - 1;
	uint32_t order;
	struct entry old;

	if (!table_room(&r->table, 1) || find(r, e->first, &old, &order) ||
	    find(r, last, &old, &order))
		return false;
	put(r, e->first, e->order, e->epoch);
	return true;
}

/* Split the untouched extent around *range* until one of *order* holds it; take that one out. */
static void carve(struct ranges *r, uint64_t range, uint32_t from, uint32_t order, uint64_t epoch)
{
	table_del(&r->table, key_of(align(range, from), from));
	count(r, align(range, from), from, -1);
	for (uint32_t k = from; k > order; k--) {
		uint64_t half = align(range, k - 1);

		put(r, half ^ UINT64_C(1) << (k - 1), k - 1, epoch);
	}
}

void ranges_touch(struct ranges *r, tidal_gfn gfn)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;
	uint32_t order;
	struct entry e;
	bool stored;

	if (!find(r, range, &e, &order) || e.a & TOUCHED)
		return;
	carve(r, range, order, 0, e.b);
	e.a = key_of(range, 0) | TOUCHED;
	stored = table_put(&r->table, &e);
	ASSERT(stored);
}

/* ---- masks: of a free one the first word is the number of the next + 1 ---- */

static bool mask_left(const struct ranges *r)
{
	return r->masks_free || r->masks_used < r->masks_size;
}

/* Give it one, with all its pages here or all gone. */
static struct range_mask *mask_take(struct ranges *r, struct entry *e, bool gone)
{
	uint32_t number = r->masks_free ? r->masks_free : ++r->masks_used;
	struct range_mask *m = &masks_of(r)[number - 1];

	if (r->masks_free)
		r->masks_free = (uint32_t)m->gone[0];
	memset(m, gone ? 0xff : 0, sizeof(*m));
	e->a |= (uint64_t)number << KEY_BITS;
	return m;
}

static void mask_give(struct ranges *r, uint32_t number)
{
	masks_of(r)[number - 1].gone[0] = r->masks_free;
	r->masks_free = number;
}

static bool all_gone(const struct range_mask *m)
{
	for (unsigned i = 0; i < TIDAL_RANGE_PAGES / 64; i++)
		if (~m->gone[i])
			return false;
	return true;
}

bool ranges_may_lose(const struct ranges *r, tidal_gfn gfn)
{
	uint32_t order;
	struct entry e;

	if (!find(r, gfn >> TIDAL_RANGE_SHIFT, &e, &order))
		return true;
	return mask_of(&e) != 0 || mask_left(r);
}

void ranges_lose(struct ranges *r, tidal_gfn gfn)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;
	uint32_t bit = gfn % TIDAL_RANGE_PAGES, order;
	struct range_mask *m;
	struct entry e;

	if (!find(r, range, &e, &order))
		return;
	ASSERT(e.a & TOUCHED);
	if (mask_of(&e) == 0) {
		ASSERT(mask_left(r));
		mask_take(r, &e, false);
		table_put(&r->table, &e);
	}
	m = &masks_of(r)[mask_of(&e) - 1];
	m->gone[bit / 64] |= UINT64_C(1) << (bit % 64);
	if (all_gone(m)) {
		mask_give(r, mask_of(&e));
		table_del(&r->table, key_of(range, 0));
	}
}

bool ranges_gain(struct ranges *r, tidal_gfn gfn, uint64_t epoch)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;
	uint32_t bit = gfn % TIDAL_RANGE_PAGES, order;
	struct entry e;

	if (!find(r, range, &e, &order)) {
		if (!mask_left(r))
			return false;
		e = (struct entry){ .a = key_of(range, 0) | TOUCHED, .b = epoch };
		mask_take(r, &e, true);
	}
	if (!(e.a & TOUCHED))
		return false;
	if (mask_of(&e))
		masks_of(r)[mask_of(&e) - 1].gone[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
	if (epoch_newer(epoch, e.b))
		e.b = epoch;
	table_put(&r->table, &e);
	return true;
}

bool ranges_cut(struct ranges *r, tidal_gfn gfn, uint32_t order, struct extent *out)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;
	uint32_t from;
	struct entry e;

	if (!find(r, range, &e, &from) || e.a & TOUCHED)
		return false;
	if (order > from)
		order = from;
	carve(r, range, from, order, e.b);
	*out = (struct extent){ align(range, order), order, e.b };
	return true;
}
