/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * touch - uses a page here and there in all of memory, however much of it there is. Every
 * page must read as zero at first, then as what was written, then (every fourth, after
 * one instruction zeroed it) as zero again. Each step checks pages that another hart wrote.
 */
#include "guest.h"

#define PAGES_MAX 256
#define WORDS (GUEST_PAGE / sizeof(uint64_t))

struct plan {
	uint64_t first, end; /* this hart's pages, by number */
	uint64_t pages, stride;
};

static uint64_t *page(const struct guest *g, const struct plan *plan, uint64_t i)
{
	return (uint64_t *)(g->free + i * plan->stride);
}

static int is_zero(const uint64_t *words)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < WORDS; i++)
		any |= words[i];
	return any == 0;
}

static uint64_t word(uint64_t number, unsigned i)
{
	return (number << 16 | i) * 0x9e3779b97f4a7c15u;
}

static void write_page(uint64_t *words, uint64_t number)
{
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = word(number, i);
}

static int is_written(const uint64_t *words, uint64_t number)
{
	uint64_t differ = 0;

	for (unsigned i = 0; i < WORDS; i++)
		differ |= words[i] ^ word(number, i);
	return differ == 0;
}

static void plan_pages(const struct guest *g, struct plan *plan)
{
	uint64_t pages = (g->ram - g->free) / GUEST_PAGE;

	plan->pages = pages < PAGES_MAX ? pages : PAGES_MAX;
	if (plan->pages == 0)
		guest_fail("touch", "not enough memory: give the guest more RAM");
	plan->stride = pages / plan->pages * GUEST_PAGE;
	guest_share(g, plan->pages, &plan->first, &plan->end);
}

/* The share of the next hart. */
static struct plan neighbour(const struct guest *g, const struct plan *plan)
{
	struct plan other = *plan;
	struct guest next = *g;

	next.hart = (g->hart + 1) % g->harts;
	guest_share(&next, plan->pages, &other.first, &other.end);
	return other;
}

static void report(const struct guest *g, const struct plan *plan)
{
	struct guest_line line = { 0 };

	guest_number(&line, plan->pages);
	guest_text(&line, " pages touched, one every ");
	guest_size(&line, plan->stride);
	guest_text(&line, ", in ");
	guest_size(&line, g->ram);
	guest_print(&line);
}

int guest_main(struct guest *g)
{
	struct plan mine, next;

	(void)guest_take(g, 0); /* ends the guest if not even the stacks have room */
	plan_pages(g, &mine);
	next = neighbour(g, &mine);
	for (uint64_t i = mine.first; i < mine.end; i++)
		if (!is_zero(page(g, &mine, i)))
			guest_fail("touch", "fresh memory is not zero");
	guest_barrier(g);
	for (uint64_t i = next.first; i < next.end; i++)
		write_page(page(g, &mine, i), i);
	guest_barrier(g);
	for (uint64_t i = mine.first; i < mine.end; i++)
		if (!is_written(page(g, &mine, i), i))
			guest_fail("touch", "memory does not read as it was written");
	guest_barrier(g);
	for (uint64_t i = next.first; i < next.end; i++)
		if (i % 4 == 0)
			guest_zero_page(page(g, &mine, i));
	guest_barrier(g);
	for (uint64_t i = mine.first; i < mine.end; i++)
		if (i % 4 == 0 ? !is_zero(page(g, &mine, i)) : !is_written(page(g, &mine, i), i))
			guest_fail("touch", "zeroing a page went wrong");
	guest_barrier(g);
	if (g->hart == 0)
		report(g, &mine);
	return 0;
}
