/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_check - the invariants of a link. Nothing is written, so "in exactly one list" is
 * shown by counting: every list holds entries of its own state only, and their lengths
 * add up to the pool.
 */
#include <tidal/event.h>

#include "link_state.h"

#define CHECK(cond, text)               \
	do {                            \
		if (!(cond)) {          \
			*why = (text);  \
			return false;   \
		}                       \
	} while (0)

struct tally {
	uint32_t free, done; /* entries in these states; the others are counted by class */
	uint32_t pending[LINK_CLASSES];
	uint32_t settled, framed;
};

/* Without the compiler's own, which may be a call of its library. */
static unsigned ones(uint64_t w)
{
	unsigned n = 0;

	for (; w; w &= w - 1)
		n++;
	return n;
}

static bool has_frame(const struct msg *m)
{
	return (m->state == MSG_QUEUED || m->state == MSG_FLIGHT) && !m->withdrawn &&
	       m->payload.kind == TIDAL_PAYLOAD_PAGE;
}

static bool check_entries(const struct link *l, struct tally *t, const char **why)
{
	CHECK(l->fresh <= l->messages, "link: pool too large");
	for (uint32_t i = 1; i <= l->fresh; i++) {
		const struct msg *m = msg_at(l, i);

		CHECK(m->state <= MSG_DONE, "link: message in no state");
		CHECK(m->class < LINK_CLASSES, "link: message of no class");
		CHECK(m->state != MSG_FREE || !m->settled, "link: free message to be reported");
		CHECK(m->state != MSG_DONE || m->settled, "link: settled message kept");
		t->free += m->state == MSG_FREE;
		t->done += m->state == MSG_DONE;
		t->settled += m->settled;
		t->framed += has_frame(m);
		if (m->state == MSG_QUEUED || m->state == MSG_FLIGHT)
			t->pending[m->class]++;
	}
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		CHECK(t->pending[c] == l->pending[c], "link: class count is wrong");
	CHECK(l->used == l->fresh - t->free, "link: count of used messages is wrong");
	return true;
}

static bool check_lists(const struct link *l, const struct tally *t, const char **why)
{
	uint32_t n = 0, last = 0;

	for (uint32_t i = l->free; i; i = msg_at(l, i)->next) {
		CHECK(i <= l->fresh && n++ < t->free, "link: free list is wrong");
		CHECK(msg_at(l, i)->state == MSG_FREE, "link: message in free list is not free");
	}
	CHECK(n == t->free, "link: free message is in no list");
	n = 0;
	for (uint32_t i = l->settled_head; i; i = msg_at(l, i)->settled_next) {
		CHECK(i <= l->fresh && n++ < t->settled, "link: settled list is wrong");
		CHECK(msg_at(l, i)->settled, "link: settled list has an unsettled message");
		last = i;
	}
	CHECK(n == t->settled && last == l->settled_tail, "link: settled list ends wrong");
	n = 0;
	for (uint32_t b = 0; b <= l->frame_mask; b++) {
		const uint32_t *bucket = (const uint32_t *)((const char *)l + l->frames) + b;
		uint32_t prev = 0;

		for (uint32_t i = *bucket; i; prev = i, i = msg_at(l, i)->frame_next) {
			CHECK(i <= l->fresh && n++ < t->framed, "link: hash of frames is wrong");
			CHECK(has_frame(msg_at(l, i)), "link: message hashed without frame");
			CHECK(frame_bucket(l, msg_at(l, i)->payload.buf) == bucket,
			      "link: message in the wrong bucket");
			CHECK(msg_at(l, i)->frame_prev == prev, "link: bucket linked wrong");
		}
	}
	CHECK(n == t->framed, "link: frame of a message is not hashed");
	return true;
}

