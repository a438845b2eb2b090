/* SPDX-License-Identifier: BSD-3-Clause */
/* world_things - what will happen, by time; at equal times in the order of scheduling. */
#include "world_inside.h"

#include <stdlib.h>

static bool before(const struct thing *a, const struct thing *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void thing_schedule(struct world *w, struct thing *t, tidal_time at)
{
	size_t i = w->count++;

	t->at = at;
	t->order = w->order++;
	if (w->count > w->room) {
		w->room = w->room ? w->room * 2 : 64;
		w->heap = realloc(w->heap, w->room * sizeof(*w->heap));
	}
	for (; i > 0 && before(t, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = t;
}

struct thing *thing_first(struct world *w)
{
	struct thing *first = w->heap[0], *last = w->heap[--w->count];
	size_t i = 0;

	while (2 * i + 1 < w->count) {
		size_t kid = 2 * i + 1;

		if (kid + 1 < w->count && before(w->heap[kid + 1], w->heap[kid]))
			kid++;
		if (!before(w->heap[kid], last))
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = last;
	return first;
}

struct thing *thing_new(uint8_t kind, unsigned node)
{
	struct thing *t = calloc(1, sizeof(*t));

	t->kind = kind;
	t->node = (uint16_t)node;
	return t;
}

void thing_forget(struct thing *t)
{
	free(t->state);
	free(t);
}
