/* SPDX-License-Identifier: BSD-3-Clause */
/* space - see space.h. */
#define _POSIX_C_SOURCE 200809L
#include "space.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (!p) {
		fprintf(stderr, "explore: out of memory\n");
		exit(99);
	}
	return p;
}

/* ---- states ---- */

static uint32_t *slot_of(const struct space *x, uint64_t digest)
{
	uint32_t i = (uint32_t)(digest >> 20) & (x->buckets - 1);

	while (x->bucket[i] && x->state[x->bucket[i] - 1].digest != digest)
		i = (i + 1) & (x->buckets - 1);
	return &x->bucket[i];
}

static void rehash(struct space *x)
{
	free(x->bucket);
	x->buckets = x->buckets ? x->buckets * 2 : 1 << 16;
	x->bucket = calloc(x->buckets, sizeof(*x->bucket));
	if (!x->bucket)
		exit(99);
	for (uint32_t i = 0; i < x->states; i++)
		*slot_of(x, x->state[i].digest) = i + 1;
}

uint32_t space_find(const struct space *x, uint64_t digest)
{
	const uint32_t *slot = slot_of(x, digest);

	return *slot ? *slot - 1 : x->states;
}

/* The number of the state that the subject is in now. *is_new: it was not known. */
static uint32_t note_state(struct space *x, uint32_t parent, struct step step, bool *is_new)
{
	uint64_t digest = x->ops->digest(x->subject);
	uint32_t *slot;

	if (x->states >= x->buckets / 2)
		rehash(x);
	slot = slot_of(x, digest);
	*is_new = *slot == 0;
	if (*slot)
		return *slot - 1;
	if (x->states == x->room) {
		x->room = x->room ? x->room + x->room / 2 : 1024;
		x->state = grow(x->state, x->room * sizeof(*x->state));
	}
	x->state[x->states] = (struct state){
		.digest = digest,
		.snapshot = snapshot_take(x->snapshots, &x->snapshot_bytes),
		.parent = parent,
		.step = step,
		.quiet = x->ops->is_quiet(x->subject),
	};
	*slot = ++x->states;
	return x->states - 1;
}

static void note_edge(struct space *x, uint32_t to)
{
	if (x->edges == x->edges_room) {
		x->edges_room = x->edges_room ? x->edges_room + x->edges_room / 2 : 4096;
		x->edge = grow(x->edge, x->edges_room * sizeof(*x->edge));
	}
	x->edge[x->edges++] = to;
}

static void note_found(struct space *x, const char *what, uint32_t at, const struct step *step)
{
	x->found = what;
	x->at = at;
	x->by_step = step;
	if (step)
		x->step = *step;
}

/* ---- the way to a state ---- */

uint32_t space_way_length(const struct space *x, uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t i = to; i; i = x->state[i].parent)
		n++;
	return n;
}

static void print_taken(struct space *x, uint32_t number, const struct step *step)
{
	unsigned questions;

	printf("%3u  ", number);
	x->ops->print_step(x->subject, step);
	printf("\n");
	if (!x->ops->take(x->subject, step, &questions) && !x->ops->trouble(x->subject))
		printf("     (not possible any more: the digest hides something)\n");
	x->ops->print(x->subject);
}

void space_print_way(struct space *x, uint32_t to, const struct step *last)
{
	uint32_t n = space_way_length(x, to), *way = grow(NULL, (n + 1) * sizeof(*way));

	for (uint32_t i = to, k = n; i; i = x->state[i].parent)
		way[--k] = i;
	snapshot_first(x->snapshots);
	for (uint32_t k = 0; k < n; k++)
		print_taken(x, k + 1, &x->state[way[k]].step);
	if (last)
		print_taken(x, n + 1, last);
	free(way);
}

/* ---- exploring ---- */

bool space_next_answers(struct step *step, unsigned questions)
{
	unsigned answers = step->policy & ((1u << questions) - 1);

	while (questions > 0 && answers >> (questions - 1) & 1) {
		questions--;
		answers &= (1u << questions) - 1;
	}
	if (questions == 0)
		return false;
	step->policy = (uint8_t)(answers | 1u << (questions - 1));
	return true;
}

