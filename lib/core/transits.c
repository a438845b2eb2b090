/* SPDX-License-Identifier: BSD-3-Clause */
/* transits - see transits.h. Numbers in links are index + 1, so that zeroed memory is empty. */
#include "transits.h"

#include "assert.h"

#define KEY_BITS 35

const char *situation_name(unsigned s)
{
	switch (s) {
#define NAME_OF(name, text)                                                                   \
	case SIT_##name:                                                                      \
		return #name;
		SITUATIONS(NAME_OF)
	default:
		return "?";
	}
}

static struct transit *transits_of(const struct transits *ts)
{
	return (struct transit *)((char *)(uintptr_t)ts + ts->transits);
}

static struct queued *queued_of(const struct transits *ts)
{
	return (struct queued *)((char *)(uintptr_t)ts + ts->queued);
}

static uint32_t *heap_of(const struct transits *ts)
{
	return (uint32_t *)((char *)(uintptr_t)ts + ts->heap);
}

void transits_init(struct transits *ts, struct arena *a, uint32_t size)
{
	struct transit *t;
	struct queued *q;
	uint32_t *heap;

	table_init(&ts->index, a, size, KEY_BITS);
	t = arena_take(a, (size_t)size * sizeof(*t), 64);
	q = arena_take(a, (size_t)size * 2 * sizeof(*q), 64);
	heap = arena_take(a, (size_t)size * sizeof(*heap), 64);
	if (!a->base)
		return;
	ts->transits = rel_to(ts, t);
	ts->queued = rel_to(ts, q);
	ts->heap = rel_to(ts, heap);
	ts->size = size;
	ts->queued_size = size * 2;
}

uint32_t transit_number(const struct transits *ts, const struct transit *t)
{
	return (uint32_t)(t - transits_of(ts)) + 1;
}

struct transit *transit_at(const struct transits *ts, uint32_t number)
{
	return number == 0 ? NULL : transits_of(ts) + number - 1;
}

struct transit *transits_find(const struct transits *ts, tidal_gfn gfn)
{
	struct entry e;

	if (ts->used == 0 || !table_get(&ts->index, gfn + 1, &e))
		return NULL;
	return transit_at(ts, (uint32_t)e.b);
}

struct transit *transits_begin(struct transits *ts, tidal_gfn gfn)
{
	struct transit *t;
	struct entry e = { .a = gfn + 1 };

	if (!transits_room(ts))
		return NULL;
	t = transit_at(ts, ts->free ? ts->free : ++ts->fresh);
	if (ts->free)
		ts->free = t->next_free;
	*t = (struct transit){
		.gfn = gfn,
		.drop_to = TIDAL_NODE_NONE,
		.peer = TIDAL_NODE_NONE,
		.vcpu = TIDAL_VCPU_NONE,
		.hold_vcpu = TIDAL_VCPU_NONE,
		.frame = TIDAL_FRAME_NONE,
		.timer = TIDAL_NEVER,
		.since = TIDAL_NEVER,
	};
	e.b = transit_number(ts, t);
	table_put(&ts->index, &e);
	ts->used++;
	return t;
}

void transits_end(struct transits *ts, struct transit *t)
{
	ASSERT(t->queue == 0 && t->hold_vcpu == TIDAL_VCPU_NONE && !t->promised);
	transit_timer(ts, t, TIDAL_NEVER);
	transit_room_leave(ts, t);
	table_del(&ts->index, t->gfn + 1);
	t->state = SIT_INVALID;
	t->next_free = ts->free;
	ts->free = transit_number(ts, t);
	ts->used--;
}

bool transit_queue(struct transits *ts, struct transit *t, const struct wire_request *r)
{
	struct queued *q = queued_of(ts);
	uint32_t n;

	for (n = t->queue; n; n = q[n - 1].next)
		if (q[n - 1].request.node == r->node) {
			q[n - 1].request = *r; /* it has one request out: the earlier is no more */
			return true;
		}
	if (ts->queued_free) {
		n = ts->queued_free;
		ts->queued_free = q[n - 1].next;
	} else if (ts->queued_fresh < ts->queued_size) {
		n = ++ts->queued_fresh;
	} else {
		return false;
	}
	q[n - 1] = (struct queued){ *r, 0 };
	if (t->queue)
		q[t->queue_tail - 1].next = n;
	else
		t->queue = n;
	t->queue_tail = n;
	ts->queued_used++;
	return true;
}

const struct wire_request *transit_look(const struct transits *ts, const struct transit *t,
					uint32_t *at)
{
	const struct queued *q = queued_of(ts);

	*at = *at ? q[*at - 1].next : t->queue;
	return *at ? &q[*at - 1].request : NULL;
}

/* Does a come before b among those who starve? */
static bool older(const struct wire_request *a, const struct wire_request *b)
{
	return a->since != b->since ? a->since < b->since : a->vcpu < b->vcpu;
}

