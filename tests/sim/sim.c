/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim - seeded simulation of whole pods: random guests under bad weather, with meddlers, checked
 * after every step. See usage() and docs/architecture.md.
 */
#define _GNU_SOURCE /* getopt_long() */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "shrink.h"

#define FAILURES_MAX 10 /* then it gives up */

struct options {
	uint64_t seeds, first, most_events;
	double seconds, shrink_seconds;
	const char *log, *commit, *folder, *replay;
	struct setting_limits limits;
};

struct totals {
	uint64_t seeds, events, checks, choices, full, lost, unfinished, time;
	tidal_time longest;
	unsigned failed;
};

static void usage(void)
{
	printf("usage: sim [options] [SEEDS [FIRST]]\n"
	       "  --seconds N   go on for so long instead of so many seeds\n"
	       "  --most N      leave a run after so many events\n"
	       "  --restarts    nodes are restarted, too\n"
	       "  --plant N     break the model in a way (enum world_plant in world.h)\n"
	       "  --shrink N    seconds to make a failing run shorter (10)\n"
	       "  --folder DIR  where failing runs are written to (.)\n"
	       "  --log FILE    append a line on what was run\n"
	       "  --commit ID   what that line names\n"
	       "  --replay FILE repeat a failing run and tell what happens in it\n");
}

/* ---- one seed ---- */

static void add_up(struct totals *t, const struct outcome *out, bool unfinished)
{
	t->seeds++;
	t->events += out->events;
	t->checks += out->checks;
	t->choices += out->choices;
	t->full += out->full;
	t->lost += out->lost;
	t->unfinished += unfinished;
	t->time += out->time;
	if (out->longest > t->longest && !out->full)
		t->longest = out->longest;
}

static void investigate(const struct options *o, struct setting *s, const struct outcome *first)
{
	struct script script = { 0 };
	const struct run_how how = { .record = &script, .most_events = o->most_events };
	struct outcome out;
	char path[512];
	size_t before;
	unsigned runs;

	run_setting(s, &how, &out);
	if (strcmp(out.violation, first->violation) || out.digest != first->digest)
		printf("  ! a second run went otherwise: %s\n", out.violation);
	before = script.count;
	runs = shrink(s, &script, first->violation, o->shrink_seconds);
	snprintf(path, sizeof(path), "%s/sim-%" PRIu64 ".failure", o->folder, s->seed);
	if (failure_write(path, s, &script, first->violation))
		printf("  %zu of %zu choices are left after %u runs: sim --replay %s\n",
		       script.count, before, runs, path);
	else
		perror(path);
	script_free(&script);
}

/* The core traps when an invariant of its own is broken: say which seed did that. */
static struct {
	uint64_t seed;
	bool restarts;
} under_way;

static void trapped(int signal)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "seed %" PRIu64 ": the core traps (signal %d)\n"
			 "  again: sim%s 1 %" PRIu64 "\n", under_way.seed, signal,
			 under_way.restarts ? " --restarts" : "", under_way.seed);

	if (write(STDOUT_FILENO, text, (size_t)n) < 0)
		_exit(98);
	raise(signal); /* SA_RESETHAND: this time for good */
}

static void catch_traps(void)
{
	const int signals[] = { SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
	struct sigaction action = { .sa_handler = trapped, .sa_flags = (int)SA_RESETHAND };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &action, NULL))
			perror("sigaction");
}

static void simulate(const struct options *o, uint64_t seed, struct totals *t)
{
	const struct run_how how = { .most_events = o->most_events };
	struct setting s;
	struct outcome out;

	under_way.seed = seed;
	under_way.restarts = o->limits.restarts;
	setting_choose(&s, seed, &o->limits);
	run_setting(&s, &how, &out);
	add_up(t, &out, how.most_events && out.events > how.most_events);
	if (!out.violation[0])
		return;
	t->failed++;
	printf("seed %" PRIu64 ": %s (after %" PRIu64 " events, %" PRIu64 " us)\n", seed,
	       out.violation, out.events, out.time / 1000);
	printf("  again: sim%s --plant %" PRIu64 " 1 %" PRIu64 "\n",
	       o->limits.restarts ? " --restarts" : "", o->limits.plant, seed);
	fflush(stdout);
	investigate(o, &s, &out);
	fflush(stdout);
}

