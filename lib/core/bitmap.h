/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bitmap - a set of the numbers 0 .. size - 1, at little more than a bit each, that gives up a
 * member in a few steps: over the words of bits lie words that say which of them have any,
 * and so on up to a single word.
 */
#ifndef TIDAL_CORE_BITMAP_H
#define TIDAL_CORE_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define BITMAP_LEVELS 6	    /* 64^6 > 2^32 */
#define BITMAP_NONE UINT32_MAX

struct bitmap {
	uint32_t count;
	uint32_t levels;
	rel words[BITMAP_LEVELS]; /* [0]: the members; [i + 1]: which words of [i] are not 0 */
};

void bitmap_init(struct bitmap *b, struct arena *a, uint32_t size);
bool bitmap_has(const struct bitmap *b, uint32_t n);
/* Put in a number that isn't a member. */
void bitmap_put(struct bitmap *b, uint32_t n);
/* Take any member out; NONE: there is none. */
uint32_t bitmap_take(struct bitmap *b);
/*
 * Take out up to *most* (1 .. 64) members of one word: the first of them is returned, and bit i of
 * *mask* stands for the first + i; NONE: there are none.
 */
uint32_t bitmap_take_some(struct bitmap *b, uint32_t most, uint64_t *mask);
/* Take out up to *most* (1 or more) numbers of one word in a row: the first, and *taken*. NONE: none. */
uint32_t bitmap_take_row(struct bitmap *b, uint32_t most, uint32_t *taken);

#endif
