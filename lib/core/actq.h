/* SPDX-License-Identifier: BSD-3-Clause */
/* actq - the ring of actions that wait to be pulled. A push needs ACTQ_PUSH free places. */
#ifndef TIDAL_CORE_ACTQ_H
#define TIDAL_CORE_ACTQ_H

#include <stdbool.h>
#include <tidal/action.h>

#include "assert.h"

#define ACTQ_SIZE 256
#define ACTQ_PUSH 128 /* the most that one push may add */

struct actq {
	uint32_t head, tail;
	struct tidal_action ring[ACTQ_SIZE];
};

static inline uint32_t actq_used(const struct actq *q)
{
	return q->tail - q->head;
}

static inline bool actq_room(const struct actq *q)
{
	return actq_used(q) + ACTQ_PUSH <= ACTQ_SIZE;
}

/* A zeroed action of that kind at the end of the queue, to be filled in. */
static inline struct tidal_action *actq_add(struct actq *q, uint32_t kind)
{
	struct tidal_action *a = &q->ring[q->tail % ACTQ_SIZE];

	ASSERT(actq_used(q) < ACTQ_SIZE);
	*a = (struct tidal_action){ .kind = kind };
	q->tail++;
	return a;
}

static inline bool actq_take(struct actq *q, struct tidal_action *a)
{
	if (q->head == q->tail)
		return false;
	*a = q->ring[q->head % ACTQ_SIZE];
	q->head++;
	if (q->head == q->tail)
		q->head = q->tail = 0; /* an empty ring begins where it is warm */
	return true;
}

#endif
