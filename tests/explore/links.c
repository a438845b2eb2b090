/* SPDX-License-Identifier: BSD-3-Clause */
/* links - see links.h. */
#include "links.h"

#include <stdlib.h>
#include <string.h>
#include <tidal/event.h>

#include "core/le.h"
#include "link_look.h"
#include "links_state.h"

void links_violate(struct links *s, const char *text)
{
	if (!s->m->violation)
		s->m->violation = text;
}

/* ---- letters ---- */

struct letter *links_letter(struct model *m, uint32_t id)
{
	for (unsigned i = 0; i < LETTERS; i++)
		if (m->letter[i].id == id)
			return &m->letter[i];
	return NULL;
}

uint32_t links_id(const struct packet *p)
{
	return p->len > LINK_HEADER ? le_get32(p->bytes + LINK_HEADER) : 0;
}

static bool is_under_way(const struct model *m, uint32_t id)
{
	for (uint32_t i = 0; i < m->packets; i++)
		if (links_id(&m->packet[i]) == id)
			return true;
	return false;
}

static unsigned letters_of(const struct model *m, unsigned node, unsigned class)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LETTERS; i++)
		n += m->letter[i].id && m->letter[i].from == node && m->letter[i].class == class &&
		     !m->letter[i].orphan;
	return n;
}

/* ---- what the links say ---- */

static void settle_one(struct links *s, unsigned node, const struct link_settled *settled)
{
	struct letter *x = links_letter(s->m, (uint32_t)settled->cookie);

	if (!x || x->from != node || x->orphan || x->reported) {
		links_violate(s, "a message is settled twice, or was never sent");
		return;
	}
	x->reported = x->withdrawn;
	if (x->withdrawn)
		return;
	if (settled->lost && s->m->restarts == s->config.restarts)
		links_violate(s, "a message is reported as lost though nobody has restarted");
	if (!settled->lost && !x->delivered)
		links_violate(s, "a message counts as delivered that never came");
	*x = (struct letter){ 0 };
}

static void settle(struct links *s)
{
	struct link_settled settled;

	for (unsigned n = 0; n < NODES; n++)
		while (link_settled(s->link[n], &settled))
			settle_one(s, n, &settled);
}

static void deliver_letter(struct links *s, const struct link_in *in)
{
	struct letter *x = links_letter(s->m, le_get32(in->body));

	if (!x)
		links_violate(s, "a message is delivered after it was settled");
	else if (x->delivered)
		links_violate(s, "a message is delivered twice");
	else
		x->delivered = true;
}

static bool is_pending(const struct link *l, uint32_t id)
{
	for (uint32_t i = 1; i <= l->fresh; i++) {
		const struct msg *m = msg_at(l, i);

		if ((m->state == MSG_QUEUED || m->state == MSG_FLIGHT) && m->cookie == id)
			return true;
	}
	return false;
}

/* Letters that nobody will report any more: of the dead, and those whose payload was withdrawn. */
static void bury(struct links *s)
{
	for (unsigned i = 0; i < LETTERS; i++) {
		struct letter *x = &s->m->letter[i];

		if (x->reported && !x->orphan && !is_pending(s->link[x->from], x->id)) {
			if (!x->delivered && s->m->restarts == s->config.restarts)
				links_violate(s, "a message without payload never came");
			x->orphan = true;
		}
		if (x->orphan && !is_under_way(s->m, x->id))
			*x = (struct letter){ 0 };
	}
}

/* ---- the wire ---- */

static void end(struct model *m, uint32_t i)
{
	memmove(&m->packet[i], &m->packet[i + 1], (m->packets - i - 1) * sizeof(m->packet[0]));
	m->packets--;
	memset(&m->packet[m->packets], 0, sizeof(m->packet[0]));
}

static unsigned under_way(const struct model *m, unsigned from)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < m->packets; i++)
		n += m->packet[i].from == from;
	return n;
}

/* ---- steps ---- */

static bool queue(struct links *s, unsigned node, unsigned class)
{
	struct link_payload payload = { .kind = TIDAL_PAYLOAD_PAGE, .len = TIDAL_PAGE_SIZE };
	struct letter *x = links_letter(s->m, 0);
	uint8_t body[BODY];

	if (!x || !link_room(s->link[node], class, 1))
		return false;
	*x = (struct letter){
		.id = ++s->m->last_id, .from = (uint8_t)node, .class = (uint8_t)class,
	};
	le_put32(body, x->id);
	payload.buf = (uint32_t)(x - s->m->letter);
	link_queue(s->link[node], (tidal_nodeid)!node, class, body, sizeof(body),
		   s->config.withdraws ? &payload : NULL, x->id);
	return true;
}

