/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Litmus tests: small programs on the harts of a pod, and every outcome is one that a sequentially
 * consistent machine has (the fake host is such a one, so the pod must be too). And for each shape,
 * with a host that is late with an invalidation, one that no such machine has.
 *
 *	litmus [-r RUNS] [-t RUNS] [-s SEED] [-l] [SHAPE...]
 *		-r: so many of each shape, -t: in total; -l: all outcomes, how often they were seen
 *	litmus -p SEED SHAPE	one pod again, run by run
 *	litmus -b SEED SHAPE	the same, with a host that has a fault
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rnd.h"
#include "trial.h"

#define RUNS 1000
#define TAME 5 /* at most one in so many of the allowed outcomes may never be seen */
#define BROKEN_RUNS 20000 /* in which a fault must show */

struct options {
	uint64_t runs, total, seed;
	bool log, pod, broken;
	char **shapes;
	int n;
};

static bool is_wanted(const struct options *o, const char *name)
{
	for (int i = 0; i < o->n; i++)
		if (strcmp(o->shapes[i], name) == 0)
			return true;
	return o->n == 0;
}

static enum gate_fault fault_of(const struct shape *shape)
{
	return shape->ahead ? FAULT_TWICE : FAULT_LATE;
}

static void explain(const struct trial *t, uint64_t seed)
{
	char text[160];

	outcome_text(text, sizeof(text), t->shape, t->outcome);
	if (!t->allowed)
		printf("%s: forbidden:%s\n", t->shape->name, text);
	if (t->lab.wrong[0])
		printf("%s: %s\n", t->shape->name, t->lab.wrong);
	printf("again: litmus -%c 0x%" PRIx64 " %s\n", t->fault ? 'b' : 'p', seed, t->shape->name);
}

/* Other pods for every shape. */
static uint64_t seed_of(const struct shape *shape, uint64_t seed)
{
	for (const char *c = shape->name; *c; c++)
		seed = seed * 31 + (unsigned char)*c;
	return seed;
}

static int run_shape(const struct shape *shape, const struct options *o, struct outcomes *all,
		     struct traffic *traffic)
{
	struct trial t = { .shape = shape, .outcomes = all };
	uint64_t seeds = seed_of(shape, o->seed);

	for (uint64_t done = 0; done < o->runs;) {
		uint64_t seed = rnd(&seeds), left = o->runs - done;

		done += trial_runs(&t, seed, left < TRIAL_RUNS ? (unsigned)left : TRIAL_RUNS,
				   traffic);
		if (t.lab.wrong[0] || !t.allowed) {
			explain(&t, seed);
			return 1;
		}
	}
	return 0;
}

/* With a fault in each run: how many runs until it was noticed; 0: it was not. */
static uint64_t break_shape(const struct shape *shape, uint64_t seed, struct outcomes *all)
{
	struct trial t = { .shape = shape, .outcomes = all, .fault = fault_of(shape) };
	struct traffic traffic = { 0 };
	uint64_t runs = 0;

	while (runs < BROKEN_RUNS) {
		uint64_t pod = rnd(&seed);

		runs += 1 + trial_runs(&t, pod, TRIAL_RUNS, &traffic);
		if (!t.allowed)
			return runs;
		if (t.lab.wrong[0])
			explain(&t, pod);
	}
	return 0;
}

/* ---- what is printed ---- */

static void print_outcomes(const struct shape *shape, const struct outcomes *all, bool every)
{
	for (unsigned i = 0; i < all->n; i++) {
		const struct outcome *o = &all->of[i];
		char text[160];

		if (!every && (o->seen || o->may))
			continue;
		outcome_text(text, sizeof(text), shape, o->code);
		printf("%14" PRIu64 " %s%s\n", o->seen, text, o->may ? "  (SC failed)" : "");
	}
}

static void print_shape(const struct shape *shape, const struct outcomes *all)
{
	uint64_t runs = 0, least = UINT64_MAX;

	for (unsigned i = 0; i < all->n; i++) {
		runs += all->of[i].seen;
		if (!all->of[i].may && all->of[i].seen < least)
			least = all->of[i].seen;
	}
	printf("%-10s %9" PRIu64 " runs, %3u outcomes allowed, %3u never seen, the rarest %" PRIu64
	       " times", shape->name, runs, all->n, outcomes_missing(all), least);
}

