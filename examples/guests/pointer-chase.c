/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pointer-chase - a random cycle through pages that lie far apart; every hart follows it
 * once around, from a place of its own. The numbers of the pages that it saw must add up,
 * and it must be back where it began. Nothing is less local than this.
 */
#include "guest.h"

#define STOPS_MAX 512

struct stop {
	struct stop *next;
	uint64_t number;
};

/* A permutation with a single cycle (Sattolo's algorithm). */
static void shuffle(uint32_t *order, uint32_t n)
{
	uint64_t seed = n;

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(guest_random(&seed) % i), swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
}

static struct stop *place(const struct guest *g, uint64_t stride, uint64_t i)
{
	return (struct stop *)(g->free + i * stride);
}

static uint64_t chase(const struct stop *start, uint64_t *steps)
{
	const struct stop *at = start;
	uint64_t sum = 0;

	do {
		sum += at->number;
		at = at->next;
		(*steps)++;
	} while (at != start && *steps <= STOPS_MAX);
	return sum;
}

int guest_main(struct guest *g)
{
	uint32_t *order = guest_take(g, STOPS_MAX * sizeof(*order));
	struct stop *probe = guest_take(g, 0);
	uint64_t pages = (g->ram - (uint64_t)probe) / GUEST_PAGE, steps = 0, first, end, sum;
	uint32_t stops = pages < STOPS_MAX ? (uint32_t)pages : STOPS_MAX;
	uint64_t stride;
	struct guest_line line = { 0 };

	if (stops < 2)
		guest_fail("pointer-chase", "not enough memory for a cycle: give the guest more RAM");
	stride = pages / stops * GUEST_PAGE;
	if (g->hart == 0)
		shuffle(order, stops);
	guest_barrier(g);
	guest_share(g, stops, &first, &end);
	for (uint64_t i = first; i < end; i++)
		*place(g, stride, i) = (struct stop){ place(g, stride, order[i]), i };
	guest_barrier(g);
	sum = chase(place(g, stride, first % stops), &steps);
	if (steps != stops || sum != (uint64_t)stops * (stops - 1) / 2)
		guest_fail("pointer-chase", "the cycle is broken");
	guest_barrier(g);
	if (g->hart == 0) {
		guest_number(&line, g->harts);
		guest_text(&line, " harts followed ");
		guest_number(&line, steps);
		guest_text(&line, " pointers, sum ");
		guest_number(&line, sum);
		guest_print(&line);
	}
	return 0;
}
