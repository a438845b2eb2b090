/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_pool - the pool of messages: who may take an entry, which entries refer to a page
 * frame, and which are settled and wait to be reported.
 *
 * An entry that has a payload or a cookie is reported once: when it is acknowledged or lost
 * or, if that comes first, when its payload is withdrawn; in the latter case it still waits
 * for its acknowledgement, and is free when both are over.
 */
#include <tidal/event.h>

#include "assert.h"
#include "link_state.h"

bool link_room(const struct link *l, enum link_class class, unsigned n)
{
	static const uint8_t keep[LINK_CLASSES] = { 2, 1, 0 }; /* quarters of the pool */
	uint32_t spare = (uint32_t)((uint64_t)l->messages * keep[class] / 4);
	uint32_t left = l->messages - l->used;

	return left >= spare && n <= left - spare;
}

struct msg *link_msg_new(struct link *l)
{
	struct msg *m;

	if (l->free) {
		m = msg_at(l, l->free);
		l->free = m->next;
	} else { /* in order, so that a pool that is hardly used is hardly touched */
		ASSERT(l->fresh < l->messages);
		m = msg_at(l, ++l->fresh);
	}
	l->used++;
	return m;
}

static void release(struct link *l, struct msg *m)
{
	m->state = MSG_FREE;
	m->next = l->free;
	l->free = msg_index(l, m);
	l->used--;
}

/* Make the payload's frame known to link_withdraw(). */
void link_frame_enter(struct link *l, struct msg *m)
{
	uint32_t *bucket = frame_bucket(l, m->payload.buf);

	m->frame_prev = 0;
	m->frame_next = *bucket;
	*bucket = msg_index(l, m);
	if (m->frame_next)
		msg_at(l, m->frame_next)->frame_prev = *bucket;
}

static void frame_leave(struct link *l, struct msg *m)
{
	if (m->frame_prev)
		msg_at(l, m->frame_prev)->frame_next = m->frame_next;
	else
		*frame_bucket(l, m->payload.buf) = m->frame_next;
	if (m->frame_next)
		msg_at(l, m->frame_next)->frame_prev = m->frame_prev;
}

static void report(struct link *l, struct msg *m, bool lost)
{
	uint32_t i = msg_index(l, m);

	m->settled = true;
	m->lost = lost;
	m->settled_next = 0;
	if (l->settled_tail)
		msg_at(l, l->settled_tail)->settled_next = i;
	else
		l->settled_head = i;
	l->settled_tail = i;
}

static bool is_told(const struct msg *m, bool lost)
{
	if (m->payload.kind != TIDAL_PAYLOAD_NONE)
		return true;
	return m->cookie && (lost || !(m->cookie & LINK_IF_LOST));
}

void link_finish(struct link *l, struct msg *m, bool lost)
{
	l->pending[m->class]--;
	m->state = MSG_DONE;
	if (!m->withdrawn) {
		if (m->payload.kind == TIDAL_PAYLOAD_PAGE)
			frame_leave(l, m);
		if (is_told(m, lost))
			report(l, m, lost);
	}
	if (!m->settled)
		release(l, m);
}

bool link_any_settled(const struct link *l)
{
	return l->settled_head != 0;
}

bool link_settled(struct link *l, struct link_settled *s)
{
	struct msg *m;

	if (!l->settled_head)
		return false;
	m = msg_at(l, l->settled_head);
	l->settled_head = m->settled_next;
	if (!l->settled_head)
		l->settled_tail = 0;
	*s = (struct link_settled){ .to = m->to,
				    .lost = m->lost,
				    .payload = m->payload,
				    .cookie = m->cookie,
				    .body = m->body,
				    .len = m->len };
	m->settled = false;
	if (m->state == MSG_DONE)
		release(l, m);
	return true;
}

unsigned link_withdraw(struct link *l, uint32_t buf)
{
	uint32_t i = *frame_bucket(l, buf);
	unsigned n = 0;

	while (i) {
		struct msg *m = msg_at(l, i);

		i = m->frame_next;
		if (m->payload.buf != buf)
			continue;
		frame_leave(l, m);
		m->withdrawn = true;
		report(l, m, false);
		n++;
	}
	return n;
}

unsigned link_pending(const struct link *l)
{
	return l->pending[LINK_REQUEST] + l->pending[LINK_FORWARD] + l->pending[LINK_REPLY];
}
