/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * snapshots - see snapshots.h. Memory is a row of lines; most never change, so that only lines
 * that differed from the first state at some time are looked at when one is restored.
 */
#include "snapshots.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "small.h"

#define LINE 64
#define BLOCK 16 /* lines that are compared together while none of them has ever differed */

struct line {
	uint32_t number;
	unsigned char bytes[LINE];
};

struct snapshot {
	size_t lines;
	struct line line[];
};

struct snapshots {
	unsigned char *memory, *first;
	uint32_t *changed; /* numbers of the lines that ever differed */
	unsigned char *ever; /* line differed at some time; one more for each block */
	size_t lines, changes;
};

static void *need(void *p)
{
	if (!p)
		exit(99);
	return p;
}

struct snapshots *snapshots_open(struct small *s)
{
	struct snapshots *x = need(calloc(1, sizeof(*x)));
	size_t bytes;

	x->memory = small_memory(s, &bytes);
	x->lines = bytes / LINE / BLOCK * BLOCK; /* small_open() rounds up */
	x->first = need(malloc(bytes));
	x->changed = need(calloc(x->lines, sizeof(*x->changed)));
	x->ever = need(calloc(x->lines + x->lines / BLOCK, 1));
	memcpy(x->first, x->memory, bytes);
	return x;
}

void snapshots_close(struct snapshots *x)
{
	free(x->first);
	free(x->changed);
	free(x->ever);
	free(x);
}

static int differs(const struct snapshots *x, size_t line)
{
	const uint64_t *a = (const uint64_t *)(const void *)(x->memory + line * LINE);
	const uint64_t *b = (const uint64_t *)(const void *)(x->first + line * LINE);
	uint64_t d = 0;

	for (unsigned i = 0; i < LINE / 8; i++)
		d |= a[i] ^ b[i];
	return d != 0;
}

static void look_at(struct snapshots *x, size_t line)
{
	if (x->ever[line] || !differs(x, line))
		return;
	x->ever[line] = 1;
	x->ever[x->lines + line / BLOCK] = 1;
	x->changed[x->changes++] = (uint32_t)line;
}

/* Find lines that differ for the first time. */
static void look(struct snapshots *x)
{
	for (size_t block = 0; block < x->lines; block += BLOCK) {
		if (!x->ever[x->lines + block / BLOCK] &&
		    !memcmp(x->memory + block * LINE, x->first + block * LINE, BLOCK * LINE))
			continue;
		for (size_t i = block; i < block + BLOCK; i++)
			look_at(x, i);
	}
}

void *snapshot_take(struct snapshots *x, size_t *bytes)
{
	struct snapshot *s;
	size_t n = 0;

	look(x);
	for (size_t i = 0; i < x->changes; i++)
		n += (size_t)differs(x, x->changed[i]);
	s = need(malloc(sizeof(*s) + n * sizeof(s->line[0])));
	s->lines = 0;
	for (size_t i = 0; i < x->changes; i++) {
		struct line *line = &s->line[s->lines];

		if (!differs(x, x->changed[i]))
			continue;
		line->number = x->changed[i];
		memcpy(line->bytes, x->memory + (size_t)line->number * LINE, LINE);
		s->lines++;
	}
	*bytes += sizeof(*s) + n * sizeof(s->line[0]);
	return s;
}

void snapshot_first(struct snapshots *x)
{
	look(x);
	for (size_t i = 0; i < x->changes; i++)
		memcpy(x->memory + (size_t)x->changed[i] * LINE,
		       x->first + (size_t)x->changed[i] * LINE, LINE);
}

void snapshot_restore(struct snapshots *x, const void *snapshot)
{
	const struct snapshot *s = snapshot;

	snapshot_first(x);
	for (size_t i = 0; i < s->lines; i++)
		memcpy(x->memory + (size_t)s->line[i].number * LINE, s->line[i].bytes, LINE);
}

size_t snapshot_free(void *snapshot)
{
	const struct snapshot *s = snapshot;
	size_t bytes = sizeof(*s) + s->lines * sizeof(s->line[0]);

	free(snapshot);
	return bytes;
}
