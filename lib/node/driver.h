/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's parts, and what they tell each other. A step goes
 *
 *	transport -> messages ---\                        /-> host, transport
 *	host -> events -----------> push -> core -> pull --> actions
 *	embedder -> access ------/                        \-> events (when the host refuses)
 *
 * Only node_push() touches the core, and it pulls all actions before it returns; an action
 * never pushes, but leaves an event for later. Everything is allocated when the node opens.
 */
#ifndef TIDAL_NODE_DRIVER_H
#define TIDAL_NODE_DRIVER_H

#include <stdbool.h>
#include <tidal/node.h>

#include "access.h"
#include "around.h"
#include "buffers.h"
#include "eventlog.h"
#include "events.h"
#include "messages.h"
#include "threads.h"

struct tidal_node {
	struct tidal_core *core;
	void *core_memory;
	const struct tidal_host_ops *host_ops;
	struct tidal_host *host;
	struct tidal_host_caps host_caps;
	const struct tidal_transport_ops *wire_ops;
	struct tidal_transport *wire;
	struct tidal_transport_caps wire_caps;
	struct tidal_node_callbacks callbacks;
	void *arg;

	uint8_t *setup; /* how an event log begins; until the first step, if it can be recorded */
	size_t setup_len;
	uint64_t memory_end; /* first gpa outside of guest memory; 0: not known */
	tidal_nodeid self;
	bool lossless;  /* the core relies on every message */
	bool unsettled; /* actions were carried out whose completions nobody has polled */
	bool owed;	/* likewise, since the host was polled last */
	atomic_bool woke; /* a vCPU was run; for the thread that drives */
	bool busy;	/* inside of step or command: callbacks may not call these */
	bool recording;
	bool tracing;	/* the core does, and the embedder wants to know */
	int broken;	/* the error that every further step returns */
	uint64_t steps;
	tidal_time now;
	uint32_t running; /* vCPUs */

	struct buffers buffers;
	struct messages messages;
	struct events events;
	struct accesses accesses;
	struct around around;
	struct eventlog_writer log;
	struct tidal_node_stats stats;
	struct threads *threads;
};

/* How much a step does. */
enum node_look {
	NODE_SETTLE, /* all, until nothing more comes of it: tidal_node_step() */
	/* once, and without the host if that was asked for nothing: the rest is the next one's */
	NODE_GLANCE,
};

/* node.c: as tidal_node_step(). */
int node_drive(struct tidal_node *n, tidal_time now, uint32_t budget, enum node_look look);

/* push.c: give an event to the core, then carry out all actions. Returns what the core did. */
int node_push(struct tidal_node *n, const struct tidal_event *event);
/* The same in two steps: something is to be done before the actions are pulled. */
int node_enter(struct tidal_node *n, const struct tidal_event *event);
void node_pull(struct tidal_node *n);

/* actions.c */
void node_act(struct tidal_node *n, const struct tidal_action *action);
/* Tell the embedder of a failure that the core doesn't see. */
void node_report_failure(struct tidal_node *n, int error, tidal_vcpuid vcpu, const char *text);

/* trace.c: what the driver sees that the core does not tell; tracing only. */
void node_trace_event(struct tidal_node *n, const struct tidal_event *event);
void node_trace_run(struct tidal_node *n, const struct tidal_act_vcpu *run);

/* record.c */
int node_record_prepare(struct tidal_node *n, const struct tidal_params *params);
int node_record_begin(struct tidal_node *n);
void node_record_event(struct tidal_node *n, const struct tidal_event *event, int result);
void node_record_end(struct tidal_node *n);

#endif