/* ---- many ---- */

static void log_totals(const struct options *o, const struct totals *t)
{
	time_t now = time(NULL);
	struct tm tm;
	char date[32];
	FILE *f = o->log ? fopen(o->log, "a") : NULL;

	if (!f)
		return;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	fprintf(f, "%s %s first %" PRIu64 " seeds %" PRIu64 " events %" PRIu64 " violations %u%s\n",
		date, o->commit, o->first, t->seeds, t->events, t->failed,
		o->limits.restarts ? " restarts" : "");
	fclose(f);
}

static int simulate_all(const struct options *o)
{
	time_t until = time(NULL) + (time_t)o->seconds;
	clock_t begin = clock();
	struct totals t = { 0 };
	double seconds;

	for (uint64_t i = 0; t.failed < FAILURES_MAX; i++) {
		if (o->seconds > 0 ? time(NULL) >= until : i == o->seeds)
			break;
		simulate(o, o->first + i, &t);
	}
	seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " events, %u failed; %.0f events/s\n",
	       t.seeds, o->first, t.events, t.failed, (double)t.events / (seconds + 1e-9));
	printf("%" PRIu64 " checks of pages, %" PRIu64 " faults and meddlings, %" PRIu64
	       " pods full, %" PRIu64 " lost, %" PRIu64 " left\n",
	       t.checks, t.choices, t.full, t.lost, t.unfinished);
	printf("virtual time %.3f s, longest without an instruction %.3f ms\n",
	       (double)t.time / 1e9, (double)t.longest / 1e6);
	log_totals(o, &t);
	return t.failed != 0;
}

static int replay(const struct options *o)
{
	struct script script = { 0 };
	const struct run_how how = { .script = &script, .trace = stdout };
	struct setting s;
	struct outcome out;
	char expected[256];

	if (!failure_read(o->replay, &s, &script, expected)) {
		fprintf(stderr, "sim: %s isn't a failed simulation\n", o->replay);
		return 99;
	}
	run_setting(&s, &how, &out);
	script_free(&script);
	printf("%s\n", out.violation[0] ? out.violation : "no violation");
	if (expected[0] && !run_alike(expected, out.violation))
		printf("expected: %s\n", expected);
	return out.violation[0] != 0;
}

static bool read_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seconds", 1, NULL, 's' }, { "most", 1, NULL, 'm' }, { "restarts", 0, NULL, 'r' },
		{ "plant", 1, NULL, 'p' },   { "shrink", 1, NULL, 'k' }, { "folder", 1, NULL, 'f' },
		{ "log", 1, NULL, 'l' },     { "commit", 1, NULL, 'c' }, { "replay", 1, NULL, 'R' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'm':
			o->most_events = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			o->limits.restarts = true;
			break;
		case 'p':
			o->limits.plant = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			o->shrink_seconds = strtod(optarg, NULL);
			break;
		case 'f':
			o->folder = optarg;
			break;
		case 'l':
			o->log = optarg;
			break;
		case 'c':
			o->commit = optarg;
			break;
		case 'R':
			o->replay = optarg;
			break;
		default:
			return false;
		}
	}
	o->seeds = optind < argc ? strtoull(argv[optind], NULL, 0) : 300;
	o->first = optind + 1 < argc ? strtoull(argv[optind + 1], NULL, 0) : 1;
	if (optind == argc && !o->most_events && !o->seconds)
		o->most_events = 30000; /* as part of make check */
	return optind + 2 >= argc;
}

int main(int argc, char **argv)
{
	struct options o = { .shrink_seconds = 10, .folder = ".", .commit = "?" };

	if (!read_options(&o, argc, argv)) {
		usage();
		return 99;
	}
	catch_traps();
	return o.replay ? replay(&o) : simulate_all(&o);
}
