/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link - see link.h. Here: peers, windows and what is sent when.
 *
 * A peer with something to send is in a ring, so nobody looks for it; a peer that waits for
 * time to pass is in the heap of timers. A timer never names a time later than the first
 * message due, but after an acknowledgement it may name an earlier one: the window is
 * searched when it fires, not at every acknowledgement.
 */
#include "link.h"

#include <tidal/event.h>

#include "assert.h"
#include "bits.h"
#include "link_state.h"

#define RTO_MIN 8
#define RTO_MAX (UINT64_C(1) << 40)

static uint32_t buckets(uint32_t messages)
{
	uint32_t n = 16;

	while (n < messages && n < UINT32_C(1) << 31)
		n *= 2;
	return n;
}

struct link *link_init(struct arena *a, const struct link_config *config)
{
	uint32_t bucket_count = buckets(config->messages);
	struct link *l = arena_take(a, sizeof(*l), 64);
	void *peers = arena_take(a, sizeof(struct peer) * config->nodes, 64);
	void *timers = arena_take(a, sizeof(struct timer) * config->nodes, 64);
	void *frames = arena_take(a, sizeof(uint32_t) * (size_t)bucket_count, 64);
	void *msgs = arena_take(a, sizeof(struct msg) * (size_t)config->messages, 64);

	if (!l)
		return NULL;
	l->nodes = config->nodes;
	l->self = config->self;
	l->incarnation = config->incarnation;
	l->messages = config->messages;
	l->ideal = config->ideal;
	l->rto = config->rto_ns < RTO_MIN ? RTO_MIN : min_u64(config->rto_ns, RTO_MAX);
	l->ack_delay = l->rto / 8;
	l->random = mix64(config->seed ^ config->self);
	l->frame_mask = bucket_count - 1;
	l->peers = rel_to(l, peers);
	l->timers = rel_to(l, timers);
	l->frames = rel_to(l, frames);
	l->msgs = rel_to(l, msgs);
	return l;
}

/* --- who has something to send ----------------------------------------------------------- */

bool link_sendable(const struct link *l, const struct peer *p)
{
	bool known = p->incarnation != 0 || l->ideal;

	if (p->speak)
		return true;
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		const struct lane *lane = &p->lane[c];

		if (lane->repeat || (lane->head && known && lane_open(lane, c)))
			return true;
	}
	return false;
}

static void ring_add(struct link *l, tidal_nodeid id)
{
	struct peer *p = peer_at(l, id);

	p->ringed = true;
	p->ring_prev = l->ring_tail;
	p->ring_next = 0;
	if (l->ring_tail)
		peer_at(l, (tidal_nodeid)(l->ring_tail - 1))->ring_next = (uint16_t)(id + 1);
	else
		l->ring_head = (uint16_t)(id + 1);
	l->ring_tail = (uint16_t)(id + 1);
}

static void ring_delete(struct link *l, struct peer *p)
{
	p->ringed = false;
	if (p->ring_prev)
		peer_at(l, (tidal_nodeid)(p->ring_prev - 1))->ring_next = p->ring_next;
	else
		l->ring_head = p->ring_next;
	if (p->ring_next)
		peer_at(l, (tidal_nodeid)(p->ring_next - 1))->ring_prev = p->ring_prev;
	else
		l->ring_tail = p->ring_prev;
}

/* After every change of a peer: ring and timer tell the truth again. */
static void update(struct link *l, tidal_nodeid id)
{
	struct peer *p = peer_at(l, id);
	bool sendable = link_sendable(l, p);

	if (sendable && !p->ringed)
		ring_add(l, id);
	else if (!sendable && p->ringed)
		ring_delete(l, p);
	link_timer_set(l, id);
}

static bool has_queue(const struct peer *p)
{
	return p->lane[LINK_REQUEST].head || p->lane[LINK_FORWARD].head ||
	       p->lane[LINK_REPLY].head;
}

/* --- queueing ---------------------------------------------------------------------------- */

static void enqueue(struct link *l, struct lane *lane, struct msg *m)
{
	uint32_t i = msg_index(l, m);

	m->next = 0;
	if (lane->tail)
		msg_at(l, lane->tail)->next = i;
	else
		lane->head = i;
	lane->tail = i;
}

static struct msg *dequeue(struct link *l, struct lane *lane)
{
	struct msg *m = msg_at(l, lane->head);

