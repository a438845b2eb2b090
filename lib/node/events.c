/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of the host: taken in batches, pushed in order, put off when the core has no room. */
#include <string.h>

#include "driver.h"

#define BATCH 32

static uint32_t used(const struct events *q)
{
	return q->tail - q->head;
}

bool events_waiting(const struct events *q)
{
	return used(q) > 0;
}

/* None may be lost, so a host that refuses without end is the end. */
static void add(struct tidal_node *n, const struct tidal_event *event, uint64_t step)
{
	struct events *q = &n->events;

	if (used(q) == EVENTS_SIZE) {
		n->broken = TIDAL_EBROKEN;
		return;
	}
	q->ring[q->tail++ % EVENTS_SIZE] = (struct events_entry){ step, *event };
}

void events_add(struct tidal_node *n, const struct tidal_event *event)
{
	add(n, event, 0);
}

void events_add_next_step(struct tidal_node *n, const struct tidal_event *event)
{
	add(n, event, n->steps + 1);
}

static void note(struct tidal_node *n, struct tidal_event *event)
{
	switch (event->kind) {
	case TIDAL_EV_STALL:
	case TIDAL_EV_VCPU_STOPPED:
		if (n->running > 0)
			n->running--;
		break;
	case TIDAL_EV_HOST_DONE:
		buffers_done(n, &event->u.done);
		break;
	default:
		break;
	}
}

int events_poll(struct tidal_node *n, uint32_t budget)
{
	struct tidal_event batch[BATCH];
	uint32_t room = EVENTS_SIZE / 2;
	int got;

	if (used(&n->events) >= room)
		return 0;
	room -= used(&n->events);
	n->owed = false;
	got = n->host_ops->poll(n->host, budget, batch, room < BATCH ? (int)room : BATCH);
	for (int i = 0; i < got; i++) {
		note(n, &batch[i]);
		events_add(n, &batch[i]);
	}
	return got > 0 ? got : 0;
}

/* The vCPU that an event is about; NONE for those that need no order. */
static tidal_vcpuid vcpu_of(const struct tidal_event *event)
{
	switch (event->kind) {
	case TIDAL_EV_STALL:
		return event->u.stall.vcpu;
	case TIDAL_EV_VCPU_STOPPED:
		return event->u.stopped.vcpu;
	case TIDAL_EV_RETIRED:
		return event->u.retired.vcpu;
	case TIDAL_EV_VCPU_WAKE:
		return event->u.wake.vcpu;
	default:
		return TIDAL_VCPU_NONE;
	}
}

static void refused(struct tidal_node *n, const struct tidal_event *event, int error)
{
	/* a wake-up or a retired instruction may come too late to matter */
	if (event->kind == TIDAL_EV_VCPU_WAKE || event->kind == TIDAL_EV_RETIRED)
		return;
	node_report_failure(n, error, vcpu_of(event), "the core refuses an event of the host");
}

int events_push(struct tidal_node *n)
{
	struct events *q = &n->events;
	uint64_t blocked[TIDAL_VCPUS_MAX / 64] = { 0 };
	uint32_t end = q->tail;
	int pushed = 0;

	while (q->head != end && n->broken == 0) {
		struct events_entry e = q->ring[q->head++ % EVENTS_SIZE];
		tidal_vcpuid v = vcpu_of(&e.event);
		int ret = TIDAL_EAGAIN;

		if (e.step <= n->steps &&
		    !(v < TIDAL_VCPUS_MAX && blocked[v / 64] >> v % 64 & 1))
			ret = node_push(n, &e.event);
		if (ret == TIDAL_EAGAIN) {
			add(n, &e.event, e.step);
			if (v < TIDAL_VCPUS_MAX)
				blocked[v / 64] |= UINT64_C(1) << v % 64;
			continue;
		}
		pushed++;
		if (ret == 0 && e.event.kind == TIDAL_EV_STALL)
			around_stalled(n, &e.event.u.stall);
		if (ret < 0)
			refused(n, &e.event, ret);
	}
	return pushed;
}
