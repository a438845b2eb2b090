/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explore [-t seconds] [-m MiB] [NAME...] - every interleaving of a small pod, breadth
 * first. States that can't be told apart (small_digest()) count once. In each of them the
 * memory is coherent, every vCPU lives once, and the cores' own invariants hold; and from each
 * of them some way leads to a quiet state.
 *
 * Prints for every exploration whether it closed. One that ends by time or memory passes, if
 * nothing was found and it says so; a violation prints the way that led there. The worlds are
 * listed in worlds[]; without names those are explored that are quick, for 6 s each at most.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "small.h"
#include "snapshots.h"

struct state {
	uint64_t digest;
	uint32_t parent;
	struct small_step step; /* from there to here */
	bool quiet;
	void *snapshot; /* until it is expanded */
};

struct edge {
	uint32_t from, to;
};

struct space {
	struct small *s;
	struct snapshots *snapshots;
	struct state *state;
	uint32_t states, room;
	uint32_t *bucket; /* of the hash table: state + 1 */
	uint32_t buckets;
	struct edge *edge;
	size_t edges, edges_room;
	uint32_t expanded;
	size_t snapshot_bytes;
};

struct world {
	const char *name;
	struct small_config config;
	bool quick; /* part of make check */
};

static const struct world worlds[] = {
	{ "coherence", { 0, 24, false, false, 2, 2 }, true },
	{ "no-retire", { 0, 24, true, false, 2, 2 }, true },
	{ "fail", { SMALL_FAIL | SMALL_EXEC, 24, false, false, 2, 2 }, true },
	{ "policy", { SMALL_POLICY, 6, false, false, 2, 2 }, true },
	{ "zero", { SMALL_ZERO, 3, false, false, 2, 2 }, true },
	{ "evict", { SMALL_EVICT, 2, false, false, 2, 2 }, true },
	{ "together", { SMALL_ZERO | SMALL_EVICT, 2, false, true, 2, 2 }, true },
	{ "move", { SMALL_MOVE, 2, false, false, 2, 2 }, true },
	{ "vmm", { SMALL_VMM, 2, false, false, 2, 2 }, true },
	{ "three", { 0, 2, false, false, 3, 3 }, true },
	{ "three-policy", { SMALL_POLICY, 2, false, false, 3, 2 }, false },
	{ "three-zero", { SMALL_ZERO, 2, false, false, 3, 3 }, false },
	{ "three-evict", { SMALL_EVICT, 2, false, false, 3, 2 }, false },
	{ "three-starve", { SMALL_STARVE, 2, false, false, 3, 3 }, false },
	{ "starve", { SMALL_STARVE, 2, false, false, 2, 2 }, false },
	{ "fickle", { SMALL_FICKLE | SMALL_ZERO | SMALL_EXEC, 3, false, false, 2, 2 }, false },
	{ "slow-zero", { SMALL_SLOW_ZERO | SMALL_ZERO, 3, false, false, 2, 2 }, false },
	{ "pin", { SMALL_PIN | SMALL_POLICY, 3, false, false, 2, 2 }, false },
	{ "zero-policy", { SMALL_ZERO | SMALL_POLICY, 3, false, false, 2, 2 }, false },
	{ "zero-vmm", { SMALL_ZERO | SMALL_VMM, 2, false, false, 2, 2 }, false },
	{ "policy-move", { SMALL_POLICY | SMALL_MOVE, 2, false, false, 2, 2 }, false },
	{ "move-evict", { SMALL_MOVE | SMALL_EVICT, 2, false, false, 2, 2 }, false },
	{ "all",
	  { SMALL_ZERO | SMALL_EXEC | SMALL_POLICY | SMALL_MOVE | SMALL_EVICT | SMALL_VMM |
	    SMALL_PIN | SMALL_FAIL | SMALL_SLOW_ZERO | SMALL_FICKLE | SMALL_STARVE, 4, false, false, 3, 3 },
	  false },
};
#define WORLDS (sizeof(worlds) / sizeof(worlds[0]))

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

