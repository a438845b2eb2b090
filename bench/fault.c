/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fault - page faults that another node serves: libtidal (threads backend, fabric transport, a
 * process per node) and the floor (floor/: bare userfaultfd and bare libfabric, the same steps),
 * interleaved in one run. All crews of a provider are up; all but one are halted.
 *
 * The processes are two, on a processor each, which they share with the threads that touch: but for
 * the invalidations, for which there are up to eight, on as many processors as there are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "crew.h"
#include "fault.h"
#include "pod.h"
#include "report.h"

#define ROUNDS 15
#define TOUCHES 48	 /* of a figure, in a round */
#define TURNS 60
#define SPREAD 512	 /* pages that are touched in no order */
#define ROW 512		 /* the first of those that are touched in a row */
#define ROW_PAGES 256
#define PAIR 1023	 /* the page that goes to and fro */
#define SPIN_NS 100000
#define SHARERS 7
#define AROUND 16

enum what { READ, WRITE, UPGRADE, INVALIDATE, PING_PONG, IN_A_ROW, FIGURES };

static const char *const what_names[] = {
	[READ] = "read fault", [WRITE] = "write fault", [UPGRADE] = "upgrade",
	[INVALIDATE] = "invalidation, 1 sharer", [PING_PONG] = "page to and fro, a write",
	[IN_A_ROW] = "pages in a row, a page",
};
static const char *const wait_names[] = {
	[CREW_SPIN] = "spin", [CREW_MIXED] = "spin, then block", [CREW_BLOCK] = "block",
};

/* One crew of those that are measured by turns. */
struct rival {
	const struct engine *engine;
	const char *provider; /* NULL: sockets */
	enum crew_wait wait;
	struct crew *crew;    /* NULL: can't be */
	double ns[FIGURES][ROUNDS]; /* medians */
};

#define RIVALS 9

static void shuffle(uint16_t *page, unsigned count, unsigned seed)
{
	for (unsigned i = 0; i < count; i++)
		page[i] = (uint16_t)i;
	for (unsigned i = count; i > 1; i--) {
		uint16_t kept = page[i - 1];
		unsigned other;

		seed = seed * 1103515245u + 12345u;
		other = (seed >> 8) % i;
		page[i - 1] = page[other];
		page[other] = kept;
	}
}

static double touch(struct crew *crew, unsigned node, bool write, const uint16_t *page,
		    unsigned count)
{
	static double ns[CREW_TOUCHES];
	const struct crew_order order = { .node = node, .write = write, .count = count,
					  .page = page, .ns = ns };

	(void)crew_touch(crew, &order);
	return median(ns, count);
}

static double in_a_row(struct crew *crew)
{
	uint16_t page[ROW_PAGES];
	struct crew_order order = { .node = 1, .write = true, .count = ROW_PAGES, .page = page };

	for (unsigned i = 0; i < ROW_PAGES; i++)
		page[i] = (uint16_t)(ROW + i);
	(void)crew_touch(crew, &order);
	order.node = 0;
	order.write = false;
	return crew_touch(crew, &order) / ROW_PAGES;
}

static void round_of(struct rival *r, unsigned round)
{
	uint16_t page[SPREAD];

	shuffle(page, SPREAD, round + 1);
	crew_go_on(r->crew);
	(void)touch(r->crew, 1, true, page, TOUCHES);
	r->ns[READ][round] = touch(r->crew, 0, false, page, TOUCHES);
	r->ns[UPGRADE][round] = touch(r->crew, 0, true, page, TOUCHES);
	(void)touch(r->crew, 1, true, page, TOUCHES);
	r->ns[WRITE][round] = touch(r->crew, 0, true, page, TOUCHES);
	(void)touch(r->crew, 1, false, page, TOUCHES);
	r->ns[INVALIDATE][round] = touch(r->crew, 0, true, page, TOUCHES);
	r->ns[PING_PONG][round] = crew_ping_pong(r->crew, PAIR, TURNS);
	r->ns[IN_A_ROW][round] = in_a_row(r->crew);
	crew_halt(r->crew);
}

/* ---- figures ---- */

static double middle(const double *ns)
{
	double copy[ROUNDS];

	memcpy(copy, ns, sizeof(copy));
	return median(copy, ROUNDS);
}

/* Of what was measured one right after the other. */
static double ratio(const double *ns, const double *floor)
{
	double each[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++)
		each[i] = ns[i] / floor[i];
	return median(each, ROUNDS);
}

