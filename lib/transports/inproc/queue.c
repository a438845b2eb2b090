/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets under way: a pairing heap per destination over one pool. */
#include <stdlib.h>
#include <string.h>

#include "queue.h"

static bool pool_init(struct queue_pool *pool, uint32_t size)
{
	*pool = (struct queue_pool){ .size = size, .free = QUEUE_NONE };
	pool->next = calloc(size, sizeof(*pool->next));
	return pool->next != NULL;
}

static uint32_t pool_room(const struct queue_pool *pool)
{
	return pool->size - pool->used;
}

static uint32_t pool_take(struct queue_pool *pool)
{
	uint32_t i = pool->free;

	pool->used++;
	if (i == QUEUE_NONE)
		return pool->fresh++;
	pool->free = pool->next[i];
	return i;
}

static void pool_give(struct queue_pool *pool, uint32_t i)
{
	pool->used--;
	pool->next[i] = pool->free;
	pool->free = i;
}

bool queue_init(struct queue *q, uint32_t nodes, uint32_t size)
{
	/* twice, since a saved vCPU fills two blocks; and one of the largest always fits */
	uint64_t blocks = (uint64_t)size * 2 + TIDAL_VCPU_BYTES_MAX / QUEUE_BLOCK;

	*q = (struct queue){ .nodes = nodes, .leaves = 1 };
	while (q->leaves < nodes)
		q->leaves *= 2;
	if (blocks >= QUEUE_NONE || !pool_init(&q->packets, size) ||
	    !pool_init(&q->blocks, (uint32_t)blocks))
		return false;
	q->packet = calloc(size, sizeof(*q->packet));
	q->block = calloc(blocks, QUEUE_BLOCK);
	q->root = malloc(nodes * sizeof(*q->root));
	q->next = malloc(2 * (size_t)q->leaves * sizeof(*q->next));
	if (!q->packet || !q->block || !q->root || !q->next)
		return false;
	for (uint32_t i = 0; i < nodes; i++)
		q->root[i] = QUEUE_NONE;
	for (uint32_t i = 0; i < 2 * q->leaves; i++)
		q->next[i] = TIDAL_NEVER;
	return true;
}

void queue_fini(struct queue *q)
{
	free(q->packets.next);
	free(q->blocks.next);
	free(q->packet);
	free(q->block);
	free(q->root);
	free(q->next);
	*q = (struct queue){ 0 };
}

static bool before(const struct packet *a, const struct packet *b)
{
	return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

/* One heap of two: the later root becomes the first child of the earlier. */
static uint32_t meld(struct queue *q, uint32_t a, uint32_t b)
{
	if (a == QUEUE_NONE || b == QUEUE_NONE)
		return a == QUEUE_NONE ? b : a;
	if (before(&q->packet[b], &q->packet[a])) {
		uint32_t swap = a;

		a = b;
		b = swap;
	}
	q->packet[b].next = q->packet[a].child;
	q->packet[a].child = b;
	return a;
}

/* One heap of a list of siblings: in pairs from the left, then all from the right. */
static uint32_t meld_siblings(struct queue *q, uint32_t first)
{
	uint32_t pairs = QUEUE_NONE, root = QUEUE_NONE;

	while (first != QUEUE_NONE) {
		uint32_t a = first, b = q->packet[a].next;

		first = b == QUEUE_NONE ? QUEUE_NONE : q->packet[b].next;
		a = meld(q, a, b);
		q->packet[a].next = pairs;
		pairs = a;
	}
	while (pairs != QUEUE_NONE) {
		uint32_t rest = q->packet[pairs].next;

		root = meld(q, root, pairs);
		pairs = rest;
	}
	return root;
}

/* The heap of *to* has a new root: play its matches again. */
static void set_root(struct queue *q, tidal_nodeid to, uint32_t root)
{
	uint32_t i = q->leaves + to;
	tidal_time due = root == QUEUE_NONE ? TIDAL_NEVER : q->packet[root].due;

	q->root[to] = root;
	while (q->next[i] != due) {
		q->next[i] = due;
		if (i == 1)
			break;
		if (q->next[i ^ 1] < due)
			due = q->next[i ^ 1];
		i /= 2;
	}
}

static uint32_t blocks_of(uint32_t bytes)
{
	return (bytes + QUEUE_BLOCK - 1) / QUEUE_BLOCK;
}

static uint32_t data_put(struct queue *q, const uint8_t *data, uint32_t len)
{
	uint32_t first = QUEUE_NONE, *link = &first;

	for (uint32_t done = 0; done < len;) {
		uint32_t n = len - done < QUEUE_BLOCK ? len - done : QUEUE_BLOCK;
		uint32_t i = pool_take(&q->blocks);

		memcpy(q->block + (size_t)i * QUEUE_BLOCK, data + done, n);
		*link = i;
		link = &q->blocks.next[i];
		done += n;
	}
	return first;
}

static void data_free(struct queue *q, const struct packet *p)
{
	uint32_t i = p->data;

	for (uint32_t n = blocks_of(p->data_len); n > 0; n--) {
		uint32_t next = q->blocks.next[i];

		pool_give(&q->blocks, i);
		i = next;
	}
}

bool queue_room(const struct queue *q, uint32_t data_len)
{
	return pool_room(&q->packets) > 0 && pool_room(&q->blocks) >= blocks_of(data_len);
}

void queue_put(struct queue *q, tidal_time due, const struct packet_in *in)
{
	uint32_t i;
	struct packet *p;

	i = pool_take(&q->packets);
	p = &q->packet[i];
	p->due = due;
	p->seq = q->seq++;
	p->child = p->next = QUEUE_NONE;
	p->from = in->from;
	p->payload = in->payload;
	p->len = in->len;
	p->data_len = in->data_len;
	p->data = data_put(q, in->data, in->data_len);
	if (in->len > 0)
		memcpy(p->header, in->header, in->len);
	set_root(q, in->to, meld(q, q->root[in->to], i));
}

const struct packet *queue_first(const struct queue *q, tidal_nodeid to)
{
	return q->root[to] == QUEUE_NONE ? NULL : &q->packet[q->root[to]];
}

void queue_payload(const struct queue *q, const struct packet *p, void *to)
{
	uint32_t i = p->data;

	for (uint32_t done = 0; done < p->data_len;) {
		uint32_t n = p->data_len - done < QUEUE_BLOCK ? p->data_len - done : QUEUE_BLOCK;

		memcpy((uint8_t *)to + done, q->block + (size_t)i * QUEUE_BLOCK, n);
		i = q->blocks.next[i];
		done += n;
	}
}

void queue_drop(struct queue *q, tidal_nodeid to)
{
	uint32_t i = q->root[to];

	set_root(q, to, meld_siblings(q, q->packet[i].child));
	data_free(q, &q->packet[i]);
	pool_give(&q->packets, i);
}

tidal_time queue_due(const struct queue *q, tidal_nodeid to)
{
	return q->next[q->leaves + to];
}

tidal_time queue_due_any(const struct queue *q)
{
	return q->next[1];
}
