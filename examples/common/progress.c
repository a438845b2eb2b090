/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - where memory and vCPUs are now, for people who watch. */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "pod.h"
#include "text.h"

#define PERIOD_NS 100000000
#define NODES_SHOWN 4

static int shown;

static int is_due(void)
{
	static uint64_t last;
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	if (now - last < PERIOD_NS)
		return 0;
	last = now;
	return 1;
}

void progress_show(const struct pod *pod)
{
	static int terminal = -1;

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	if (!terminal || pod->options->quiet || !is_due())
		return;
	/* Not wider than 79 columns: what wraps can't be wiped. */
	fprintf(stderr, "\r\033[K%7s", text_time(pod->now).s);
	for (uint32_t i = 0; i < pod->opened && i < NODES_SHOWN; i++) {
		struct tidal_stats stats;

		tidal_core_stats(tidal_node_core(pod->nodes[i].node), &stats, sizeof(stats));
		fprintf(stderr, "[%8s %2u vCPU]", text_bytes(stats.frames_used * TIDAL_PAGE_SIZE).s,
			(unsigned)pod_vcpus_on(pod, i));
	}
	shown = 1;
}

void progress_clear(void)
{
	if (!shown)
		return;
	shown = 0;
	fputs("\r\033[K", stderr);
}
