/* SPDX-License-Identifier: BSD-3-Clause */
/* link_look - see link_look.h. */
#include "link_look.h"

#include <string.h>
#include <tidal/event.h>

#include "core/bits.h"
#include "core/link_state.h"

#define WHILE UINT64_C(10000000)

void link_scrub(struct link *l)
{
	memset(l->packet, 0, sizeof(l->packet));
	if (l->used)
		return;
	for (uint32_t i = 1; i <= l->fresh; i++)
		memset(msg_at(l, i), 0, sizeof(struct msg));
	l->fresh = l->free = 0;
}

void link_entries(const struct link *l, uint32_t n, size_t *at, size_t *bytes)
{
	*at = (size_t)((const char *)msg_at(l, n + 1) - (const char *)l);
	*bytes = (l->messages - n) * sizeof(struct msg);
}

/* ---- timers ---- */

/* The message in flight with this number in its lane, NULL: none. */
static struct msg *in_flight(const struct link *l, const struct peer *p, unsigned class,
			     uint64_t seq)
{
	const struct lane *lane = &p->lane[class];
	unsigned place = seq & (lane_window(class) - 1);

	if (!(lane->flight >> place & 1))
		return NULL;
	return msg_at(l, p->slot[lane_base(class) + place]);
}

static bool is_repeated(const struct lane *lane, unsigned class, uint64_t seq)
{
	return lane->repeat >> (seq & (lane_window(class) - 1)) & 1;
}

static void calm_peer(struct link *l, tidal_nodeid id, tidal_time now)
{
	struct peer *p = peer_at(l, id);

	for (unsigned c = 0; c < LINK_CLASSES; c++)
		for (uint64_t seq = p->lane[c].acked + 1; seq <= p->lane[c].sent; seq++) {
			struct msg *m = in_flight(l, p, c, seq);

			if (!m)
				continue;
			m->sent = now;
			m->due = now + WHILE;
			m->doublings = 0;
			m->again = false;
		}
	p->srtt = p->rttvar = 0;
	p->backoff = 0;
	p->retry_at = p->retry_at ? now + WHILE : 0;
	p->ack_at = p->ack_at ? now + WHILE : 0;
	link_timer_set(l, id);
}

void link_calm(struct link *l, tidal_time now)
{
	for (tidal_nodeid id = 0; id < l->nodes; id++)
		if (id != l->self)
			calm_peer(l, id, now);
	l->random = 0;
}

/* The *n*th message in flight that is not to be repeated anyway; NULL: there are not so many. */
static struct msg *waiting(const struct link *l, const struct peer *p, unsigned n)
{
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		for (uint64_t seq = p->lane[c].acked + 1; seq <= p->lane[c].sent; seq++) {
			struct msg *m = in_flight(l, p, c, seq);

			if (m && !is_repeated(&p->lane[c], c, seq) && n-- == 0)
				return m;
		}
	return NULL;
}

static void ring_all(struct link *l, struct peer *p, tidal_time now)
{
	struct msg *m;

	for (unsigned n = 0; (m = waiting(l, p, n)); n++)
		m->due = now;
	p->retry_at = p->retry_at ? now : 0;
	p->ack_at = p->ack_at ? now : 0;
}

bool link_rings(const struct link *l, tidal_nodeid peer, unsigned timer)
{
	const struct peer *p = peer_at(l, peer);
	bool both = p->ack_at && p->retry_at;

	if (timer == 0)
		return p->retry_at;
	if (timer == 1)
		return p->ack_at;
	return waiting(l, p, timer - 2) && (both || waiting(l, p, 1));
}

void link_ring(struct link *l, tidal_nodeid peer, unsigned timer, tidal_time now)
{
	struct peer *p = peer_at(l, peer);

	if (timer == 0)
		ring_all(l, p, now);
	else if (timer == 1)
		p->ack_at = now;
	else
		waiting(l, p, timer - 2)->due = p->retry_at = now;
	link_timer_set(l, peer);
}

bool link_wants(const struct link *l)
{
	return l->ring_head != 0;
}

/* ---- digest ---- */

/* Not the same both ways round, nor for neighbours: small numbers are folded into small ones. */
static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h * UINT64_C(0xd6e8feb86659fd93) ^ x);
}

