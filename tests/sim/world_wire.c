/* SPDX-License-Identifier: BSD-3-Clause */
/* world_wire - packets: lost, repeated, delayed, and whatever else a test wants. */
#include "world_inside.h"

#include <stdlib.h>
#include <string.h>

static struct thing *copy_of(const struct thing *packet)
{
	struct thing *t = thing_new(PACKET, packet->node);

	*t = *packet;
	if (packet->state) {
		t->state = malloc(sizeof(struct saved));
		memcpy(t->state, packet->state, sizeof(struct saved));
	}
	return t;
}

static tidal_time delay(struct world *w)
{
	return w->c.delay_ns + world_random(w) % (w->c.jitter_ns + 1);
}

static void hold(struct world *w, struct thing *t)
{
	w->held = realloc(w->held, (w->held_count + 1) * sizeof(struct thing *));
	w->held[w->held_count++] = t;
}

/* What the test wants to become of the packet. */
static enum world_fate fate(struct world *w, const struct thing *t)
{
	struct wire m;
	struct world_packet p = { t->from, t->node, &m, (uint16_t)t->payload };

	if (t->len <= HEADER_BODY || !wire_decode(&m, t->bytes + HEADER_BODY, t->len - HEADER_BODY))
		return WORLD_PASS;
	w->sent[m.kind]++;
	return w->judge ? w->judge(&p, w->judge_arg) : WORLD_PASS;
}

static struct thing *packet_of(struct world *w, unsigned node, const struct tidal_act_send *s)
{
	struct host *h = &w->host[node];
	struct thing *t = thing_new(PACKET, s->to);

	t->from = (uint16_t)node;
	t->len = s->len;
	memcpy(t->bytes, s->header, s->len);
	t->payload = s->payload;
	t->payload_len = s->payload_len;
	if (s->payload == TIDAL_PAYLOAD_PAGE)
		t->value = h->frame[s->buf];
	if (s->payload == TIDAL_PAYLOAD_VCPU) {
		t->state = malloc(sizeof(struct saved));
		memcpy(t->state, &h->buf[s->buf], sizeof(struct saved));
	}
	return t;
}

/* What the weather makes of a packet. */
static struct world_passage passage(struct world *w, unsigned from, unsigned to)
{
	struct world_passage p = { 0 };

	if (w->c.hooks && w->c.hooks->packet) {
		w->c.hooks->packet(w, from, to, &p, w->c.hooks_arg);
		p.lost = p.lost || w->cut[from][to];
		return p;
	}
	p.twice = world_random(w) % 1000000 < w->c.dup_ppm;
	p.lost = world_random(w) % 1000000 < w->c.loss_ppm || w->cut[from][to];
	if (p.lost)
		return p;
	if (p.twice)
		p.delay_twice = delay(w);
	p.delay = delay(w);
	return p;
}

void packet_send(struct world *w, unsigned node, const struct tidal_act_send *s)
{
	struct world_passage p = passage(w, node, s->to);
	struct thing *t = packet_of(w, node, s);
	enum world_fate f = fate(w, t);

	if (f == WORLD_HOLD) {
		hold(w, t);
		return;
	}
	if (f == WORLD_TWICE)
		hold(w, copy_of(t));
	if (p.lost || f == WORLD_LOSE) {
		thing_forget(t);
		return;
	}
	if (p.twice)
		thing_schedule(w, copy_of(t), w->now + p.delay_twice);
	thing_schedule(w, t, w->now + p.delay);
}

/* false: to be tried again a little later. */
bool packet_arrives(struct world *w, struct thing *t)
{
	struct host *h = &w->host[t->node];
	struct tidal_event ev = { .kind = TIDAL_EV_MESSAGE };
	struct tidal_ev_message *m = &ev.u.message;
	int err;

	if (t->len > HEADER_BODY && w->held_kind[t->bytes[HEADER_BODY]])
		return false;
	m->from = t->from;
	m->bytes = t->bytes;
	m->len = t->len;
	m->payload = (uint16_t)t->payload;
	m->payload_len = t->payload_len;
	if (t->payload == TIDAL_PAYLOAD_PAGE) {
		if (h->posts == 0)
			return true; /* nothing to receive into: lost */
		m->buf = h->post_list[--h->posts];
		if (!world_planted(w, PLANT_OLD_PAGE))
			h->frame[m->buf] = t->value;
	} else if (t->payload == TIDAL_PAYLOAD_VCPU) {
		m->buf = host_buf(h);
		memcpy(&h->buf[m->buf], t->state, sizeof(struct saved));
	}
	err = world_push(w, t->node, &ev);
	if (err == 0)
		return true;
	if (t->payload == TIDAL_PAYLOAD_PAGE)
		h->post_list[h->posts++] = m->buf;
	else if (t->payload == TIDAL_PAYLOAD_VCPU)
		h->buf_used[m->buf] = false;
	if (err != TIDAL_EAGAIN && err != TIDAL_ESTALE)
		world_violate(w, "node %u: message from %u: %s", t->node, t->from,
			      tidal_strerror(err));
	return err != TIDAL_EAGAIN;
}

void world_cut(struct world *w, unsigned from, unsigned to, bool cut)
{
	w->cut[from][to] = cut;
}

void world_delay_kind(struct world *w, uint8_t kind, bool hold)
{
	w->held_kind[kind] = hold;
}

void world_filter(struct world *w, world_judge judge, void *arg)
{
	w->judge = judge;
	w->judge_arg = arg;
}

unsigned world_release(struct world *w)
{
	unsigned n = (unsigned)w->held_count;

	for (size_t i = 0; i < w->held_count; i++)
		thing_schedule(w, w->held[i], w->now + delay(w));
	w->held_count = 0;
	return n;
}

unsigned world_sent(const struct world *w, uint8_t kind)
{
	return w->sent[kind];
}
