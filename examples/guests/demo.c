/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * demo - a guest that shows what it is: one machine, with all harts and all memory that it
 * was promised, whatever lies below.
 */
#include "guest.h"
#include "words.h"

#define FAR_PAGES 64
#define ADDITIONS 64

static GUEST_PAGE_ALIGNED struct words total;
static GUEST_PAGE_ALIGNED uint64_t additions;

static void say_hello(const struct guest *g)
{
	struct guest_line line = { 0 };

	guest_text(&line, "I am one machine with ");
	guest_number(&line, g->harts);
	guest_text(&line, " harts and ");
	guest_size(&line, g->ram);
	guest_text(&line, " of memory.");
	guest_print(&line);
}

static void count_input(const struct guest *g)
{
	struct guest_line line = { 0 };
	struct words mine;
	uint64_t first, end;

	guest_share(g, g->len, &first, &end);
	mine = words_count(g->input, first, end);
	__atomic_fetch_add(&total.lines, mine.lines, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total.words, mine.words, __ATOMIC_RELAXED);
	guest_barrier(g);
	if (g->hart != 0)
		return;
	guest_text(&line, "My input has ");
	guest_number(&line, total.lines);
	guest_text(&line, " lines, ");
	guest_number(&line, total.words);
	guest_text(&line, " words and ");
	guest_number(&line, g->len);
	guest_text(&line, " bytes.");
	guest_print(&line);
}

/* Pages spread over all memory: each hart writes some and reads those of the next hart. */
static void use_far_memory(const struct guest *g)
{
	uint64_t stride = (g->ram - g->free) / FAR_PAGES / GUEST_PAGE * GUEST_PAGE;
	struct guest_line line = { 0 };

	for (uint64_t i = g->hart; i < FAR_PAGES; i += g->harts) {
		volatile uint64_t *page = (volatile uint64_t *)(g->free + i * stride);

		if (*page != 0)
			guest_fail("demo", "fresh memory is not zero");
		*page = i + 1;
	}
	guest_barrier(g);
	for (uint64_t i = (g->hart + 1) % g->harts; i < FAR_PAGES; i += g->harts)
		if (*(volatile uint64_t *)(g->free + i * stride) != i + 1)
			guest_fail("demo", "memory does not read as it was written");
	guest_barrier(g);
	if (g->hart != 0)
		return;
	guest_number(&line, FAR_PAGES);
	guest_text(&line, " pages, one every ");
	guest_number(&line, stride >> 20);
	guest_text(&line, " MiB, were zero, and keep what I write.");
	guest_print(&line);
}

static void add_together(const struct guest *g)
{
	struct guest_line line = { 0 };

	for (unsigned i = 0; i < ADDITIONS; i++)
		__atomic_fetch_add(&additions, 1, __ATOMIC_RELAXED);
	guest_barrier(g);
	if (additions != (uint64_t)g->harts * ADDITIONS)
		guest_fail("demo", "an addition got lost");
	if (g->hart != 0)
		return;
	guest_text(&line, "My harts added 1 to the same word ");
	guest_number(&line, additions);
	guest_text(&line, " times; none got lost.");
	guest_print(&line);
}

int guest_main(struct guest *g)
{
	if (g->ram < (uint64_t)1 << 30)
		guest_fail("demo", "give me at least 1 GiB of RAM");
	if (g->hart == 0)
		say_hello(g);
	count_input(g);
	use_far_memory(g);
	add_together(g);
	return 0;
}
