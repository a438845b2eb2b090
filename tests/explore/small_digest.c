/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * small_digest - equal for states of a small pod that no future can tell apart.
 *
 * Of numbers that only grow just their order counts: of a page's epochs, of a vCPU's, of times
 * since when somebody waits. A digest is made twice: first to collect them, then with the place
 * of each in its order. Of a request's id only whether it is the one that is awaited; of what a
 * page holds whether it is the latest, and whether it is zeroes. Which frame is which, which timer
 * is to ring first, what was counted: not at all.
 */
#include <string.h>

#include "core/digest.h"
#include "link_look.h"
#include "small_state.h"

#define ORDER 128
struct order {
	uint64_t of[ORDER]; /* ascending */
	unsigned n;
};

struct view {
	const struct small *s;
	bool collecting;
	unsigned sender; /* of the messages that are looked at in a link */
	struct order epochs[SMALL_PAGES], moves[SMALL_VCPUS], times;
};

static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h ^ x);
}

static uint64_t place_of(struct view *v, struct order *o, uint64_t number)
{
	unsigned i = o->n;

	while (i > 0 && o->of[i - 1] > number)
		i--;
	if (i > 0 && o->of[i - 1] == number)
		return i;
	if (v->collecting && o->n < ORDER) {
		memmove(&o->of[i + 1], &o->of[i], (o->n++ - i) * sizeof(o->of[0]));
		o->of[i] = number;
	}
	return 0;
}

/* ---- numbers that grow ---- */

/* That of a range is compared with those of all pages in it. */
static uint64_t of_epoch(void *view, tidal_gfn gfn, uint64_t epoch)
{
	struct view *v = view;
	unsigned page = small_page(v->s, gfn);
	uint64_t h = 5;

	if (page < SMALL_PAGES)
		return place_of(v, &v->epochs[page], epoch);
	for (unsigned p = 0; p < v->s->config.pages; p++)
		h = fold(h, place_of(v, &v->epochs[p], epoch));
	return h;
}

/* Of what an optional epoch (+ 1; 0: none) says. */
static uint64_t optional(struct view *v, tidal_gfn gfn, uint64_t epoch)
{
	return epoch ? of_epoch(v, gfn, epoch - 1) + 1 : 0;
}

static uint64_t of_move(struct view *v, tidal_vcpuid vcpu, uint64_t epoch)
{
	return place_of(v, &v->moves[vcpu], epoch);
}

/* Is this the request whose answer that node awaits? Ids are never used again. */
static uint64_t of_id(void *view, tidal_nodeid node, tidal_gfn gfn, uint32_t id)
{
	const struct view *v = view;
	const struct transit *t = transits_find(&v->s->core[node]->transits, gfn);

	return t && t->promised && t->id == id;
}

/* Matters between those that starve only. */
static uint64_t of_time(void *view, tidal_time since)
{
	struct view *v = view;

	return v->s->config.features & SMALL_STARVE ? place_of(v, &v->times, since) : 0;
}

/* ---- what is under way ---- */

/* Contents, as far as anybody could tell. */
static uint64_t of_value(const struct small *s, unsigned page, uint64_t value)
{
	return (value == s->m->latest[page]) | (value == 0) << 1;
}

static uint64_t of_request(struct view *v, const struct wire_request *r)
{
	uint64_t h = fold(optional(v, r->gfn, r->held_epoch), optional(v, r->gfn, r->lead));

	h = fold(fold(h, of_id(v, r->node, r->gfn, r->id)), of_time(v, r->since));
	return fold(h, r->node | (uint64_t)r->vcpu << 16 | (uint64_t)r->want << 32 |
			       (uint64_t)r->flags << 40 | (uint64_t)r->hops << 48);
}

static uint64_t of_vcpu_state(struct view *v, const struct wire_vcpu *w)
{
	uint64_t h = fold(of_move(v, w->vcpu, w->epoch), w->stalls ? of_time(v, w->since) : 0);
	uint64_t stalls = w->stalls > VCPU_STARVING ? VCPU_STARVING : w->stalls;

	if (v->s->config.features & SMALL_NO_RETIRE && w->stalls)
		h = fold(fold(h, w->gfn), w->gfn_before);
	return fold(h, w->vcpu | (uint64_t)w->resume << 16 | (uint64_t)w->flags << 24 |
			       stalls << 32);
}

/* Answers to a request. */
static uint64_t of_answer(struct view *v, const struct wire *m, unsigned to)
{
	tidal_gfn gfn = m->u.find.gfn;
	tidal_nodeid node = (tidal_nodeid)to;

	switch (m->kind) {
	case MSG_COPY:
		return fold(of_epoch(v, gfn, m->u.copy.epoch),
			    of_id(v, node, gfn, m->u.copy.id) << 8 | m->u.copy.flags);
	case MSG_OWN:
		return fold(fold(of_epoch(v, gfn, m->u.own.epoch), m->u.own.copies),
			    of_id(v, node, gfn, m->u.own.id) << 8 | m->u.own.flags);
	case MSG_EXTENT:
		return fold(fold(of_epoch(v, TIDAL_GFN_NONE, m->u.extent.epoch),
				 m->u.extent.first),
			    of_id(v, node, gfn, m->u.extent.id) << 8 | m->u.extent.order);
	default:
		return fold(m->u.refuse.owner == TIDAL_NODE_NONE ?
				    0 : of_epoch(v, gfn, m->u.refuse.epoch),
			    of_id(v, node, gfn, m->u.refuse.id) << 32 |
				    (uint64_t)m->u.refuse.owner << 8 | m->u.refuse.reason);
	}
}