static bool send(struct links *s, unsigned node)
{
	struct packet *t = &s->m->packet[s->m->packets];
	struct tidal_stats stats = { 0 };
	struct link_out out;

	if (!link_next(s->link[node], NOW, &out, &stats))
		return true; /* the timer has brought nothing */
	if (s->m->packets == PACKETS || out.len > sizeof(t->bytes)) {
		links_violate(s, "more is under way than the model can hold");
		return true;
	}
	*t = (struct packet){
		.to = (uint8_t)out.to, .from = (uint8_t)node, .len = (uint16_t)out.len,
	};
	memcpy(t->bytes, out.header, out.len);
	s->m->packets++;
	return true;
}

static bool deliver(struct links *s, const struct packet *t, bool refuse)
{
	struct link *l = s->link[t->to];
	struct tidal_stats stats = { 0 };
	struct link_in in = { .incarnation = 0 };
	int err = link_peek(l, t->from, t->bytes, t->len, &in);

	if (err == TIDAL_ESTALE && !refuse)
		link_stale(l, NOW, t->from, &in);
	else if (err && err != TIDAL_ESTALE)
		links_violate(s, "an honest packet is taken for a broken one");
	if (err)
		return !refuse;
	if (refuse && !in.body)
		return false; /* no other than taking it */
	if (refuse) {
		link_refuse(l, NOW, t->from, &in);
		return true;
	}
	if (in.body)
		deliver_letter(s, &in);
	link_accept(l, NOW, t->from, &in, &stats);
	return true;
}

/* A reduction by partial order: what changes nothing whenever it arrives arrives at once. */
static void take_idle(struct links *s)
{
	for (uint32_t i = s->m->packets; i-- > 0;) {
		const struct packet t = s->m->packet[i];

		if (!link_packet_is_idle(s->link[t.to], t.from, t.bytes, t.len))
			continue;
		end(s->m, i);
		(void)deliver(s, &t, false);
	}
}

/* The planted faults of a receiver. */
static void be_faulty(struct links *s, unsigned node)
{
	struct peer *p = peer_at(s->link[node], (tidal_nodeid)!node);

	for (unsigned c = 0; s->config.fault == LINKS_FORGETFUL && c < LINK_CLASSES; c++)
		p->lane[c].beyond = 0;
	if (s->config.fault == LINKS_MUTE) {
		p->ack_at = 0;
		p->unacked = 0;
		link_timer_set(s->link[node], (tidal_nodeid)!node);
	}
}

static bool arrive(struct links *s, const struct step *step, bool stays)
{
	struct packet t = s->m->packet[step->what];

	if (!stays)
		end(s->m, step->what);
	if (s->config.fault == LINKS_CARELESS && le_get32(t.bytes + 8))
		le_put32(t.bytes + 8, s->m->life[t.to]);
	if (!deliver(s, &t, step->kind == STEP_REFUSE))
		return false;
	be_faulty(s, t.to);
	return true;
}

static bool ring(struct links *s, const struct step *step)
{
	tidal_nodeid peer = !step->node;

	s->m->turn = peer;
	link_ring(s->link[step->node], peer, step->what, NOW);
	return send(s, step->node);
}

static bool withdraw(struct links *s, const struct step *step)
{
	s->m->letter[step->what].withdrawn = true;
	return link_withdraw(s->link[step->node], step->what) == 1;
}

static void make_link(struct links *s, unsigned node, struct arena *a, struct link **l)
{
	const struct link_config config = {
		.nodes = NODES, .self = (uint16_t)node, .messages = POOL, .rto_ns = 1000,
		.incarnation = s->m ? s->m->life[node] : 1,
	};

	*l = link_init(a, &config);
}

static bool restart(struct links *s, unsigned node)
{
	struct arena a = { (unsigned char *)s->memory + s->offset[node], 0 };

	s->m->restarts--;
	s->m->life[node]++;
	memset(s->link[node], 0, s->bytes);
	make_link(s, node, &a, &s->link[node]);
	for (unsigned i = 0; i < LETTERS; i++)
		if (s->m->letter[i].id && s->m->letter[i].from == node)
			s->m->letter[i].orphan = true;
	return true;
}

static bool take(struct links *s, const struct step *step)
{
	switch ((enum step_kind)step->kind) {
	case STEP_QUEUE:
		return queue(s, step->node, step->what);
	case STEP_SEND:
		return send(s, step->node);
	case STEP_RING:
		return ring(s, step);
	case STEP_DELIVER:
	case STEP_REFUSE:
		return arrive(s, step, false);
	case STEP_LOSE:
		s->m->mishaps--;
		end(s->m, step->what);
		return true;
	case STEP_REPEAT:
		s->m->mishaps--;
		return arrive(s, step, true);
	case STEP_WITHDRAW:
		return withdraw(s, step);
	case STEP_RESTART:
		return restart(s, step->node);
	}
	return false;
}

static bool links_take(void *links, const struct step *step, unsigned *questions)
{
	struct links *s = links;

	*questions = 0;
	if (!take(s, step))
		return false;
	settle(s);
	take_idle(s);
	bury(s);
	for (unsigned n = 0; n < NODES; n++) {
		link_calm(s->link[n], NOW);
		link_scrub(s->link[n]);
	}
	return true;
}

