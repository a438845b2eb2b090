/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap - see bitmap.h. */
#include "bitmap.h"

#include "assert.h"

static uint64_t *words_of(const struct bitmap *b, uint32_t level)
{
	return (uint64_t *)((char *)(uintptr_t)b + b->words[level]);
}

void bitmap_init(struct bitmap *b, struct arena *a, uint32_t size)
{
	uint32_t level = 0;

	do {
		uint32_t words = size / 64 + (size % 64 != 0);
		uint64_t *w = arena_take(a, (size_t)words * sizeof(*w), 64);

		if (a->base)
			b->words[level] = rel_to(b, w);
		size = words;
		level++;
	} while (size > 1);
	if (a->base)
		b->levels = level;
}

bool bitmap_has(const struct bitmap *b, uint32_t n)
{
	return words_of(b, 0)[n / 64] >> (n % 64) & 1;
}

void bitmap_put(struct bitmap *b, uint32_t n)
{
	ASSERT(!bitmap_has(b, n));
	b->count++;
	for (uint32_t level = 0; level < b->levels; level++, n /= 64) {
		uint64_t *w = &words_of(b, level)[n / 64], before = *w;

		*w |= UINT64_C(1) << (n % 64);
		if (before)
			break; /* those above know that it isn't empty */
	}
}

static void delete(struct bitmap *b, uint32_t n)
{
	for (uint32_t level = 0; level < b->levels; level++, n /= 64) {
		uint64_t *w = &words_of(b, level)[n / 64];

		*w &= ~(UINT64_C(1) << (n % 64));
		if (*w)
			break;
	}
}

/* The lowest member of one that isn't empty. */
static uint32_t lowest(const struct bitmap *b)
{
	uint32_t n = 0;

	for (uint32_t level = b->levels; level-- > 0;)
		n = n * 64 + (uint32_t)__builtin_ctzll(words_of(b, level)[n]);
	return n;
}

uint32_t bitmap_take(struct bitmap *b)
{
	uint32_t n;

	if (b->count == 0)
		return BITMAP_NONE;
	n = lowest(b);
	delete(b, n);
	b->count--;
	return n;
}

uint32_t bitmap_take_some(struct bitmap *b, uint32_t most, uint64_t *mask)
{
	uint32_t first, taken = 0;

	if (b->count == 0)
		return BITMAP_NONE;
	first = lowest(b);
	*mask = 0;
	for (uint64_t word = words_of(b, 0)[first / 64]; word && taken < most; word &= word - 1) {
		uint32_t n = first / 64 * 64 + (uint32_t)__builtin_ctzll(word);

		*mask |= UINT64_C(1) << (n - first);
		delete(b, n);
		taken++;
	}
	b->count -= taken;
	return first;
}

uint32_t bitmap_take_row(struct bitmap *b, uint32_t most, uint32_t *taken)
{
	uint32_t first, n = 0;

	*taken = 0;
	if (b->count == 0)
		return BITMAP_NONE;
	first = lowest(b);
	for (uint64_t w = words_of(b, 0)[first / 64] >> first % 64; w & 1 && n < most; w >>= 1)
		delete(b, first + n++);
	b->count -= n;
	*taken = n;
	return first;
}