static uint64_t of_msg(const struct msg *m, const struct link_bodies *b)
{
	uint64_t h = fold(m->class, m->payload.kind | m->withdrawn << 8 | m->settled << 9);
	bool page = m->payload.kind == TIDAL_PAYLOAD_PAGE && !m->withdrawn;

	return fold(h, b->count(b->arg, m->to, m->body, m->len, page ? &m->payload : NULL));
}

static uint64_t of_lane(const struct link *l, const struct peer *p, unsigned c,
			const struct link_bodies *b)
{
	const struct lane *lane = &p->lane[c];
	/* which of several is repeated first depends on the slot that it has */
	uint64_t h = fold(c | (lane->acked & (lane_window(c) - 1)) << 8, lane->sent - lane->acked);

	for (uint64_t seq = lane->acked + 1; seq <= lane->sent; seq++) {
		const struct msg *m = in_flight(l, p, c, seq);

		h = fold(h, m ? of_msg(m, b) + is_repeated(lane, c, seq) : 0);
	}
	for (uint32_t i = lane->head; i; i = msg_at(l, i)->next)
		h = fold(h, of_msg(msg_at(l, i), b));
	return h;
}

uint64_t link_digest(const struct link *l, const struct link *peer, const struct link_bodies *b)
{
	const struct peer *p = peer_at(l, peer->self), *back = peer_at(peer, l->self);
	bool meets = p->incarnation == peer->incarnation && back->incarnation == l->incarnation;
	uint64_t h = fold(p->incarnation, l->incarnation);

	h = fold(h, p->speak | p->down << 1 | (p->retry_at != 0) << 2 | (p->ack_at != 0) << 3 |
			    (p->unacked < LINK_ACK_EVERY ? p->unacked : LINK_ACK_EVERY) << 4);
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		h = fold(h, of_lane(l, p, c, b));
		h = fold(h, p->lane[c].beyond);
		/* else nothing that it sent, or will send, can be told to him from whom it came */
		if (meets)
			h = fold(h, p->lane[c].come - back->lane[c].acked);
	}
	return h;
}

uint64_t link_new_acks(const struct link *l, tidal_nodeid from, const struct link_in *in,
		       unsigned class)
{
	const struct lane *lane = &peer_at(l, from)->lane[class];
	uint64_t ack = in->ack[class], bits = in->ack_bits[class], mask = 0;

	for (uint64_t seq = lane->acked + 1; seq <= lane->sent; seq++)
		if (in_flight(l, peer_at(l, from), class, seq) &&
		    (seq <= ack || (seq - ack <= 64 && bits >> (seq - ack - 1) & 1)))
			mask |= UINT64_C(1) << (seq - lane->acked - 1);
	return mask;
}

bool link_packet_is_idle(const struct link *l, tidal_nodeid from, const void *bytes, uint32_t len)
{
	const struct peer *p = peer_at(l, from);
	struct link_in in = { .incarnation = 0 };
	int err = link_peek(l, from, bytes, len, &in);

	if (in.incarnation < p->incarnation)
		return true;
	if (err || in.message || in.hello || in.incarnation != p->incarnation)
		return false;
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		if (link_new_acks(l, from, &in, c))
			return false;
	return p->flight || !p->retry_at;
}

uint64_t link_packet_digest(const struct link *l, tidal_nodeid from, const void *bytes,
			    uint32_t len, bool *news)
{
	const struct peer *p = peer_at(l, from);
	struct link_in in = { .incarnation = 0 };
	int err = link_peek(l, from, bytes, len, &in);
	bool same = in.incarnation == p->incarnation;
	uint64_t h = fold(6, in.incarnation | (uint64_t)in.hello << 32);

	*news = false;
	if (err) /* too old: only its sender's incarnation may be news */
		return fold(h, (uint64_t)err);
	for (unsigned c = 0; same && c < LINK_CLASSES; c++)
		h = fold(h, link_new_acks(l, from, &in, c));
	h = fold(h, in.message | in.duplicate << 1 | in.void_payload << 2);
	if (!in.message || in.duplicate)
		return h;
	*news = true;
	return fold(h, in.class | (in.seq - (same ? p->lane[in.class].come : 0)) << 8);
}
