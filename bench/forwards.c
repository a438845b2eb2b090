/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forwards - how often a request is passed on before it meets the owner, when pages move as much as
 * they can: one random node after the other writes to a random page.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "pod.h"
#include "report.h"

#define PAGES 10000
#define FAULTS 100000

static void migrate(struct pod *pod, unsigned nodes, uint64_t *random)
{
	for (unsigned i = 0; i < FAULTS; i++) {
		*random = pod_mix(*random);
		pod_touch(pod, *random % nodes, (*random >> 20) % PAGES, TIDAL_WRITE);
	}
}

static void measure(unsigned nodes)
{
	const struct pod_config config = {
		.nodes = nodes, .pages = PAGES, .frames = nodes > 100 ? 2048 : 16384,
		.flags = TIDAL_PARAM_IDEAL_LINK,
	};
	struct pod *pod = pod_open(&config);
	struct tidal_stats before, after;
	uint64_t random = nodes, requests;
	char name[96];

	migrate(pod, nodes, &random); /* that brings the pages to where they are */
	pod_stats(pod, &before);
	migrate(pod, nodes, &random);
	pod_stats(pod, &after);
	requests = after.requests - before.requests;
	if (requests == 0)
		fail("no requests");
	snprintf(name, sizeof(name), "%u nodes: forwards per request", nodes);
	report_figure(&(struct figure){
		.name = name, .value = (double)(after.forwards - before.forwards) / (double)requests,
		.unit = "", .goal = AT_MOST, .goal_value = 2.1 });
	snprintf(name, sizeof(name), "%u nodes: most forwards of a request", nodes);
	report_figure(&(struct figure){ .name = name, .value = (double)after.forward_max,
					.unit = "", .goal = AT_MOST, .goal_value = 4 });
	snprintf(name, sizeof(name), "%u nodes: requests asked again", nodes);
	report_figure(&(struct figure){ .name = name, .unit = "%",
					.value = 100 * (double)(after.retries - before.retries) /
						 (double)requests });
	pod_close(pod);
}

void bench_forwards(void)
{
	measure(4);
	measure(64);
	measure(1000);
}
