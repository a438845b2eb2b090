/* SPDX-License-Identifier: BSD-3-Clause */
/* space_quiet - can it always become quiet? See space.h. */
#include <stdlib.h>

#include "space.h"

static void *need(void *p)
{
	if (!p)
		exit(99);
	return p;
}

uint32_t space_quiet(const struct space *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->states; i++)
		n += x->state[i].quiet;
	return n;
}

static uint32_t edges_end(const struct space *x, uint32_t state)
{
	return state + 1 < x->expanded ? x->state[state + 1].edges : x->edges;
}

/* The graph backwards: from[first[s]] .. from[first[s + 1] - 1] are where the edges to s begin. */
static void reverse(const struct space *x, uint32_t *first, uint32_t *from)
{
	for (uint32_t i = 0; i < x->edges; i++)
		first[x->edge[i]]++;
	for (uint32_t i = 0, sum = 0; i <= x->states; i++)
		first[i] = sum += first[i];
	for (uint32_t s = 0; s < x->expanded; s++)
		for (uint32_t i = x->state[s].edges; i < edges_end(x, s); i++)
			from[--first[x->edge[i]]] = s;
}

uint32_t space_stuck(const struct space *x, uint32_t *example)
{
	uint32_t *first = need(calloc((size_t)x->states + 1, sizeof(*first)));
	uint32_t *from = need(malloc(((size_t)x->edges + 1) * sizeof(*from)));
	uint32_t *queue = need(malloc(((size_t)x->states + 1) * sizeof(*queue)));
	bool *good = need(calloc((size_t)x->states + 1, 1));
	uint32_t head = 0, tail = 0;

	reverse(x, first, from);
	for (uint32_t i = 0; i < x->states; i++) {
		good[i] = x->state[i].quiet || i >= x->expanded;
		if (good[i])
			queue[tail++] = i;
	}
	while (head < tail) {
		uint32_t to = queue[head++];

		for (uint32_t k = first[to]; k < first[to + 1]; k++)
			if (!good[from[k]]) {
				good[from[k]] = true;
				queue[tail++] = from[k];
			}
	}
	for (uint32_t i = x->states; i-- > 0;)
		if (!good[i])
			*example = i;
	free(first);
	free(from);
	free(queue);
	free(good);
	return x->states - tail;
}

/* NULL: it became quiet. */
static const char *drain_one(struct space *x, uint32_t i, unsigned steps)
{
	struct step step;
	unsigned questions;

	snapshot_restore(x->snapshots, x->state[i].snapshot);
	for (unsigned n = 0; n < steps && !x->ops->is_quiet(x->subject); n++) {
		const char *why;

		if (!x->ops->drain(x->subject, &step))
			return "a fair way ends before all is quiet";
		(void)x->ops->take(x->subject, &step, &questions); /* not now: another is next */
		why = x->ops->trouble(x->subject);
		if (!why)
			why = x->ops->violation(x->subject);
		if (why)
			return why;
	}
	return x->ops->is_quiet(x->subject) ? NULL : "a fair way does not become quiet";
}

uint32_t space_drain(struct space *x, uint32_t most, unsigned steps)
{
	uint32_t left = x->states - x->expanded, stride = left / (most + 1) + 1, n = 0;

	for (uint32_t i = x->expanded; i < x->states && !x->found; i += stride, n++) {
		x->found = drain_one(x, i, steps);
		x->at = i;
		x->by_step = false;
	}
	return n;
}
