/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * snapshots - see snapshots.h. Memory is a row of lines; most never change, so that only lines
 * that differed from the first state at some time are looked at when one is restored. Of a line
 * that differs a snapshot keeps the words that do.
 */
#include "snapshots.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 8 /* of a line */
#define LINE (WORDS * sizeof(uint64_t))
#define BLOCK 8 /* lines that are compared together while none of them has ever differed */

struct snapshot {
	uint32_t lines, words;
	uint64_t word[]; /* for each line its number << 8 and a bit for each word that follows */
};

struct snapshots {
	struct memory memory;
	uint64_t *now, *first;
	uint32_t *changed; /* numbers of the lines that ever differed */
	unsigned char *ever; /* line differed at some time; 2: constant. One more for each block */
	uint64_t *packed;  /* room to put one together */
	size_t lines, changes;
	bool looked; /* nothing has changed since look() */
};

static void *need(void *p)
{
	if (!p)
		exit(99);
	return p;
}

/* Whole blocks inside the constant parts need not be looked at. */
static void note_constants(struct snapshots *x)
{
	const size_t block = BLOCK * LINE;

	for (unsigned i = 0; i < CONSTANTS; i++) {
		const struct constant *c = &x->memory.constant[i];

		size_t end = (c->at + c->bytes) / block;

		for (size_t b = (c->at + block - 1) / block; b < end; b++)
			x->ever[x->lines + b] = 2;
	}
}

struct snapshots *snapshots_open(const struct memory *m)
{
	struct snapshots *x = need(calloc(1, sizeof(*x)));

	x->memory = *m;
	x->now = (uint64_t *)(void *)m->at;
	x->lines = m->bytes / LINE / BLOCK * BLOCK;
	x->first = need(malloc(m->bytes));
	x->changed = need(calloc(x->lines, sizeof(*x->changed)));
	x->ever = need(calloc(x->lines + x->lines / BLOCK, 1));
	x->packed = need(malloc(x->lines * (WORDS + 1) * sizeof(uint64_t)));
	memcpy(x->first, m->at, m->bytes);
	note_constants(x);
	return x;
}

bool snapshots_close(struct snapshots *x)
{
	const unsigned char *first = (const unsigned char *)x->first;
	bool ok = true;

	for (unsigned i = 0; i < CONSTANTS; i++) {
		const struct constant *c = &x->memory.constant[i];

		ok = ok && !memcmp(x->memory.at + c->at, first + c->at, c->bytes);
	}
	free(x->first);
	free(x->changed);
	free(x->ever);
	free(x->packed);
	free(x);
	return ok;
}

/* A bit for each word that differs. */
static unsigned differs(const struct snapshots *x, size_t line)
{
	const uint64_t *a = x->now + line * WORDS, *b = x->first + line * WORDS;
	unsigned mask = 0;

	for (unsigned i = 0; i < WORDS; i++)
		mask |= (unsigned)(a[i] != b[i]) << i;
	return mask;
}

/* The same as a question only, which is faster. */
static bool is_first(const struct snapshots *x, size_t line)
{
	const uint64_t *a = x->now + line * WORDS, *b = x->first + line * WORDS;
	uint64_t d = 0;

	for (unsigned i = 0; i < WORDS; i++)
		d |= a[i] ^ b[i];
	return d == 0;
}

static void look_at(struct snapshots *x, size_t line)
{
	if (x->ever[line] || is_first(x, line))
		return;
	x->ever[line] = 1;
	x->ever[x->lines + line / BLOCK] = 1;
	x->changed[x->changes++] = (uint32_t)line;
}

/* Find lines that differ for the first time. */
static void look(struct snapshots *x)
{
	for (size_t block = 0; block < x->lines; block += BLOCK) {
		unsigned char ever = x->ever[x->lines + block / BLOCK];

		if (ever == 2 || (!ever && !memcmp(x->now + block * WORDS, x->first + block * WORDS,
						   BLOCK * LINE)))
			continue;
		for (size_t i = block; i < block + BLOCK; i++)
			look_at(x, i);
	}
}

static uint32_t pack(struct snapshots *x, size_t line, unsigned mask, uint32_t at)
{
	x->packed[at++] = (uint64_t)line << 8 | mask;
	for (; mask; mask &= mask - 1)
		x->packed[at++] = x->now[line * WORDS + (unsigned)__builtin_ctz(mask)];
	return at;
}

static size_t size_of(const struct snapshot *s)
{
	return sizeof(*s) + s->words * sizeof(s->word[0]);
}

void *snapshot_take(struct snapshots *x, size_t *bytes)
{
	struct snapshot *s;
	uint32_t lines = 0, words = 0;

	look(x);
	x->looked = true;
	for (size_t i = 0; i < x->changes; i++) {
		unsigned mask;

		if (is_first(x, x->changed[i]))
			continue;
		mask = differs(x, x->changed[i]);
		words = pack(x, x->changed[i], mask, words);
		lines++;
	}
	s = need(malloc(sizeof(*s) + words * sizeof(s->word[0])));
	s->lines = lines;
	s->words = words;
	memcpy(s->word, x->packed, words * sizeof(s->word[0]));
	*bytes += size_of(s);
	return s;
}

void snapshot_first(struct snapshots *x)
{
	if (!x->looked)
		look(x);
	x->looked = false;
	for (size_t i = 0; i < x->changes; i++)
		memcpy(x->now + (size_t)x->changed[i] * WORDS,
		       x->first + (size_t)x->changed[i] * WORDS, LINE);
}

void snapshot_restore(struct snapshots *x, const void *snapshot)
{
	const struct snapshot *s = snapshot;
	const uint64_t *word = s->word;

	snapshot_first(x);
	for (uint32_t i = 0; i < s->lines; i++) {
		uint64_t *line = x->now + (*word >> 8) * WORDS;

		for (unsigned mask = *word++ & 0xff; mask; mask &= mask - 1)
			line[(unsigned)__builtin_ctz(mask)] = *word++;
	}
}

size_t snapshot_free(void *snapshot)
{
	size_t bytes = size_of(snapshot);

	free(snapshot);
	return bytes;
}