/* The number of the state that the pod is in now. *is_new: it was not known. */
static uint32_t note_state(struct space *x, uint32_t parent, struct small_step step, bool *is_new)
{
	uint64_t digest = small_digest(x->s);
	uint32_t *slot;

	if (x->states * 2 >= x->buckets)
		rehash(x);
	slot = slot_of(x, digest);
	*is_new = *slot == 0;
	if (*slot)
		return *slot - 1;
	if (x->states == x->room) {
		x->room = x->room ? x->room * 2 : 1024;
		x->state = grow(x->state, x->room * sizeof(*x->state));
	}
	x->state[x->states] = (struct state){ digest, parent, step, small_is_quiet(x->s),
					      snapshot_take(x->snapshots, &x->snapshot_bytes) };
	*slot = ++x->states;
	return x->states - 1;
}

static void note_edge(struct space *x, uint32_t from, uint32_t to)
{
	if (x->edges == x->edges_room) {
		x->edges_room = x->edges_room ? x->edges_room * 2 : 4096;
		x->edge = grow(x->edge, x->edges_room * sizeof(*x->edge));
	}
	x->edge[x->edges++] = (struct edge){ from, to };
}

/* ---- the way to a state ---- */

static void print_way(struct space *x, uint32_t to, const struct small_step *last)
{
	uint32_t n = 0, *way;
	unsigned questions;

	for (uint32_t i = to; i; i = x->state[i].parent)
		n++;
	way = grow(NULL, (n + 1) * sizeof(*way));
	for (uint32_t i = to, k = n; i; i = x->state[i].parent)
		way[--k] = i;
	snapshot_first(x->snapshots);
	for (uint32_t k = 0; k < n; k++) {
		printf("%3u  ", k + 1);
		small_print_step(x->s, &x->state[way[k]].step);
		printf("\n");
		if (!small_do(x->s, &x->state[way[k]].step, &questions))
			printf("     (not possible any more: the digest hides something)\n");
		small_print(x->s);
	}
	if (last) {
		printf("%3u  ", n + 1);
		small_print_step(x->s, last);
		printf("\n");
		small_do(x->s, last, &questions);
		small_print(x->s);
	}
	free(way);
}

/* ---- exploring ---- */

/* Another list of answers for the policy; false: all have been tried. */
static bool next_answers(struct small_step *step, unsigned questions)
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

/* Try one step with all answers. false: a violation. */
static bool try_step(struct space *x, uint32_t from, struct small_step step, void *snapshot,
		     unsigned *possible)
{
	unsigned questions;

	do {
		const char *why;
		bool is_new, ok;
		uint32_t to;

		snapshot_restore(x->snapshots, snapshot);
		ok = small_do(x->s, &step, &questions);
		why = ok ? small_violation(x->s) : small_trouble(x->s);
		if (why) {
			printf("VIOLATION: %s\n", why);
			print_way(x, from, &step);
			return false;
		}
		if (!ok)
			continue;
		to = note_state(x, from, step, &is_new);
		if (to != from) {
			note_edge(x, from, to);
			++*possible;
		}
	} while (next_answers(&step, questions));
	return true;
}

static bool expand(struct space *x, uint32_t from)
{
	struct small_step steps[SMALL_STEPS];
	void *snapshot = x->state[from].snapshot;
	unsigned n, possible = 0;
	bool ok = true;

	snapshot_restore(x->snapshots, snapshot);
	n = small_steps(x->s, steps);
	for (unsigned i = 0; ok && i < n; i++)
		ok = try_step(x, from, steps[i], snapshot, &possible);
	if (ok && possible == 0 && !x->state[from].quiet) {
		printf("DEADLOCK\n");
		print_way(x, from, NULL);
		ok = false;
	}
	x->snapshot_bytes -= snapshot_free(snapshot);
	x->state[from].snapshot = NULL;
	return ok;
}

