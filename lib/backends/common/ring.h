/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events on their way to poll(). It can't overflow: what may raise an event later
 * makes sure of room first (see host_ring_room()).
 */
#ifndef BACKENDS_RING_H
#define BACKENDS_RING_H

#include <assert.h>
#include <stdbool.h>
#include <tidal/event.h>

struct host_ring {
	struct tidal_event *events;
	uint32_t mask; /* capacity - 1, a power of two */
	uint32_t head, tail; /* free-running: next to take, next to fill */
};

static inline uint32_t host_ring_room(const struct host_ring *ring)
{
	return ring->mask + 1 - (ring->tail - ring->head);
}

static inline bool host_ring_empty(const struct host_ring *ring)
{
	return ring->head == ring->tail;
}

/* The next event of that kind, to be filled in. */
static inline struct tidal_event *host_ring_put(struct host_ring *ring, uint32_t kind)
{
	struct tidal_event *event = &ring->events[ring->tail & ring->mask];

	assert(host_ring_room(ring) > 0);
	ring->tail++;
	*event = (struct tidal_event){ .kind = kind };
	return event;
}

static inline int host_ring_take(struct host_ring *ring, struct tidal_event *events, int n)
{
	int i = 0;

	while (i < n && ring->head != ring->tail)
		events[i++] = ring->events[ring->head++ & ring->mask];
	return i;
}

#endif
