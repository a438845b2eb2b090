/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events - what the host told and the core has not taken yet: a bounded queue.
 *
 * What the core puts off waits, and so does what follows of the same vCPU; everything else
 * passes, since it may be what makes room.
 */
#ifndef TIDAL_NODE_EVENTS_H
#define TIDAL_NODE_EVENTS_H

#include <stdbool.h>
#include <tidal/event.h>

#define EVENTS_SIZE 1024 /* a power of two; half of it is for what actions add */

struct events {
	uint32_t head, tail;
	struct events_entry {
		uint64_t step; /* not before this one */
		struct tidal_event event;
	} ring[EVENTS_SIZE];
};

struct tidal_node;

/* Take what the host has, running vCPUs for *budget*; returns how many. Pushes nothing. */
int events_poll(struct tidal_node *n, uint32_t budget);
/* Push what waits, once each; returns how many the core took or refused for good. */
int events_push(struct tidal_node *n);
/* Events that the driver itself makes. */
void events_add(struct tidal_node *n, const struct tidal_event *event);
void events_add_next_step(struct tidal_node *n, const struct tidal_event *event);
/* Something waits. */
bool events_waiting(const struct events *q);

#endif