/* ---- can it always become quiet? ---- */

/* Mark all from which a quiet state (or one that was not expanded) is reachable. */
static uint32_t count_stuck(const struct space *x, uint32_t *example)
{
	uint32_t *first = grow(NULL, ((size_t)x->states + 1) * sizeof(*first));
	uint32_t *from = grow(NULL, (x->edges + 1) * sizeof(*from));
	uint32_t *queue = grow(NULL, ((size_t)x->states + 1) * sizeof(*queue));
	bool *good = grow(NULL, x->states + 1u);
	uint32_t head = 0, tail = 0, stuck;

	memset(first, 0, ((size_t)x->states + 1) * sizeof(*first));
	for (size_t i = 0; i < x->edges; i++)
		first[x->edge[i].to]++;
	for (uint32_t i = 0, sum = 0; i <= x->states; i++) {
		uint32_t n = first[i];

		first[i] = sum += n;
	}
	for (size_t i = 0; i < x->edges; i++)
		from[--first[x->edge[i].to]] = x->edge[i].from;
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
	stuck = x->states - tail;
	for (uint32_t i = x->states; i-- > 0;)
		if (!good[i])
			*example = i;
	free(first);
	free(from);
	free(queue);
	free(good);
	return stuck;
}

static uint32_t count_quiet(const struct space *x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->states; i++)
		n += x->state[i].quiet;
	return n;
}

static void space_close(struct space *x)
{
	for (uint32_t i = x->expanded; i < x->states; i++)
		if (x->state[i].snapshot)
			snapshot_free(x->state[i].snapshot);
	free(x->state);
	free(x->bucket);
	free(x->edge);
	snapshots_close(x->snapshots);
	small_close(x->s);
}

static size_t bytes_of(const struct space *x)
{
	return x->snapshot_bytes + x->room * sizeof(*x->state) + x->edges_room * sizeof(*x->edge) +
	       x->buckets * sizeof(*x->bucket);
}

static bool explore(const struct world *w, double limit, size_t memory)
{
	struct space x = { .s = small_open(&w->config) };
	double start = seconds();
	uint32_t stuck, example = 0;
	bool ok = true, is_new;

	if (!x.s) {
		printf("%s: the pod does not start\n", w->name);
		return false;
	}
	x.snapshots = snapshots_open(x.s);
	note_state(&x, 0, (struct small_step){ 0 }, &is_new);
	while (ok && x.expanded < x.states && seconds() - start < limit && bytes_of(&x) < memory)
		ok = expand(&x, x.expanded++);
	stuck = ok ? count_stuck(&x, &example) : 0;
	printf("%s: %u states, %zu transitions, %u quiet, %.1f s, ", w->name, x.states, x.edges,
	       count_quiet(&x), seconds() - start);
	if (x.expanded == x.states)
		printf("closed");
	else
		printf("open, %u states expanded", x.expanded);
	printf(" (at most %u under way)\n", w->config.flight);
	if (stuck) {
		printf("STUCK: from %u states nothing leads to a quiet one\n", stuck);
		print_way(&x, example, NULL);
		ok = false;
	}
	fflush(stdout);
	space_close(&x);
	return ok;
}

static bool is_chosen(const struct world *w, int argc, char **argv)
{
	for (int i = optind; i < argc; i++)
		if (!strcmp(argv[i], w->name))
			return true;
	return optind == argc && w->quick;
}

int main(int argc, char **argv)
{
	double limit = 6;
	size_t memory = 1500;
	bool ok = true;
	int c;

	while ((c = getopt(argc, argv, "t:m:")) != -1) {
		if (c == 't')
			limit = strtod(optarg, NULL);
		else if (c == 'm')
			memory = strtoull(optarg, NULL, 0);
		else
			return 99;
	}
	for (size_t i = 0; i < WORLDS; i++)
		if (is_chosen(&worlds[i], argc, argv))
			ok = explore(&worlds[i], limit, memory << 20) && ok;
	return !ok;
}
