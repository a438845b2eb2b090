/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire - the floor's two ways to other nodes: bare libfabric (fabric.c), bare sockets (sockets.c).
 *
 * A message is a header, and a page or none. Nothing is queued: a send that finds the way full waits
 * until it isn't. Nothing is lost, or the process ends (crew_fail()).
 */
#ifndef TIDAL_BENCH_FLOOR_WIRE_H
#define TIDAL_BENCH_FLOOR_WIRE_H

#include "../crew.h"

enum kind {
	READ_IT = 1, /* requests */
	WRITE_IT,
	UPGRADE_IT,  /* to write; the sender has a copy */
	TAKE_COPY,   /* grants, with a page */
	TAKE_PAGE,
	TAKE_RIGHT,  /* a grant without */
	DROP_IT,     /* the sender writes: copies must go */
	DROPPED,
};

/* As large as libtidal's headers are, with their tail. */
struct header {
	uint8_t kind;	/* enum kind */
	uint8_t copies; /* grants to write: a bit for each node that has a copy */
	uint16_t from, page;
	uint8_t rest[58];
};
#define HEADER 64
_Static_assert(sizeof(struct header) == HEADER, "a header");

#define WIRE_FRAMES 32 /* pages to receive into, at a time */

struct wire {
	/* Returns the length of the address. */
	size_t (*open)(const struct crew_config *config, unsigned node, uint8_t *address);
	void (*connect)(const uint8_t (*address)[CREW_ADDRESS], const size_t *len);
	/* *page* must stay as it is until sent() with it was called, unless true is returned. */
	bool (*send)(unsigned to, const struct header *header, const uint8_t *page);
	/* Memory to receive a page into. */
	void (*post)(uint8_t *frame);
	/* Calls received() and sent() for what has happened; false: nothing has. */
	bool (*poll)(void);
	/* Put what tells of news into an epoll. */
	void (*watch)(int epoll);
	/* Last before sleeping on it. False: don't, there was something. */
	bool (*may_sleep)(void);
};

extern const struct wire floor_fabric, floor_sockets;

/* node.c: frame is one that was posted, NULL: the message has no page. */
void received(const struct header *header, uint8_t *frame);
void sent(const uint8_t *page);

#endif
