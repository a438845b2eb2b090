/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_timer - one timer per peer, in a binary heap that holds the peers with a time only.
 */
#include "assert.h"
#include "link_state.h"

tidal_time link_timer_of(const struct peer *p)
{
	if (p->retry_at == 0 || (p->ack_at != 0 && p->ack_at < p->retry_at))
		return p->ack_at;
	return p->retry_at;
}

static void put(struct link *l, unsigned place, struct timer t)
{
	*timer_at(l, place) = t;
	peer_at(l, (tidal_nodeid)t.peer)->timer = (uint16_t)place;
}

/* Move *t* from *place*, which is free, towards the root as far as it belongs. */
static void rise(struct link *l, unsigned place, struct timer t)
{
	while (place > 1 && t.at < timer_at(l, place / 2)->at) {
		put(l, place, *timer_at(l, place / 2));
		place /= 2;
	}
	put(l, place, t);
}

/* The same towards the leaves. */
static void sink(struct link *l, unsigned place, struct timer t)
{
	for (;;) {
		unsigned child = 2 * place;

		if (child < l->timer_count && timer_at(l, child + 1)->at < timer_at(l, child)->at)
			child++;
		if (child > l->timer_count || timer_at(l, child)->at >= t.at)
			break;
		put(l, place, *timer_at(l, child));
		place = child;
	}
	put(l, place, t);
}

static void settle(struct link *l, unsigned place, struct timer t)
{
	if (place > 1 && t.at < timer_at(l, place / 2)->at)
		rise(l, place, t);
	else
		sink(l, place, t);
}

static void delete(struct link *l, struct peer *p)
{
	unsigned place = p->timer;
	struct timer last = *timer_at(l, l->timer_count);

	p->timer = 0;
	l->timer_count--;
	if (place <= l->timer_count)
		settle(l, place, last);
}

void link_timer_set(struct link *l, tidal_nodeid id)
{
	struct peer *p = peer_at(l, id);
	struct timer t = { link_timer_of(p), id };

	if (t.at == 0) {
		if (p->timer)
			delete(l, p);
	} else if (p->timer == 0) {
		ASSERT(l->timer_count < l->nodes);
		l->timer_count++;
		rise(l, l->timer_count, t);
	} else if (timer_at(l, p->timer)->at != t.at) {
		settle(l, p->timer, t);
	}
}

tidal_time link_deadline(const struct link *l)
{
	if (l->ring_head)
		return 0;
	return l->timer_count ? timer_at(l, 1)->at : TIDAL_NEVER;
}