/* Other news about a page. */
static uint64_t of_news(struct view *v, const struct wire *m)
{
	tidal_gfn gfn = m->u.find.gfn;

	switch (m->kind) {
	case MSG_INVALIDATE:
		return fold(of_epoch(v, gfn, m->u.invalidate.epoch), m->u.invalidate.owner);
	case MSG_INVALIDATED:
		return of_epoch(v, gfn, m->u.invalidated.epoch);
	case MSG_OWNER:
		return fold(of_epoch(v, m->u.owner.order == WIRE_ORDER_PAGE ? gfn : TIDAL_GFN_NONE,
				     m->u.owner.epoch), m->u.owner.owner | m->u.owner.order << 16);
	case MSG_FOUND:
		return of_epoch(v, gfn, m->u.found.epoch);
	case MSG_ANSWER:
		return m->u.answer.yes;
	case MSG_GIVE:
		return fold(fold(of_epoch(v, gfn, m->u.give.epoch), m->u.give.copies),
			    m->u.give.flags);
	default:
		return 0; /* FIND, OFFER: only the page */
	}
}

static uint64_t of_vcpu_message(struct view *v, const struct wire *m)
{
	switch (m->kind) {
	case MSG_MOVE_ASK:
		return fold(of_move(v, m->u.move_ask.vcpu, m->u.move_ask.epoch),
			    m->u.move_ask.vcpu);
	case MSG_MOVE_ANSWER:
		return fold(of_move(v, m->u.move_answer.vcpu, m->u.move_answer.epoch),
			    m->u.move_answer.vcpu | m->u.move_answer.yes << 16);
	case MSG_MOVE_CANCEL:
		return m->u.move_cancel.vcpu;
	case MSG_VCPU:
		return of_vcpu_state(v, &m->u.vcpu);
	default:
		return fold(of_move(v, m->u.vcpu_at.vcpu, m->u.vcpu_at.epoch),
			    m->u.vcpu_at.vcpu | (uint64_t)m->u.vcpu_at.node << 16);
	}
}

/* The body of a message that node *to* will get. */
static uint64_t of_message(struct view *v, const struct wire *m, unsigned to)
{
	switch (m->kind) {
	case MSG_REQUEST:
		return fold(m->u.request.gfn, of_request(v, &m->u.request));
	case MSG_COPY:
	case MSG_OWN:
	case MSG_EXTENT:
	case MSG_REFUSE:
		return fold(m->u.find.gfn, of_answer(v, m, to));
	case MSG_MOVE_ASK:
	case MSG_MOVE_ANSWER:
	case MSG_MOVE_CANCEL:
	case MSG_VCPU:
	case MSG_VCPU_AT:
		return of_vcpu_message(v, m);
	default:
		return fold(m->u.find.gfn, of_news(v, m));
	}
}

static uint64_t of_packet(struct view *v, const struct thing *t)
{
	uint64_t h = fold(t->from, t->payload);
	bool news = true;
	struct wire m;

	if (v->s->config.link)
		h = fold(h, link_packet_digest(small_link(v->s, t->node), t->from, t->bytes, t->len,
					       &news));
	if (!news || !small_decode(t, &m))
		return h;
	if (t->payload == TIDAL_PAYLOAD_PAGE)
		h = fold(h, of_value(v->s, small_page(v->s, m.u.find.gfn), t->value));
	return fold(fold(h, m.kind), of_message(v, &m, t->node));
}

static uint64_t of_thing(struct view *v, const struct thing *t)
{
	uint64_t token = t->token >> 56 == TOKEN_ZERO ? (uint64_t)TOKEN_ZERO << 56 : t->token;
	uint64_t h = fold(1, t->kind | t->node << 8);

	if (t->kind == THING_MESSAGE)
		return fold(h, of_packet(v, t));
	h = fold(fold(h, token), t->zero | t->failed << 1);
	if (t->kind == THING_DONE)
		return h;
	h = fold(h, t->action | (uint64_t)t->pages.prot << 8 | (uint64_t)t->pages.test << 16);
	return fold(h, of_value(v->s, small_page(v->s, t->pages.gfn),
				small_contents(v->s, t->node, t->pages.frame)));
}

/* ---- the nodes ---- */

static uint64_t of_whereabouts(struct view *v, tidal_gfn gfn, struct whereabouts w)
{
	return w.node == TIDAL_NODE_NONE ? 1 : fold(w.node, of_epoch(v, gfn, w.epoch));
}