	lane->head = m->next;
	if (!lane->head)
		lane->tail = 0;
	return m;
}

void link_queue(struct link *l, tidal_nodeid to, enum link_class class, const void *body,
		uint32_t len, const struct link_payload *payload, uint64_t cookie)
{
	struct peer *p = peer_at(l, to);
	struct msg *m;

	ASSERT(to < l->nodes && to != l->self && len <= LINK_BODY_MAX);
	ASSERT(l->used < l->messages);
	m = link_msg_new(l);
	m->seq = 0;
	m->cookie = cookie;
	m->payload = payload ? *payload : (struct link_payload){ .kind = TIDAL_PAYLOAD_NONE };
	m->to = to;
	m->class = (uint8_t)class;
	m->state = MSG_QUEUED;
	m->again = false;
	m->doublings = 0;
	m->len = (uint8_t)len;
	m->settled = m->withdrawn = m->lost = false;
	if (len)
		memcpy(m->body, body, len);
	if (m->payload.kind == TIDAL_PAYLOAD_PAGE)
		link_frame_enter(l, m);
	l->pending[class]++;
	if (p->down) {
		link_finish(l, m, true);
		return;
	}
	enqueue(l, &p->lane[class], m);
	if (p->incarnation == 0 && !l->ideal && p->retry_at == 0)
		p->speak = true; /* hello */
	update(l, to);
}

/* --- timeouts ---------------------------------------------------------------------------- */

/* Van Jacobson's estimate. Only messages that were sent once tell anything (Karn). */
static void sample_rtt(struct peer *p, tidal_time rtt)
{
	tidal_time off = rtt > p->srtt ? rtt - p->srtt : p->srtt - rtt;

	p->backoff = 0;
	if (p->srtt == 0) {
		p->srtt = rtt;
		p->rttvar = rtt / 2;
		return;
	}
	p->rttvar += off / 4 - p->rttvar / 4;
	p->srtt += rtt / 8 - p->srtt / 8;
}

static tidal_time timeout(struct link *l, const struct peer *p, unsigned doublings)
{
	tidal_time base = p->srtt + 4 * p->rttvar;
	tidal_time t;

	if (base < l->rto)
		base = l->rto;
	t = min_u64(base, l->rto << LINK_BACKOFF_MAX) << doublings;
	if (doublings) /* up to 1/8 more, lest retries of many come together again */
		t += (t >> 11) * (mix64(l->random++) & 255);
	return t;
}

/* A timeout that was doubled so often was too short, or the wire too bad. */
static void back_off(struct peer *p, unsigned doublings)
{
	if (p->backoff <= doublings && doublings < LINK_BACKOFF_MAX)
		p->backoff = (uint8_t)(doublings + 1);
}

/* Mark what is due in the window, and find out when the rest is. */
static void search_window(struct link *l, struct peer *p, tidal_time now)
{
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		struct lane *lane = &p->lane[c];

		for (uint64_t left = lane->flight & ~lane->repeat; left; left &= left - 1) {
			struct msg *m = msg_at(l, *lane_slot(p, c, (unsigned)__builtin_ctzll(left)));

			if (m->due <= now) {
				lane->repeat |= left & -left;
				back_off(p, m->doublings);
			} else if (p->retry_at == 0 || m->due < p->retry_at) {
				p->retry_at = m->due;
			}
		}
	}
}

/* Let one timer fire that is due; false: none is. */
static bool fire(struct link *l, tidal_time now)
{
	tidal_nodeid id;
	struct peer *p;

	if (l->timer_count == 0 || timer_at(l, 1)->at > now)
		return false;
	id = (tidal_nodeid)timer_at(l, 1)->peer;
	p = peer_at(l, id);
	if (p->ack_at && p->ack_at <= now) {
		p->ack_at = 0;
		p->speak = true;
	}
	if (p->retry_at && p->retry_at <= now) {
		p->retry_at = 0;
		if (p->incarnation == 0 && has_queue(p)) {
			p->speak = true;
			back_off(p, p->backoff);
		} else {
			search_window(l, p, now);
		}
	}
	update(l, id);
	return true;
}

/* --- sending ----------------------------------------------------------------------------- */

