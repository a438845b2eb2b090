/* SPDX-License-Identifier: BSD-3-Clause */
/* The one place where events enter the core and actions leave it. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "driver.h"

static uint64_t wall_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int push_timed(struct tidal_node *n, const struct tidal_event *event)
{
	uint64_t start = wall_ns();
	int ret = tidal_core_push(n->core, n->now, event);

	n->stats.stalls_ns += wall_ns() - start;
	n->stats.stalls++;
	return ret;
}

int node_enter(struct tidal_node *n, const struct tidal_event *event)
{
	int ret = event->kind == TIDAL_EV_STALL ? push_timed(n, event)
						: tidal_core_push(n->core, n->now, event);

	node_record_event(n, event, ret);
	if (ret == 0) {
		n->stats.events++;
		if (n->tracing)
			node_trace_event(n, event);
	} else if (ret == TIDAL_EAGAIN) {
		n->stats.again++;
	} else if (ret <= TIDAL_EBROKEN) {
		n->broken = ret;
	}
	return ret;
}

int node_push(struct tidal_node *n, const struct tidal_event *event)
{
	int ret = node_enter(n, event);

	if (ret == 0)
		node_pull(n);
	return ret;
}

void node_pull(struct tidal_node *n)
{
	struct tidal_action action;

	while (tidal_core_pull(n->core, &action) == 1) {
		n->stats.actions++;
		if (n->recording)
			eventlog_action(&n->log, &action);
		node_act(n, &action);
	}
}