/* Of several hints for a page, and of several records, only the newest is ever used. */
static uint64_t of_owners(struct view *v, unsigned node)
{
	const struct owners *o = &v->s->core[node]->owners;
	uint64_t h = 4;

	for (unsigned p = 0; p < v->s->config.pages; p++) {
		tidal_gfn gfn = v->s->gfn[p];

		h = fold(h, of_whereabouts(v, gfn, owners_hinted(o, gfn)));
		h = fold(h, of_whereabouts(v, gfn, owners_recorded(o, gfn)));
	}
	return h;
}

/* What the digest of a core leaves out because it is of no use in the field, and matters here. */
static uint64_t of_core(struct view *v, unsigned node)
{
	const struct tidal_core *core = v->s->core[node];
	uint64_t h = digest_core(core, &(struct digest_view){ of_epoch, of_id, of_time, true, v });

	h = fold(h, of_owners(v, node));
	h = fold(h, core->capacity.active | (core->capacity.retry_at != TIDAL_NEVER) << 1);
	for (unsigned i = 0; i < v->s->config.vcpus; i++) {
		const struct vcpu *vcpu = vcpus_at(&core->vcpus, (tidal_vcpuid)i);

		h = fold(h, of_move(v, (tidal_vcpuid)i, vcpu->epoch));
		if (vcpu_is_here(vcpu) && vcpu->stalls)
			h = fold(h, of_time(v, vcpu->since));
		if (v->s->config.features & SMALL_NO_RETIRE && vcpu->stalls)
			h = fold(fold(h, vcpu->gfn), vcpu->gfn_before);
	}
	return h;
}

/* A message that waits in a link, or for its acknowledgement. */
static uint64_t of_body(void *view, tidal_nodeid to, const void *body, uint32_t len,
			const struct link_payload *payload)
{
	struct view *v = view;
	uint64_t h = 7;
	struct wire m;

	if (!wire_decode(&m, body, len))
		return h;
	if (payload)
		h = fold(h, of_value(v->s, small_page(v->s, m.u.find.gfn),
				     v->s->m->host[v->sender].frame[payload->buf]));
	return fold(fold(h, m.kind), of_message(v, &m, to));
}

static uint64_t of_link(struct view *v, unsigned node)
{
	const struct link_bodies bodies = { of_body, v };
	const struct link *l = small_link(v->s, node);
	uint64_t h = 8;

	v->sender = node;
	for (unsigned n = 0; v->s->config.link && n < v->s->config.nodes; n++)
		if (n != node)
			h = fold(h, link_digest(l, small_link(v->s, n), &bodies));
	return h;
}

static uint64_t of_page(const struct small *s, unsigned node, unsigned page)
{
	const struct host_model *host = &s->m->host[node];
	const struct mapping *map = &host->map[page];
	struct tidal_page_info info;
	uint64_t h = fold(2, map->prot);

	if (map->prot)
		h = fold(h, of_value(s, page, small_contents(s, node, map->frame)));
	if (tidal_core_page(s->core[node], s->gfn[page], &info))
		return h;
	h = fold(h, info.state);
	if (info.frame >= SMALL_FRAMES)
		return h;
	return fold(h, of_value(s, page, host->frame[info.frame]) | 8);
}

static uint64_t of_host(const struct small *s, unsigned node)
{
	const struct host_model *host = &s->m->host[node];
	uint64_t h = fold(3, host->vmm_waits | host->pinned << 1);

	for (unsigned p = 0; p < s->config.pages; p++)
		h = fold(h, of_page(s, node, p));
	for (unsigned v = 0; v < s->config.vcpus; v++) {
		const struct vcpu_model *m = &host->vcpu[v];

		h = fold(h, m->here | m->running << 1);
		if (m->running)
			h = fold(h, m->stop | m->watch << 1 | m->skip << 2);
	}
	return h;
}

static uint64_t digest(struct view *v)
{
	const struct small *s = v->s;
	uint64_t h = 3, sum = 0;

	for (unsigned n = 0; n < s->config.nodes; n++)
		h = fold(fold(fold(h, of_core(v, n)), of_host(s, n)), of_link(v, n));
	for (unsigned i = 0; i < s->m->things; i++)
		sum += of_thing(v, &s->m->thing[i]);
	h = fold(h, sum);
	for (unsigned i = 0; i < s->config.vcpus; i++) {
		const struct stubborn *b = &s->m->stubborn[i];
		bool counts = !(s->config.features & SMALL_FICKLE);

		h = fold(h, s->m->skipping[i] | (counts ? b->access << 8 | b->page << 16 : 0));
	}
	for (unsigned p = 0; p < s->config.pages; p++)
		h = fold(h, s->m->latest[p] == 0);
	return fold(h, s->m->losses | s->m->repeats << 8 | s->m->faulty << 16);
}

uint64_t small_digest(const void *small)
{
	struct view v = { .s = small, .collecting = true };

	digest(&v);
	v.collecting = false;
	return digest(&v);
}