bool transit_dequeue(struct transits *ts, struct transit *t, struct wire_request *r)
{
	struct queued *q = queued_of(ts);
	uint32_t best = t->queue, before_best = 0, before = 0;

	if (best == 0)
		return false;
	for (uint32_t n = t->queue; n; before = n, n = q[n - 1].next) {
		const struct wire_request *a = &q[n - 1].request, *b = &q[best - 1].request;

		if (a->flags & WIRE_STARVING && (!(b->flags & WIRE_STARVING) || older(a, b))) {
			best = n;
			before_best = before;
		}
	}
	*r = q[best - 1].request;
	if (before_best)
		q[before_best - 1].next = q[best - 1].next;
	else
		t->queue = q[best - 1].next;
	if (t->queue_tail == best)
		t->queue_tail = before_best;
	q[best - 1].next = ts->queued_free;
	ts->queued_free = best;
	ts->queued_used--;
	return true;
}

uint32_t transit_queued(const struct transits *ts, const struct transit *t)
{
	uint32_t count = 0;

	for (uint32_t n = t->queue; n; n = queued_of(ts)[n - 1].next)
		count++;
	return count;
}

/* A binary heap by time, then by gfn, so that equal times have one order everywhere. */
static bool rings_before(const struct transit *a, const struct transit *b)
{
	return a->timer != b->timer ? a->timer < b->timer : a->gfn < b->gfn;
}

static void heap_set(struct transits *ts, uint32_t at, uint32_t number)
{
	heap_of(ts)[at - 1] = number;
	transit_at(ts, number)->heap_at = at;
}

static void heap_up(struct transits *ts, uint32_t at)
{
	uint32_t number = heap_of(ts)[at - 1];

	while (at > 1) {
		uint32_t up = heap_of(ts)[at / 2 - 1];

		if (!rings_before(transit_at(ts, number), transit_at(ts, up)))
			break;
		heap_set(ts, at, up);
		at /= 2;
	}
	heap_set(ts, at, number);
}

static void heap_down(struct transits *ts, uint32_t at)
{
	uint32_t *heap = heap_of(ts), number = heap[at - 1];

	for (;;) {
		uint32_t kid = at * 2;

		if (kid > ts->heap_used)
			break;
		if (kid < ts->heap_used &&
		    rings_before(transit_at(ts, heap[kid]), transit_at(ts, heap[kid - 1])))
			kid++;
		if (!rings_before(transit_at(ts, heap[kid - 1]), transit_at(ts, number)))
			break;
		heap_set(ts, at, heap[kid - 1]);
		at = kid;
	}
	heap_set(ts, at, number);
}

static void heap_remove(struct transits *ts, struct transit *t)
{
	uint32_t at = t->heap_at, last = heap_of(ts)[ts->heap_used - 1];

	t->heap_at = 0;
	ts->heap_used--;
	if (at > ts->heap_used)
		return;
	heap_set(ts, at, last);
	heap_up(ts, at);
	heap_down(ts, transit_at(ts, last)->heap_at);
}

void transit_timer(struct transits *ts, struct transit *t, tidal_time when)
{
	if (t->heap_at)
		heap_remove(ts, t);
	t->timer = when;
	if (when == TIDAL_NEVER)
		return;
	heap_set(ts, ++ts->heap_used, transit_number(ts, t));
	heap_up(ts, ts->heap_used);
}

struct transit *transits_due(const struct transits *ts, tidal_time now)
{
	struct transit *t;

	if (ts->heap_used == 0)
		return NULL;
	t = transit_at(ts, heap_of(ts)[0]);
	return t->timer <= now ? t : NULL;
}

tidal_time transits_deadline(const struct transits *ts)
{
	return ts->heap_used == 0 ? TIDAL_NEVER : transit_at(ts, heap_of(ts)[0])->timer;
}

void transit_room_join(struct transits *ts, struct transit *t)
{
	uint32_t n = transit_number(ts, t);

	if (t->in_room)
		return;
	t->in_room = true;
	t->room_prev = ts->room_last;
	t->room_next = 0;
	if (ts->room_last)
		transit_at(ts, ts->room_last)->room_next = n;
	else
		ts->room_first = n;
	ts->room_last = n;
	ts->room_count++;
}

void transit_room_leave(struct transits *ts, struct transit *t)
{
	if (!t->in_room)
		return;
	if (t->room_prev)
		transit_at(ts, t->room_prev)->room_next = t->room_next;
	else
		ts->room_first = t->room_next;
	if (t->room_next)
		transit_at(ts, t->room_next)->room_prev = t->room_prev;
	else
		ts->room_last = t->room_prev;
	t->in_room = false;
	t->room_prev = t->room_next = 0;
	ts->room_count--;
}
