/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events on their way to poll(). It can't overflow: what may raise an event later
 * makes sure of room first (see fake_ring_room()).
 */
#ifndef FAKE_RING_H
#define FAKE_RING_H

#include <assert.h>
#include <tidal/event.h>

struct fake_ring {
	struct tidal_event *events;
	uint32_t mask; /* capacity - 1, a power of two */
	uint32_t head, tail; /* free-running: next to take, next to fill */
};

static inline uint32_t fake_ring_room(const struct fake_ring *ring)
{
	return ring->mask + 1 - (ring->tail - ring->head);
}

/* The next event of that kind, to be filled in. */
static inline struct tidal_event *fake_ring_put(struct fake_ring *ring, uint32_t kind)
{
	struct tidal_event *event = &ring->events[ring->tail & ring->mask];

	assert(fake_ring_room(ring) > 0);
	ring->tail++;
	*event = (struct tidal_event){ .kind = kind };
	return event;
}

static inline int fake_ring_take(struct fake_ring *ring, struct tidal_event *events, int n)
{
	int i = 0;

	while (i < n && ring->head != ring->tail)
		events[i++] = ring->events[ring->head++ & ring->mask];
	return i;
}

#endif
