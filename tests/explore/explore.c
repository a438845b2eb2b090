/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explore [-lw] [-t seconds] [-m MiB] [-d depth] [-a n] [NAME...] - every interleaving of small worlds,
 * breadth first. In each state the memory is coherent, every vCPU lives once, and the cores'
 * own invariants hold; and from each of them some way leads to a quiet one.
 *
 * Prints a line of figures for every world, and whether it closed: then all is known. One that
 * ends by time or memory passes, if nothing was found and it says so; a violation prints the way
 * that led there. The worlds are listed in worlds.c. Without names those are explored that are
 * quick; -l: all others. -a: one of n states that are met again is audited (space_audit.c); of quick
 * worlds all are. -w also prints the way to the last state that was found.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "space.h"
#include "worlds.h"

#define DRAINED 20000 /* states of an open world that are drained */
#define DRAIN_STEPS 2000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void head(void)
{
	printf("%-26s %10s %11s %8s %6s %7s %6s  %s\n", "world", "states", "transitions", "quiet",
	       "depth", "seconds", "MiB", "");
}

/* How many states at its end were drained, and how many that were met again audited. */
struct checked {
	uint32_t drained, audited;
};

static void print_figures(const struct space *x, const struct world *w, const struct checked *n,
			  double took)
{
	printf("%-26s %10u %11u %8u %6u %7.1f %6zu  ", w->name, x->states, x->edges, space_quiet(x),
	       x->depth, took, x->most_bytes >> 20);
	if (x->found)
		printf("found: %s\n", x->found);
	else if (space_closed(x))
		printf("closed, %u audited\n", n->audited);
	else
		printf("open: %u expanded, %u of the others drained, %u audited\n", x->expanded,
		       n->drained, n->audited);
}

/*
 * From every state quiescence is reachable: by the graph, and by draining where it ends. Returns
 * how many were drained.
 */
static uint32_t check_quiet(struct space *x)
{
	uint32_t example = 0;

	if (x->found)
		return 0;
	if (space_stuck(x, &example)) {
		x->found = "nothing leads to a quiet state";
		x->at = example;
		x->by_step = false;
		return 0;
	}
	return space_closed(x) ? 0 : space_drain(x, DRAINED, DRAIN_STEPS);
}

/* Was found what had to be found? */
static bool is_right(struct space *x, const char *planted)
{
	if (planted ? x->found && !strcmp(x->found, planted) : !x->found)
		return true;
	printf("FAILED: found %s, expected %s\n", x->found ? x->found : "nothing",
	       planted ? planted : "nothing");
	if (x->found)
		space_print_way(x, x->at, x->by_step ? &x->step : NULL);
	return false;
}

static bool explore(const struct world *w, const struct bounds *bounds)
{
	double start = seconds();
	struct bounds b = *bounds;
	struct checked n;
	struct space x;
	bool ok;

	if (!space_open(&x, w->ops, w->config)) {
		printf("%s: the world does not start\n", w->name);
		return false;
	}
	if (!b.depth)
		b.depth = w->depth;
	if (w->quick && !b.audit)
		b.audit = 1;
	space_explore(&x, &b);
	n.drained = check_quiet(&x);
	n.audited = x.found ? 0 : space_audit(&x);
	print_figures(&x, w, &n, seconds() - start);
	ok = is_right(&x, w->planted);
	if (b.way)
		space_print_way(&x, x.states - 1, NULL);
	fflush(stdout);
	space_close(&x);
	return ok;
}

static bool is_chosen(const struct world *w, bool slow, int argc, char **argv)
{
	for (int i = optind; i < argc; i++)
		if (!strcmp(argv[i], w->name))
			return true;
	return optind == argc && w->quick != slow;
}

int main(int argc, char **argv)
{
	struct bounds bounds = { .seconds = 6, .bytes = (size_t)1500 << 20 };
	bool ok = true, slow = false;
	int c;

	while ((c = getopt(argc, argv, "lwt:m:d:a:")) != -1) {
		if (c == 'l')
			slow = true;
		else if (c == 'w')
			bounds.way = true;
		else if (c == 't')
			bounds.seconds = strtod(optarg, NULL);
		else if (c == 'm')
			bounds.bytes = strtoull(optarg, NULL, 0) << 20;
		else if (c == 'a')
			bounds.audit = (uint32_t)strtoul(optarg, NULL, 0);
		else if (c == 'd')
			bounds.depth = (unsigned)strtoul(optarg, NULL, 0);
		else
			return 99;
	}
	head();
	for (const struct world *w = worlds; w->name; w++)
		if (is_chosen(w, slow, argc, argv))
			ok = explore(w, &bounds) && ok;
	return !ok;
}