/* The message to send to this peer now; replies first. NULL: none. */
static struct msg *choose(struct link *l, struct peer *p)
{
	if (p->incarnation == 0 && !l->ideal)
		return NULL;
	for (unsigned c = LINK_CLASSES; c-- > 0;) {
		struct lane *lane = &p->lane[c];

		if (lane->repeat)
			return msg_at(l, *lane_slot(p, c, (unsigned)__builtin_ctzll(lane->repeat)));
	}
	for (unsigned c = LINK_CLASSES; c-- > 0;) {
		struct lane *lane = &p->lane[c];

		if (lane->head && lane_open(lane, c))
			return dequeue(l, lane);
	}
	return NULL;
}

/* A message that was queued gets its place in the window. */
static void launch(struct link *l, struct peer *p, struct msg *m)
{
	struct lane *lane = &p->lane[m->class];

	m->seq = ++lane->sent;
	m->state = MSG_FLIGHT;
	*lane_slot(p, m->class, m->seq) = msg_index(l, m);
	lane->flight |= UINT64_C(1) << (m->seq & (lane_window(m->class) - 1));
	p->flight++;
}

/* A message goes out: when will it be time to send it again? */
static void arm(struct link *l, struct peer *p, struct msg *m, tidal_time now)
{
	struct lane *lane = &p->lane[m->class];

	lane->repeat &= ~(UINT64_C(1) << (m->seq & (lane_window(m->class) - 1)));
	if (m->again && m->doublings < LINK_BACKOFF_MAX)
		m->doublings++;
	if (m->doublings < p->backoff)
		m->doublings = p->backoff;
	m->sent = now;
	m->due = now + timeout(l, p, m->doublings);
	if (p->retry_at == 0 || m->due < p->retry_at)
		p->retry_at = m->due;
}

/* Give the packet that link_sendable() promised for this peer. */
static void transmit(struct link *l, tidal_nodeid to, tidal_time now, struct link_out *out,
		     struct tidal_stats *stats)
{
	struct peer *p = peer_at(l, to);
	struct msg *m = choose(l, p);

	if (m && m->state == MSG_FLIGHT)
		m->again = true;
	else if (m && !l->ideal)
		launch(l, p, m);
	*out = (struct link_out){ .to = to,
				  .header = l->packet,
				  .len = link_write(l, p, m, now),
				  .again = m && m->again };
	if (m && !m->withdrawn)
		out->payload = m->payload;
	stats->bytes_out += out->len + out->payload.len;
	stats->messages_out += m && !out->again;
	stats->resent += out->again;
	if (m && l->ideal)
		link_finish(l, m, false);
	else if (m)
		arm(l, p, m, now);
	else if (p->incarnation == 0 && has_queue(p))
		p->retry_at = now + timeout(l, p, p->backoff);
	p->speak = false;
	p->unacked = 0;
	p->ack_at = 0;
}

bool link_next(struct link *l, tidal_time now, struct link_out *out, struct tidal_stats *stats)
{
	tidal_nodeid to;

	/* One timer per packet bounds the work; more only while they bring nothing. */
	while (fire(l, now) && l->ring_head == 0)
		;
	if (l->ring_head == 0)
		return false;
	to = (tidal_nodeid)(l->ring_head - 1);
	ring_delete(l, peer_at(l, to)); /* the next one's turn */
	transmit(l, to, now, out, stats);
	update(l, to);
	return true;
}

/* --- receiving --------------------------------------------------------------------------- */

/* Everything for this peer is lost; the next message either way has number 1. */
static void give_up(struct link *l, struct peer *p)
{
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		struct lane *lane = &p->lane[c];

		for (; lane->flight; lane->flight &= lane->flight - 1)
			link_finish(l,
				    msg_at(l, *lane_slot(p, c,
							 (unsigned)__builtin_ctzll(lane->flight))),
				    true);
		while (lane->head)
			link_finish(l, dequeue(l, lane), true);
		*lane = (struct lane){ 0 };
	}
	p->flight = 0;
	p->unacked = 0;
	p->backoff = 0;
	p->speak = false;
	p->retry_at = 0;
	p->ack_at = 0;
	p->srtt = 0;
	p->rttvar = 0;
}

/* The peer has this incarnation, which is not an earlier one. */
static void meet(struct link *l, struct peer *p, uint32_t incarnation)
{
	if (incarnation == p->incarnation)
		return;
	if (p->incarnation)
		give_up(l, p);
	p->incarnation = incarnation;
	p->down = false;
	p->speak = false; /* a hello that is needed no more */
	p->retry_at = 0;
	p->backoff = 0;
}