static int do_shape(const struct shape *shape, const struct options *o, struct traffic *traffic)
{
	struct outcomes all, broken;
	uint64_t noticed;
	int bad;

	outcomes_allowed(&all, shape);
	outcomes_allowed(&broken, shape);
	bad = run_shape(shape, o, &all, traffic);
	print_shape(shape, &all);
	noticed = break_shape(shape, seed_of(shape, o->seed), &broken);
	printf("; a fault shows after %" PRIu64 "\n", noticed);
	print_outcomes(shape, &all, o->log);
	if (outcomes_missing(&all) * TAME > all.n && o->runs >= RUNS) {
		printf("%s: the interleaving is too tame\n", shape->name);
		bad = 1;
	}
	return bad || noticed == 0;
}

static void print_traffic(const struct traffic *t, double seconds, uint64_t runs)
{
	printf("%" PRIu64 " pods; %" PRIu64 " pages and %" PRIu64 " copies moved, %" PRIu64
	       " invalidations, %" PRIu64 " vCPUs moved, %" PRIu64 " evictions, %" PRIu64
	       " messages sent again, %" PRIu64 " pages zeroed, %" PRIu64 " steps\n",
	       t->pods, t->pages, t->copies, t->invalidations, t->vcpus, t->evictions, t->resent,
	       t->zeroed, t->steps);
	printf("%" PRIu64 " runs, %.1f s, %.1f us per run\n", runs, seconds,
	       seconds * 1e6 / (double)runs);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned count_shapes(const struct options *o)
{
	struct shape room;
	const struct shape *shape;
	unsigned at = 0, n = 0;

	while ((shape = shape_next(&at, &room)) != NULL)
		n += is_wanted(o, shape->name);
	return n;
}

static int do_all(struct options *o)
{
	struct traffic traffic = { 0 };
	struct shape room;
	const struct shape *shape;
	unsigned at = 0, failed = 0, shapes = count_shapes(o);
	double begun = now();

	if (shapes == 0) {
		fprintf(stderr, "no such shape\n");
		return 99;
	}
	if (o->total)
		o->runs = (o->total + shapes - 1) / shapes;
	printf("seed %" PRIu64 ", %" PRIu64 " runs of each of %u shapes\n", o->seed, o->runs, shapes);
	while ((shape = shape_next(&at, &room)) != NULL) {
		if (!is_wanted(o, shape->name))
			continue;
		failed += (unsigned)do_shape(shape, o, &traffic);
		fflush(stdout);
	}
	print_traffic(&traffic, now() - begun, shapes * o->runs);
	printf("%u shapes, %u failed\n", shapes, failed);
	return failed != 0;
}

/* One pod, run by run. */
static int do_pod(const struct options *o)
{
	struct traffic traffic = { 0 };
	struct outcomes all;
	struct shape room;
	const struct shape *shape;
	unsigned at = 0;

	while ((shape = shape_next(&at, &room)) != NULL) {
		struct trial t = { .shape = shape, .outcomes = &all, .verbose = true };

		if (!is_wanted(o, shape->name))
			continue;
		outcomes_allowed(&all, shape);
		t.fault = o->broken ? fault_of(shape) : FAULT_NONE;
		trial_runs(&t, o->seed, TRIAL_RUNS, &traffic);
		if (t.lab.wrong[0] || !t.allowed) {
			explain(&t, o->seed);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .runs = RUNS, .seed = 1 };
	int c;

	while ((c = getopt(argc, argv, "r:t:s:lp:b:")) != -1) {
		switch (c) {
		case 'r':
			o.runs = strtoull(optarg, NULL, 0);
			break;
		case 't':
			o.total = strtoull(optarg, NULL, 0);
			break;
		case 'l':
			o.log = true;
			break;
		case 'p':
		case 'b':
			o.pod = true;
			o.broken = c == 'b';
			/* fall through */
		case 's':
			o.seed = strtoull(optarg, NULL, 0);
			break;
		default:
			return 99;
		}
	}
	o.shapes = argv + optind;
	o.n = argc - optind;
	return o.pod ? do_pod(&o) : do_all(&o);
}