/* ---- which steps ---- */

static unsigned add(struct step *steps, unsigned n, unsigned kind, unsigned node, unsigned what)
{
	steps[n] = (struct step){
		.kind = (uint8_t)kind, .node = (uint8_t)node, .what = (uint8_t)what,
	};
	return n + (n + 1 < STEPS);
}

static unsigned of_packet(const struct links *s, struct step *steps, unsigned n, uint32_t i)
{
	unsigned to = s->m->packet[i].to;

	n = add(steps, n, STEP_DELIVER, to, i);
	if (s->config.refuses)
		n = add(steps, n, STEP_REFUSE, to, i);
	if (!s->m->mishaps)
		return n;
	n = add(steps, n, STEP_LOSE, to, i);
	return add(steps, n, STEP_REPEAT, to, i);
}

static unsigned of_node(const struct links *s, struct step *steps, unsigned n, unsigned node)
{
	bool full = under_way(s->m, node) >= s->config.wire;

	for (unsigned c = 0; c < LINK_CLASSES; c++)
		if (letters_of(s->m, node, c) < s->config.messages[node][c])
			n = add(steps, n, STEP_QUEUE, node, c);
	if (!full && link_wants(s->link[node]))
		n = add(steps, n, STEP_SEND, node, 0);
	for (unsigned i = 0; !full && i < LINK_TIMERS; i++)
		if (link_rings(s->link[node], (tidal_nodeid)!node, i))
			n = add(steps, n, STEP_RING, node, i);
	for (unsigned i = 0; s->config.withdraws && i < LETTERS; i++) {
		const struct letter *x = &s->m->letter[i];

		if (x->id && x->from == node && !x->orphan && !x->withdrawn)
			n = add(steps, n, STEP_WITHDRAW, node, i);
	}
	return n;
}

static unsigned links_steps(const void *links, struct step *steps)
{
	const struct links *s = links;
	unsigned n = 0;

	for (uint32_t i = 0; i < s->m->packets; i++)
		n = of_packet(s, steps, n, i);
	for (unsigned node = 0; node < NODES; node++)
		n = of_node(s, steps, n, node);
	if (s->m->restarts)
		n = add(steps, n, STEP_RESTART, 1, 0);
	return n;
}

static bool links_drain(const void *links, struct step *step)
{
	const struct links *s = links;

	if (s->m->packets)
		return add(step, 0, STEP_DELIVER, s->m->packet[0].to, 0);
	for (unsigned n = 0; n < NODES; n++)
		if (link_wants(s->link[n]))
			return add(step, 0, STEP_SEND, n, 0);
	for (unsigned i = 0; i < NODES; i++) {
		unsigned n = (s->m->turn + i) % NODES;

		for (unsigned t = 0; t < 2; t++)
			if (link_rings(s->link[n], (tidal_nodeid)!n, t))
				return add(step, 0, STEP_RING, n, t);
	}
	return false;
}

static const char *links_trouble(const void *links)
{
	const struct links *s = links;

	return s->m->violation;
}

/* ---- open and close ---- */

static void links_close(void *links)
{
	struct links *s = links;

	free(s->memory);
	free(s);
}

static void *links_open(const void *config)
{
	struct links *s = calloc(1, sizeof(*s));
	struct arena measure = { NULL, 0 };
	size_t bytes;

	if (!s)
		return NULL;
	s->config = *(const struct links_config *)config;
	make_link(s, 0, &measure, &s->link[0]);
	s->bytes = (measure.used + 63) & ~(size_t)63;
	s->offset[0] = (sizeof(struct model) + 63) & ~(size_t)63;
	s->offset[1] = s->offset[0] + s->bytes;
	bytes = (s->offset[1] + s->bytes + 4095) & ~(size_t)4095;
	s->memory = aligned_alloc(4096, bytes);
	if (!s->memory) {
		free(s);
		return NULL;
	}
	memset(s->memory, 0, bytes);
	s->m = s->memory;
	s->m->mishaps = s->config.mishaps;
	s->m->restarts = s->config.restarts;
	for (unsigned n = 0; n < NODES; n++) {
		struct arena a = { (unsigned char *)s->memory + s->offset[n], 0 };

		s->m->life[n] = 1;
		make_link(s, n, &a, &s->link[n]);
		link_calm(s->link[n], NOW);
	}
	return s;
}

static void links_memory(void *links, struct memory *m)
{
	const struct links *s = links;

	*m = (struct memory){ .at = s->memory,
			      .bytes = (s->offset[1] + s->bytes + 4095) & ~(size_t)4095 };
}

const struct subject_ops links_ops = {
	.open = links_open,
	.close = links_close,
	.memory = links_memory,
	.steps = links_steps,
	.take = links_take,
	.digest = links_digest,
	.violation = links_violation,
	.trouble = links_trouble,
	.is_quiet = links_is_quiet,
	.drain = links_drain,
	.print_step = links_print_step,
	.print = links_print,
};