/* The message with this number has reached the peer. */
static void arrived(struct link *l, struct peer *p, unsigned class, uint64_t seq, tidal_time now)
{
	struct lane *lane = &p->lane[class];
	uint64_t bit = UINT64_C(1) << (seq & (lane_window(class) - 1));
	struct msg *m;

	if (!(lane->flight & bit))
		return;
	m = msg_at(l, *lane_slot(p, class, seq));
	if (!m->again)
		sample_rtt(p, now > m->sent ? now - m->sent : 0);
	lane->flight &= ~bit;
	lane->repeat &= ~bit;
	p->flight--;
	link_finish(l, m, false);
}

static void take_acks(struct link *l, struct peer *p, unsigned class, uint64_t ack, uint64_t bits,
		      tidal_time now)
{
	struct lane *lane = &p->lane[class];
	uint64_t window = lane_window(class) - 1;

	for (uint64_t seq = lane->acked + 1; seq <= ack; seq++)
		arrived(l, p, class, seq, now);
	for (; bits; bits &= bits - 1) {
		uint64_t seq = ack + 1 + (unsigned)__builtin_ctzll(bits);

		if (seq > lane->acked)
			arrived(l, p, class, seq, now);
	}
	while (lane->acked < lane->sent &&
	       !(lane->flight & UINT64_C(1) << ((lane->acked + 1) & window)))
		lane->acked++;
}

static void learn(struct link *l, tidal_time now, struct peer *p, const struct link_in *in)
{
	meet(l, p, in->incarnation);
	if (l->ideal)
		return;
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		take_acks(l, p, c, in->ack[c], in->ack_bits[c], now);
	if (p->flight == 0)
		p->retry_at = 0;
	if (in->hello)
		p->speak = true;
}

/* A message has come, perhaps again. */
static void owe_ack(const struct link *l, struct peer *p, tidal_time now)
{
	if (++p->unacked >= LINK_ACK_EVERY)
		p->speak = true;
	else if (p->ack_at == 0)
		p->ack_at = now + l->ack_delay;
}

static void mark(struct lane *lane, uint64_t seq)
{
	lane->beyond |= UINT64_C(1) << (seq - lane->come - 1);
	while (lane->beyond & 1) {
		lane->beyond >>= 1;
		lane->come++;
	}
}

void link_accept(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in,
		 struct tidal_stats *stats)
{
	struct peer *p = peer_at(l, from);

	learn(l, now, p, in);
	if (in->message && !in->duplicate) {
		stats->messages_in++;
		if (!l->ideal)
			mark(&p->lane[in->class], in->seq);
	}
	stats->duplicates += in->duplicate;
	if (in->message && !l->ideal)
		owe_ack(l, p, now);
	update(l, from);
}

void link_refuse(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in)
{
	struct peer *p = peer_at(l, from);

	learn(l, now, p, in);
	if (in->duplicate && !l->ideal)
		owe_ack(l, p, now);
	update(l, from);
}

/* --- peers ------------------------------------------------------------------------------- */

void link_stale(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in)
{
	struct peer *p = peer_at(l, from);

	if (in->incarnation < p->incarnation || (in->incarnation == p->incarnation && p->down))
		return; /* it is gone, there is nobody to tell */
	meet(l, p, in->incarnation);
	/* With the delay of an acknowledgement: many packets, one answer. */
	if (p->ack_at == 0)
		p->ack_at = now + l->ack_delay;
	update(l, from);
}

void link_peer(struct link *l, tidal_nodeid peer, uint32_t incarnation)
{
	struct peer *p = peer_at(l, peer);

	ASSERT(peer < l->nodes && peer != l->self);
	if (incarnation > p->incarnation)
		meet(l, p, incarnation);
	update(l, peer);
}

void link_down(struct link *l, tidal_nodeid peer)
{
	struct peer *p = peer_at(l, peer);

	ASSERT(peer < l->nodes && peer != l->self);
	give_up(l, p);
	p->down = true;
	update(l, peer);
}

bool link_is_down(const struct link *l, tidal_nodeid peer)
{
	return peer_at(l, peer)->down;
}

uint32_t link_incarnation(const struct link *l, tidal_nodeid peer)
{
	return peer_at(l, peer)->incarnation;
}

void link_pressure(struct link *l, uint32_t load, uint32_t free)
{
	l->load = load;
	l->free_frames = free;
}