/* The subject is in a state that is known: keep what it looks like now? */
static void note_again(struct space *x, uint32_t to, uint32_t from, struct step step)
{
	if (!x->audit || x->met++ % x->audit)
		return;
	if (x->agains == x->agains_room) {
		x->agains_room = x->agains_room ? x->agains_room * 2 : 1024;
		x->again = grow(x->again, x->agains_room * sizeof(*x->again));
	}
	x->again[x->agains++] = (struct again){
		snapshot_take(x->snapshots, &x->snapshot_bytes), to, from, step,
	};
}

/* Try one step with all answers. */
static void try_step(struct space *x, uint32_t from, struct step step, unsigned *possible)
{
	const void *snapshot = x->state[from].snapshot;
	unsigned questions;

	do {
		const char *why;
		bool is_new, ok;
		uint32_t to;

		snapshot_restore(x->snapshots, snapshot);
		ok = x->ops->take(x->subject, &step, &questions);
		why = x->ops->trouble(x->subject);
		if (ok && !why) {
			to = note_state(x, from, step, &is_new);
			/* what is true of a state is true of all with its digest */
			why = is_new ? x->ops->violation(x->subject) : NULL;
			if (to != from) {
				note_edge(x, to);
				++*possible;
			}
			if (!is_new)
				note_again(x, to, from, step);
		}
		if (why)
			note_found(x, why, from, &step);
	} while (!x->found && space_next_answers(&step, questions));
}

static void expand(struct space *x, uint32_t from)
{
	struct step steps[STEPS];
	unsigned n, possible = 0;

	x->state[from].edges = x->edges;
	snapshot_restore(x->snapshots, x->state[from].snapshot);
	n = x->ops->steps(x->subject, steps);
	for (unsigned i = 0; !x->found && i < n; i++)
		try_step(x, from, steps[i], &possible);
	if (!x->found && possible == 0 && !x->state[from].quiet)
		note_found(x, "nothing can happen any more, and not all is quiet", from, NULL);
	x->snapshot_bytes -= snapshot_free(x->state[from].snapshot);
	x->state[from].snapshot = NULL;
}

static size_t bytes_of(const struct space *x)
{
	return x->snapshot_bytes + x->room * sizeof(*x->state) + x->edges_room * sizeof(*x->edge) +
	       x->buckets * sizeof(*x->bucket);
}

void space_explore(struct space *x, const struct bounds *bounds)
{
	double start = seconds();
	uint32_t level_end = x->states;
	bool in_bounds = true;

	x->audit = bounds->audit;
	while (!x->found && x->expanded < x->states && in_bounds) {
		if (x->expanded == level_end) {
			x->depth++;
			level_end = x->states;
		}
		if (bounds->depth && x->depth == bounds->depth)
			break;
		expand(x, x->expanded++);
		if (bytes_of(x) > x->most_bytes)
			x->most_bytes = bytes_of(x);
		in_bounds = x->most_bytes < bounds->bytes && seconds() - start < bounds->seconds;
	}
}

bool space_open(struct space *x, const struct subject_ops *ops, const void *config)
{
	struct memory memory = { 0 };
	bool is_new;

	*x = (struct space){ .ops = ops, .subject = ops->open(config) };
	if (!x->subject)
		return false;
	ops->memory(x->subject, &memory);
	x->snapshots = snapshots_open(&memory);
	note_state(x, 0, (struct step){ 0 }, &is_new);
	return true;
}

void space_close(struct space *x)
{
	for (uint32_t i = x->expanded; i < x->states; i++)
		if (x->state[i].snapshot)
			snapshot_free(x->state[i].snapshot);
	for (uint32_t i = 0; i < x->agains; i++)
		snapshot_free(x->again[i].snapshot);
	free(x->again);
	free(x->state);
	free(x->bucket);
	free(x->edge);
	if (!snapshots_close(x->snapshots)) {
		fprintf(stderr, "explore: what should be constant has changed\n");
		exit(99);
	}
	x->ops->close(x->subject);
}