static void report_us(const char *provider, const char *wait, const char *what, double ns,
		      double floor_ns)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "%s, %s: %s", provider, wait, what);
	report_figure(&(struct figure){ .name = name, .unit = "us", .value = ns / 1000,
					.floor_name = "floor", .floor = floor_ns / 1000 });
}

static void report_ratio(const char *provider, const char *wait, const char *what, double value,
			 double goal)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "%s, %s: %s", provider, wait, what);
	report_figure(&(struct figure){ .name = name, .unit = "", .value = value,
					.goal = goal > 0 ? AT_MOST : NO_GOAL,
					.goal_value = goal });
}

static const struct rival *find(const struct rival *rival, const struct engine *engine,
				const char *provider, enum crew_wait wait)
{
	for (unsigned i = 0; i < RIVALS; i++)
		if (rival[i].crew && rival[i].engine == engine && rival[i].wait == wait &&
		    rival[i].provider == provider)
			return &rival[i];
	return NULL;
}

static void compare(const struct rival *rival, const char *provider, enum crew_wait wait)
{
	const struct rival *ours = find(rival, &engine_tidal, provider, wait);
	const struct rival *floor = find(rival, &engine_floor, provider, wait);
	const struct rival *raw = find(rival, &engine_floor, NULL, wait);
	const char *name = wait_names[wait];
	double goal = strcmp(provider, "shm") == 0 ? 1.25 : 1.10;

	if (!ours || !floor)
		return;
	for (unsigned w = 0; w < FIGURES; w++)
		report_us(provider, name, what_names[w], middle(ours->ns[w]), middle(floor->ns[w]));
	report_ratio(provider, name, "read fault / floor", ratio(ours->ns[READ], floor->ns[READ]),
		     goal);
	for (unsigned w = READ + 1; w < IN_A_ROW; w++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s / floor", what_names[w]);
		report_ratio(provider, name, text, ratio(ours->ns[w], floor->ns[w]), 0);
	}
	report_ratio(provider, name, "a page in a row / read fault",
		     ratio(ours->ns[IN_A_ROW], ours->ns[READ]), 0.35);
	if (raw) {
		report_us("TCP sockets", name, "read fault (floor only)", middle(raw->ns[READ]),
			  middle(raw->ns[READ]));
		report_ratio(provider, name, "read fault / TCP sockets",
			     ratio(ours->ns[READ], raw->ns[READ]),
			     strcmp(provider, "net") == 0 ? 1.25 : 0);
	}
}

static void compare_waits(const struct rival *rival, const char *provider)
{
	const struct rival *spin = find(rival, &engine_tidal, provider, CREW_SPIN);
	const struct rival *mixed = find(rival, &engine_tidal, provider, CREW_MIXED);

	if (spin && mixed)
		report_ratio(provider, wait_names[CREW_MIXED], "read fault / spin",
			     ratio(mixed->ns[READ], spin->ns[READ]), 1.15);
}

/* ---- one provider ---- */

static void open_rival(struct rival *r, const struct engine *engine, const char *provider,
		       enum crew_wait wait)
{
	const struct crew_config config = { .provider = provider, .wait = wait,
					    .spin_ns = SPIN_NS, .nodes = 2, .around = AROUND };
	char text[300];
	const char *why;

	*r = (struct rival){ .engine = engine, .provider = provider, .wait = wait };
	r->crew = crew_open(engine, &config, &why);
	if (r->crew) {
		crew_halt(r->crew);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s, %s, %s: %s", engine->name,
		       provider ? provider : "TCP sockets", wait_names[wait], why);
	report_skip(text);
}

static void measure(const char *provider, bool raw)
{
	static struct rival rival[RIVALS];
	unsigned count = 0;

	memset(rival, 0, sizeof(rival));
	for (enum crew_wait w = CREW_SPIN; w <= CREW_BLOCK; w++) {
		open_rival(&rival[count++], &engine_floor, provider, w);
		open_rival(&rival[count++], &engine_tidal, provider, w);
		if (raw)
			open_rival(&rival[count++], &engine_floor, NULL, w);
	}
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < count; i++)
			if (rival[i].crew)
				round_of(&rival[i], round);
	for (enum crew_wait w = CREW_SPIN; w <= CREW_BLOCK; w++)
		compare(rival, provider, w);
	compare_waits(rival, provider);
	for (unsigned i = 0; i < count; i++)
		if (rival[i].crew)
			crew_close(rival[i].crew);
}