static bool check_lane(const struct link *l, tidal_nodeid id, unsigned c, struct tally *t,
		       const char **why)
{
	const struct peer *p = peer_at(l, id);
	const struct lane *lane = &p->lane[c];
	uint64_t window = lane_window(c);
	uint32_t last = 0;

	CHECK(lane->acked <= lane->sent && lane->sent - lane->acked <= window,
	      "link: window too wide");
	CHECK(!(lane->repeat & ~lane->flight), "link: repeats what is not in flight");
	CHECK(!(lane->beyond & 1) && (window == 64 || lane->beyond >> window == 0),
	      "link: receive window is wrong");
	for (uint64_t seq = lane->acked + 1; seq <= lane->sent; seq++) {
		uint32_t i = p->slot[lane_base(c) + (seq & (window - 1))];

		if (!(lane->flight >> (seq & (window - 1)) & 1))
			continue;
		CHECK(i && i <= l->fresh && msg_at(l, i)->state == MSG_FLIGHT, "link: slot's message");
		CHECK(msg_at(l, i)->seq == seq && msg_at(l, i)->class == c &&
		      msg_at(l, i)->to == id, "link: message in the wrong slot");
		CHECK(lane->repeat >> (seq & (window - 1)) & 1 ||
		      (p->retry_at && p->retry_at <= msg_at(l, i)->due),
		      "link: message without timeout");
		CHECK(t->pending[c]-- > 0, "link: message in two places");
	}
	CHECK(ones(lane->flight) <= lane->sent - lane->acked,
	      "link: in flight outside of the window");
	for (uint32_t i = lane->head; i; i = msg_at(l, i)->next) {
		CHECK(i <= l->fresh && t->pending[c]-- > 0, "link: queue is wrong");
		CHECK(msg_at(l, i)->state == MSG_QUEUED && msg_at(l, i)->class == c &&
		      msg_at(l, i)->to == id, "link: message in the wrong queue");
		last = i;
	}
	CHECK(lane->tail == last, "link: queue ends wrong");
	return true;
}

static bool check_peer(const struct link *l, tidal_nodeid id, struct tally *t, const char **why)
{
	const struct peer *p = peer_at(l, id);
	tidal_time at = link_timer_of(p);
	uint32_t flight = 0;
	bool queue = false;

	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		if (!check_lane(l, id, c, t, why))
			return false;
		flight += ones(p->lane[c].flight);
		queue = queue || p->lane[c].head;
	}
	CHECK(p->flight == flight, "link: count of messages in flight is wrong");
	CHECK(!flight || p->incarnation, "link: sent to an unknown peer");
	CHECK(!queue || !p->down, "link: queued for a peer that is gone");
	CHECK(p->ringed == link_sendable(l, p), "link: ring without peer, or peer without");
	CHECK(!queue || p->incarnation || l->ideal || p->speak || p->retry_at,
	      "link: peer waits for a hello that nobody sends");
	CHECK(!p->timer == !at, "link: peer with time and without timer, or the reverse");
	CHECK(!p->timer || (p->timer <= l->timer_count && timer_at(l, p->timer)->peer == id &&
			    timer_at(l, p->timer)->at == at), "link: timer is wrong");
	return true;
}

static bool check_ring(const struct link *l, uint32_t ringed, const char **why)
{
	uint32_t n = 0;
	uint16_t last = 0;

	for (uint16_t i = l->ring_head; i;) {
		const struct peer *p = peer_at(l, (tidal_nodeid)(i - 1));

		CHECK(i <= l->nodes && n++ < ringed, "link: ring is wrong");
		CHECK(p->ringed && p->ring_prev == last, "link: ring is linked wrong");
		last = i;
		i = p->ring_next;
	}
	CHECK(n == ringed && last == l->ring_tail, "link: ring ends wrong");
	return true;
}

bool link_check(const struct link *l, const char **why)
{
	struct tally t = { 0 };
	uint32_t ringed = 0, timers = 0;

	if (!check_entries(l, &t, why) || !check_lists(l, &t, why))
		return false;
	for (tidal_nodeid id = 0; id < l->nodes; id++) {
		if (!check_peer(l, id, &t, why))
			return false;
		ringed += peer_at(l, id)->ringed;
		timers += peer_at(l, id)->timer != 0;
	}
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		CHECK(t.pending[c] == 0, "link: message in no list");
	CHECK(timers == l->timer_count, "link: count of timers is wrong");
	for (unsigned i = 2; i <= l->timer_count; i++)
		CHECK(timer_at(l, i / 2)->at <= timer_at(l, i)->at, "link: timers out of order");
	return check_ring(l, ringed, why);
}
