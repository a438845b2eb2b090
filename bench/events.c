/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events - how many events one CPU can push through cores, all cores of a pod in one thread:
 * vCPUs on every node read and write the same pages at random, so that nearly all accesses
 * stall. The time includes the pulls and what this host does for its part.
 */
#include "bench.h"
#include "pod.h"
#include "report.h"

#define ROUNDS 15
#define PUSHES 200000
#define PAGES 1024
#define WRITES 77 /* of 256 accesses: 30 % */

static const struct row {
	const char *name;
	unsigned nodes;
	uint32_t flags;
	bool goal;
} rows[] = {
	{ "pod of 2 nodes", 2, TIDAL_PARAM_RETIRE_EVENTS, true },
	{ "pod of 4 nodes", 4, TIDAL_PARAM_RETIRE_EVENTS, true },
	{ "pod of 4 nodes, exactly-once transport", 4,
	  TIDAL_PARAM_RETIRE_EVENTS | TIDAL_PARAM_IDEAL_LINK, false },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static double run(struct pod *pod)
{
	uint64_t start = cpu_ns();

	pod_run(pod, PAGES, WRITES, PUSHES);
	return PUSHES * 1e3 / (double)(cpu_ns() - start); /* M/s */
}

static double run_ticks(struct pod *pod, unsigned nodes)
{
	static const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	uint64_t start = cpu_ns();

	for (unsigned i = 0; i < PUSHES; i++)
		pod_push(pod, i % nodes, &tick);
	return PUSHES * 1e3 / (double)(cpu_ns() - start);
}

static struct pod *open_row(const struct row *row)
{
	const struct pod_config c = {
		.nodes = row->nodes, .vcpus = row->nodes * 2, .hthreads = 2, .spread = true,
		.pages = PAGES, .frames = 4096, .flags = row->flags, .policy = tidal_policy_page(),
	};

	return pod_open(&c);
}

void bench_events(void)
{
	double rate[ROWS][ROUNDS], ticks[ROWS][ROUNDS];
	struct pod *pod[ROWS];

	for (unsigned i = 0; i < ROWS; i++)
		pod[i] = open_row(&rows[i]);
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < ROWS; i++) {
			rate[i][r] = run(pod[i]);
			ticks[i][r] = run_ticks(pod[i], rows[i].nodes);
		}
	for (unsigned i = 0; i < ROWS; i++) {
		report_figure(&(struct figure){
			.name = rows[i].name, .unit = "M events/s", .value = median(rate[i], ROUNDS),
			.goal = rows[i].goal ? AT_LEAST : NO_GOAL, .goal_value = 5,
			.floor = median(ticks[i], ROUNDS), .floor_name = "events without work" });
		pod_close(pod[i]);
	}
}