/* ---- many sharers ---- */

static void sharers_of(struct rival *r, double ns[SHARERS])
{
	uint16_t page[SPREAD];

	shuffle(page, SPREAD, 7);
	crew_go_on(r->crew);
	for (unsigned k = 1; k <= SHARERS; k++) {
		(void)touch(r->crew, 0, true, page, TOUCHES);
		for (unsigned node = 1; node <= k; node++)
			(void)touch(r->crew, node, false, page, TOUCHES);
		ns[k - 1] = touch(r->crew, 0, true, page, TOUCHES);
	}
	crew_halt(r->crew);
}

static void measure_sharers(const char *provider)
{
	const struct crew_config config = { .provider = provider, .wait = CREW_BLOCK,
					    .nodes = SHARERS + 1 };
	static double ns[2][ROUNDS][SHARERS];
	struct rival r[2] = { { .engine = &engine_floor }, { .engine = &engine_tidal } };
	const char *why;

	for (unsigned i = 0; i < 2; i++) {
		r[i].crew = crew_open(r[i].engine, &config, &why);
		if (!r[i].crew)
			report_skip(why);
		else
			crew_halt(r[i].crew);
	}
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < 2 && r[0].crew && r[1].crew; i++)
			sharers_of(&r[i], ns[i][round]);
	for (unsigned k = 1; k <= SHARERS && r[0].crew && r[1].crew; k++) {
		double each[2][ROUNDS];
		char name[64];

		for (unsigned round = 0; round < ROUNDS; round++)
			for (unsigned i = 0; i < 2; i++)
				each[i][round] = ns[i][round][k - 1];
		(void)snprintf(name, sizeof(name), "invalidation, 8 nodes, %u sharer%s", k,
			       k > 1 ? "s" : "");
		report_us(provider, wait_names[CREW_BLOCK], name, middle(each[1]), middle(each[0]));
	}
	for (unsigned i = 0; i < 2; i++)
		if (r[i].crew)
			crew_close(r[i].crew);
}

/* ---- many threads ---- */

static double rate_of(struct crew *crew, unsigned guests)
{
	uint16_t page[SPREAD];
	struct crew_order order = { .node = 1, .write = true, .count = SPREAD, .page = page };

	shuffle(page, SPREAD, guests);
	crew_go_on(crew);
	(void)crew_touch(crew, &order);
	order.node = 0;
	order.write = false;
	order.guests = guests;
	return SPREAD / (crew_touch(crew, &order) / 1e9);
}

static void measure_rates(const char *provider)
{
	const struct crew_config config = { .provider = provider, .wait = CREW_SPIN, .nodes = 2 };
	const struct engine *const engines[] = { &engine_floor, &engine_tidal };
	struct crew *crew[2];
	const char *why;

	for (unsigned i = 0; i < 2; i++) {
		crew[i] = crew_open(engines[i], &config, &why);
		if (!crew[i]) {
			report_skip(why);
			if (i > 0)
				crew_close(crew[0]);
			return;
		}
		crew_halt(crew[i]);
	}
	for (unsigned guests = 1; guests <= CREW_GUESTS; guests *= 2) {
		double each[2][ROUNDS];
		char name[96];

		for (unsigned round = 0; round < ROUNDS; round++)
			for (unsigned i = 0; i < 2; i++) {
				each[i][round] = rate_of(crew[i], guests);
				crew_halt(crew[i]);
			}
		(void)snprintf(name, sizeof(name), "%s, spin: read faults, %u thread%s", provider,
			       guests, guests > 1 ? "s" : "");
		report_figure(&(struct figure){ .name = name, .unit = "1/s",
						.value = middle(each[1]), .floor_name = "floor",
						.floor = middle(each[0]) });
	}
	for (unsigned i = 0; i < 2; i++)
		crew_close(crew[i]);
}

static const char *const providers[] = { "net", "tcp;ofi_rxm", "shm" };
#define PROVIDERS (sizeof(providers) / sizeof(providers[0]))

void bench_fault(void)
{
	for (unsigned i = 0; i < PROVIDERS; i++)
		measure(providers[i], i == 0);
}

void bench_fault_steps(void)
{
	for (unsigned i = 0; i < PROVIDERS; i++)
		fault_stamps(providers[i]);
}

void bench_fault_rate(void)
{
	for (unsigned i = 0; i < PROVIDERS; i++)
		measure_rates(providers[i]);
}

void bench_sharers(void)
{
	measure_sharers("net");
}
