/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * queue - packets under way, taken in the order of (delivery time, sequence number), per
 * destination. A fixed pool; payloads lie in chains of blocks. Memory that was never needed is
 * never touched.
 */
#ifndef TIDAL_TRANSPORTS_INPROC_QUEUE_H
#define TIDAL_TRANSPORTS_INPROC_QUEUE_H

#include <stdbool.h>
#include <tidal/transport.h>

#define QUEUE_BLOCK 4096u
#define QUEUE_NONE UINT32_MAX

/* What is put into the queue; header and data are copied. */
struct packet_in {
	tidal_nodeid from, to;
	uint16_t payload;
	uint32_t len, data_len;
	const void *header, *data;
};

/* A packet in the queue. */
struct packet {
	tidal_time due;
	uint64_t seq;
	uint32_t child, next; /* pairing heap: first child, next sibling */
	uint32_t data, data_len; /* first block */
	uint32_t len;
	tidal_nodeid from;
	uint16_t payload;
	uint8_t header[TIDAL_HEADER_MAX];
};

/* Numbers 0 .. size - 1: those given back, chained, and those from *fresh* on never used. */
struct queue_pool {
	uint32_t size, fresh, free;
	uint32_t used;
	uint32_t *next;
};

struct queue {
	uint32_t nodes, leaves;
	uint64_t seq;
	struct queue_pool packets, blocks;
	struct packet *packet;
	uint8_t *block;
	uint32_t *root;	 /* heap of each destination */
	tidal_time *next; /* tournament of the heaps' first delivery times; the winner is next[1] */
};

/* false: no memory. queue_fini() works in either case. */
bool queue_init(struct queue *q, uint32_t nodes, uint32_t size);
void queue_fini(struct queue *q);

bool queue_room(const struct queue *q, uint32_t data_len);
/* Only with room. */
void queue_put(struct queue *q, tidal_time due, const struct packet_in *in);
/* The first packet for a node, or NULL; it stays in the queue until queue_drop(). */
const struct packet *queue_first(const struct queue *q, tidal_nodeid to);
/* Copy the payload of a packet. */
void queue_payload(const struct queue *q, const struct packet *p, void *to);
void queue_drop(struct queue *q, tidal_nodeid to);
/* When the first packet (for a node; for any) is due; TIDAL_NEVER. */
tidal_time queue_due(const struct queue *q, tidal_nodeid to);
tidal_time queue_due_any(const struct queue *q);

#endif
