/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * space_audit - do states with the same digest have the same future? Of states that were met again,
 * in other clothes, some are expanded once more: what follows must be what followed the first, one
 * step on, and they must be as quiet and as sound. When all are, digests are exact in this world:
 * a bisimulation. See space.h.
 */
#include <stdlib.h>
#include <string.h>

#include "space.h"

/* To which states something leads. */
struct targets {
	uint32_t *to;
	uint32_t n, room;
};

static void add(struct targets *t, uint32_t to)
{
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->to = realloc(t->to, t->room * sizeof(*t->to));
		if (!t->to)
			exit(99);
	}
	t->to[t->n++] = to;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Ascending, each once. */
static void sort(struct targets *t)
{
	uint32_t n = 0;

	if (t->n)
		qsort(t->to, t->n, sizeof(*t->to), by_number);
	for (uint32_t i = 0; i < t->n; i++)
		if (i == 0 || t->to[i] != t->to[i - 1])
			t->to[n++] = t->to[i];
	t->n = n;
}

/* What follows a snapshot that counts as state *self*; NULL: all of it is known. */
static const char *look_ahead(struct space *x, const void *snapshot, uint32_t self,
			      struct targets *t)
{
	struct step steps[STEPS];
	unsigned n, questions;

	snapshot_restore(x->snapshots, snapshot);
	n = x->ops->steps(x->subject, steps);
	for (unsigned i = 0; i < n; i++)
		do {
			uint32_t to;

			snapshot_restore(x->snapshots, snapshot);
			if (!x->ops->take(x->subject, &steps[i], &questions) ||
			    x->ops->trouble(x->subject))
				continue;
			to = space_find(x, x->ops->digest(x->subject));
			if (to == x->states)
				return "one of two states with the same digest leads further";
			if (to != self)
				add(t, to);
		} while (space_next_answers(&steps[i], questions));
	return NULL;
}

static const char *compare(struct space *x, const struct again *a, struct targets *one,
			   struct targets *other)
{
	uint32_t end = a->to + 1 < x->expanded ? x->state[a->to + 1].edges : x->edges;
	const char *why;

	one->n = other->n = 0;
	for (uint32_t i = x->state[a->to].edges; i < end; i++)
		add(one, x->edge[i]);
	why = look_ahead(x, a->snapshot, a->to, other);
	if (why)
		return why;
	sort(one);
	sort(other);
	if (one->n != other->n || (one->n && memcmp(one->to, other->to, one->n * sizeof(*one->to))))
		return "two states with the same digest lead to different ones";
	snapshot_restore(x->snapshots, a->snapshot);
	if (x->ops->is_quiet(x->subject) != x->state[a->to].quiet)
		return "of two states with the same digest one is quiet";
	return x->ops->violation(x->subject);
}

uint32_t space_audit(struct space *x)
{
	struct targets one = { 0 }, other = { 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->agains && !x->found; i++) {
		const struct again *a = &x->again[i];

		if (a->to >= x->expanded)
			continue;
		n++;
		x->found = compare(x, a, &one, &other);
		x->at = a->from;
		x->step = a->step;
		x->by_step = true;
	}
	free(one.to);
	free(other.to);
	return n;
}
