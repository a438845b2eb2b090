/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * small_digest - equal for states of a small pod that no future can tell apart.
 *
 * Of numbers that only grow just their order counts: of a page's epochs, of a vCPU's, of times
 * since when somebody waits. A digest is made twice: first to collect them, then with the place
 * of each in its order. Of a request's id only whether it is the one that is awaited; of what a
 * page holds whether it is the latest, and whether it is zeroes. Which frame is which, which timer
 * is to ring first, on which hyperthread (there is one for each vCPU) one runs, what was counted:
 * not at all.
 *
 * Nor does it count what pages and vCPUs are called, where they are alike: of the digests under all
 * their names the least is taken. Cores go by names in one place only, a table's slots.
 */
#include <string.h>

#include "core/digest.h"
#include "core/sched_impl.h"
#include "link_look.h"
#include "small_state.h"

/* In the table of ranges: that of the range of a page, if it is touched (see ranges.c). */
#define RANGE_KEY(gfn) (((gfn) >> TIDAL_RANGE_SHIFT << 5) + 1)

#define ORDER 128
struct order {
	uint64_t of[ORDER]; /* ascending */
	unsigned n;
};

/* What they are called. */
struct names {
	tidal_vcpuid vcpu[SMALL_VCPUS];
	uint8_t page[SMALL_PAGES];
};

struct view {
	const struct small *s;
	const struct names *names;
	bool collecting;
	unsigned sender; /* of the messages that are looked at in a link */
	struct order epochs[SMALL_PAGES], moves[SMALL_VCPUS], times;
};

/* Not the same both ways round, nor for neighbours: small numbers are folded into small ones. */
static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h * UINT64_C(0xd6e8feb86659fd93) ^ x);
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

/* ---- names ---- */

static tidal_vcpuid vcpu_name(const struct view *v, tidal_vcpuid vcpu)
{
	return vcpu < v->s->config.vcpus ? v->names->vcpu[vcpu] : vcpu;
}

static tidal_gfn page_name(void *view, tidal_gfn gfn)
{
	const struct view *v = view;
	unsigned page = small_page(v->s, gfn);

	return page < SMALL_PAGES ? v->s->gfn[v->names->page[page]] : gfn;
}

static uint64_t token_name(struct view *v, uint64_t token)
{
	uint64_t of = token & ((UINT64_C(1) << 56) - 1);

	switch (token >> 56) {
	case TOKEN_PAGE:
		return tag(TOKEN_PAGE, page_name(v, of));
	case TOKEN_SAVE:
	case TOKEN_LOAD:
		return tag((unsigned)(token >> 56), vcpu_name(v, (tidal_vcpuid)of));
	default:
		return tag((unsigned)(token >> 56), 0); /* of a frame: any */
	}
}

/* ---- numbers that grow ---- */

/* gfn: one of the pages. Others are not in this world, and those of a range: see of_extent(). */
static uint64_t of_epoch(void *view, tidal_gfn gfn, uint64_t epoch)
{
	struct view *v = view;
	unsigned page = small_page(v->s, gfn);

	return page < SMALL_PAGES ? place_of(v, &v->epochs[page], epoch) : 0;
}

/* Which pages are in an extent; its epoch is compared with those of all of them. */
static uint64_t of_extent(struct view *v, uint64_t first, unsigned order, uint64_t epoch)
{
	uint64_t sum = 0;

	for (unsigned p = 0; p < v->s->config.pages; p++)
		if (v->s->gfn[p] >> TIDAL_RANGE_SHIFT >> order == first >> order)
			sum += fold(fold(12, v->names->page[p]),
				    place_of(v, &v->epochs[p], epoch));
	return sum;
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
	return fold(h, r->node | (uint64_t)vcpu_name(v, r->vcpu) << 16 |
			       (uint64_t)r->want << 32 | (uint64_t)r->flags << 40 |
			       (uint64_t)r->hops << 48);
}

static uint64_t of_vcpu_state(struct view *v, const struct wire_vcpu *w)
{
	uint64_t h = fold(of_move(v, w->vcpu, w->epoch), w->stalls ? of_time(v, w->since) : 0);
	uint64_t stalls = w->stalls > VCPU_STARVING ? VCPU_STARVING : w->stalls;

	if (v->s->config.features & SMALL_NO_RETIRE && w->stalls)
		h = fold(fold(h, page_name(v, w->gfn)), page_name(v, w->gfn_before));
	return fold(h, vcpu_name(v, w->vcpu) | (uint64_t)w->resume << 16 | (uint64_t)w->flags << 24 |
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
		return fold(of_extent(v, m->u.extent.first, m->u.extent.order, m->u.extent.epoch),
			    of_id(v, node, gfn, m->u.extent.id));
	default:
		return fold(m->u.refuse.owner == TIDAL_NODE_NONE ?
				    0 : of_epoch(v, gfn, m->u.refuse.epoch),
			    of_id(v, node, gfn, m->u.refuse.id) << 32 |
				    (uint64_t)m->u.refuse.owner << 8 | m->u.refuse.reason);
	}
}

/* News for a home, of a page or an extent. */
static uint64_t of_owner(struct view *v, const struct wire_owner *o)
{
	if (o->order == WIRE_ORDER_PAGE)
		return fold(fold(page_name(v, o->gfn), of_epoch(v, o->gfn, o->epoch)), o->owner);
	return fold(of_extent(v, o->gfn >> TIDAL_RANGE_SHIFT, o->order, o->epoch), o->owner);
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
	const struct wire_vcpu_at *at = &m->u.vcpu_at;

	switch (m->kind) {
	case MSG_MOVE_ASK:
		return fold(of_move(v, m->u.move_ask.vcpu, m->u.move_ask.epoch),
			    vcpu_name(v, m->u.move_ask.vcpu));
	case MSG_MOVE_ANSWER:
		return fold(of_move(v, m->u.move_answer.vcpu, m->u.move_answer.epoch),
			    vcpu_name(v, m->u.move_answer.vcpu) | m->u.move_answer.yes << 16);
	case MSG_MOVE_CANCEL:
		return vcpu_name(v, m->u.move_cancel.vcpu);
	case MSG_VCPU:
		return of_vcpu_state(v, &m->u.vcpu);
	default:
		return fold(of_move(v, at->vcpu, at->epoch),
			    vcpu_name(v, at->vcpu) | (uint64_t)at->node << 16);
	}
}

/* The body of a message that node *to* will get. */
static uint64_t of_message(struct view *v, const struct wire *m, unsigned to)
{
	switch (m->kind) {
	case MSG_REQUEST:
		return fold(page_name(v, m->u.request.gfn), of_request(v, &m->u.request));
	case MSG_COPY:
	case MSG_OWN:
	case MSG_EXTENT:
	case MSG_REFUSE:
		return fold(page_name(v, m->u.find.gfn), of_answer(v, m, to));
	case MSG_MOVE_ASK:
	case MSG_MOVE_ANSWER:
	case MSG_MOVE_CANCEL:
	case MSG_VCPU:
	case MSG_VCPU_AT:
		return of_vcpu_message(v, m);
	case MSG_OWNER:
		return of_owner(v, &m->u.owner);
	default:
		return fold(page_name(v, m->u.find.gfn), of_news(v, m));
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
	if (!news || !small_decode(t, &m) || v->s->config.fault == FAULT_BLIND)
		return h;
	if (t->payload == TIDAL_PAYLOAD_PAGE)
		h = fold(h, of_value(v->s, small_page(v->s, m.u.find.gfn), t->value));
	return fold(fold(h, m.kind), of_message(v, &m, t->node));
}

static uint64_t of_thing(struct view *v, const struct thing *t)
{
	uint64_t h = fold(1, t->kind | t->node << 8);

	if (t->kind == THING_MESSAGE)
		return fold(h, of_packet(v, t));
	h = fold(fold(h, token_name(v, t->token)), t->zero | t->failed << 1);
	if (t->kind == THING_DONE)
		return h;
	h = fold(h, t->action | (uint64_t)t->pages.prot << 8 | (uint64_t)t->pages.test << 16);
	h = fold(h, page_name(v, t->pages.gfn));
	return fold(h, of_value(v->s, small_page(v->s, t->pages.gfn),
				small_contents(v->s, t->node, t->pages.frame)));
}

/* ---- the nodes ---- */

static uint64_t of_whereabouts(struct view *v, tidal_gfn gfn, struct whereabouts w)
{
	return w.node == TIDAL_NODE_NONE ? 1 : fold(w.node, of_epoch(v, gfn, w.epoch));
}

/*
 * Is it dormant here without an entry of its own? What else is in its extent is of no use, but that
 * the epoch of a range in which several pages come and go counts even when none of them is here.
 */
static uint64_t of_range(struct view *v, const struct ranges *r, tidal_gfn gfn)
{
	struct entry touched;
	uint64_t epoch, h = 0;
	bool untouched;

	if (ranges_has(r, gfn, &epoch, &untouched))
		h = fold(1 + untouched, of_extent(v, gfn >> TIDAL_RANGE_SHIFT, 0, epoch));
	if (v->s->config.pages > 1 && table_get(&r->table, RANGE_KEY(gfn), &touched))
		h = fold(h, of_extent(v, gfn >> TIDAL_RANGE_SHIFT, 0, touched.b) + 1);
	return h;
}

/* Of several hints for a page, and of several records, only the newest is ever used. */
static uint64_t of_owners(struct view *v, unsigned node)
{
	const struct tidal_core *core = v->s->core[node];
	const struct owners *o = &core->owners;
	uint64_t sum = 0;

	for (unsigned p = 0; p < v->s->config.pages; p++) {
		tidal_gfn gfn = v->s->gfn[p];
		uint64_t h = fold(4, v->names->page[p]);

		h = fold(h, of_range(v, &core->ranges, gfn));
		h = fold(h, of_whereabouts(v, gfn, owners_hinted(o, gfn)));
		sum += fold(h, of_whereabouts(v, gfn, owners_recorded(o, gfn)));
	}
	return sum;
}

/* How many vCPUs have waited longer for the same. */
static unsigned rank(const struct view *v, const struct sched *s, const struct sched_vcpu *e)
{
	unsigned before = 0;

	for (unsigned i = 0; i < v->s->config.vcpus; i++) {
		const struct sched_vcpu *o = sched_vcpu(s, (tidal_vcpuid)i);

		before += o->place == e->place && o->order < e->order && o->kind == e->kind &&
			  o->value == e->value;
	}
	return before;
}

/* A vCPU as this node knows it: but for news that take their time, nobody asks how old news are. */
static uint64_t of_vcpu(struct view *v, const struct tidal_core *core, tidal_vcpuid id)
{
	const struct vcpu *vcpu = vcpus_at(&core->vcpus, id);
	const struct sched *s = REL(core, sched);
	const struct sched_vcpu *e = sched_vcpu(s, id);
	uint64_t h = fold(10, v->names->vcpu[id]);

	if (vcpu_is_here(vcpu) || v->s->config.features & SMALL_RUMOUR)
		h = fold(fold(h, of_move(v, id, vcpu->epoch)), vcpu->node);
	if (e->place != SCHED_NOWHERE)
		h = fold(h, e->place << 16 | e->kind << 8 |
				    (e->place == SCHED_WAITING ? rank(v, s, e) : 0));
	if (vcpu_is_here(vcpu) && vcpu->stalls)
		h = fold(h, of_time(v, vcpu->since));
	if (v->s->config.features & SMALL_NO_RETIRE && vcpu->stalls)
		h = fold(fold(h, page_name(v, vcpu->gfn)), page_name(v, vcpu->gfn_before));
	return h;
}

/* What the digest of a core leaves out because it is of no use in the field, and matters here. */
static uint64_t of_core(struct view *v, unsigned node)
{
	const struct tidal_core *core = v->s->core[node];
	const struct digest_view view = {
		.epoch = of_epoch, .id = of_id, .since = of_time, .bare = true,
		.page = page_name, .vcpu = v->names->vcpu, .arg = v,
	};
	uint64_t h = fold(digest_core(core, &view), of_owners(v, node)), sum = 0;

	h = fold(h, core->capacity.active | (core->capacity.retry_at != TIDAL_NEVER) << 1);
	for (unsigned i = 0; i < v->s->config.vcpus; i++)
		sum += of_vcpu(v, core, (tidal_vcpuid)i);
	return fold(h, sum);
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

static uint64_t of_host(const struct view *v, unsigned node)
{
	const struct small *s = v->s;
	const struct host_model *host = &s->m->host[node];
	uint64_t sum = 0;

	for (unsigned p = 0; p < s->config.pages; p++)
		sum += fold(of_page(s, node, p), v->names->page[p]);
	for (unsigned i = 0; i < s->config.vcpus; i++) {
		const struct vcpu_model *m = &host->vcpu[i];
		unsigned run = m->running ? m->stop | m->watch << 1 | m->skip << 2 : 0;

		sum += fold(fold(6, v->names->vcpu[i]), m->here | m->running << 1 | run << 2);
	}
	return fold(fold(3, host->vmm_waits | host->pinned << 1), sum);
}

/* The instruction that a vCPU is at. */
static uint64_t of_instruction(const struct view *v, unsigned vcpu)
{
	const struct stubborn *b = &v->s->m->stubborn[vcpu];
	bool counts = b->access && !(v->s->config.features & SMALL_FICKLE);
	uint64_t h = fold(fold(9, v->names->vcpu[vcpu]), v->s->m->skipping[vcpu]);

	return counts ? fold(h, b->access | (uint64_t)v->names->page[b->page] << 8) : h;
}

static uint64_t digest(struct view *v)
{
	const struct small *s = v->s;
	uint64_t h = 3, sum = 0;

	for (unsigned n = 0; n < s->config.nodes; n++)
		h = fold(fold(fold(h, of_core(v, n)), of_host(v, n)), of_link(v, n));
	for (unsigned i = 0; i < s->m->things; i++)
		sum += of_thing(v, &s->m->thing[i]);
	for (unsigned i = 0; i < s->config.vcpus; i++)
		sum += of_instruction(v, i);
	for (unsigned p = 0; p < s->config.pages; p++)
		sum += fold(fold(11, v->names->page[p]), s->m->latest[p] == 0);
	return fold(fold(h, sum), s->m->losses | s->m->repeats << 8 | s->m->faulty << 16 |
					  (uint64_t)s->m->commands << 24);
}

/* ---- under all names ---- */

/* Those of vCPUs: *n* of 6. */
static void name_vcpus(struct names *names, unsigned n)
{
	static const uint8_t orders[6][SMALL_VCPUS] = {
		{ 0, 1, 2 }, { 1, 0, 2 }, { 0, 2, 1 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	for (unsigned i = 0; i < SMALL_VCPUS; i++)
		names->vcpu[i] = orders[n][i];
}

/* In how many ways may vCPUs, and pages, be named? */
static unsigned vcpu_names(const struct small *s)
{
	static const uint8_t ways[SMALL_VCPUS + 1] = { 1, 1, 2, 6 };

	/* among those that starve for as long the number decides */
	return s->config.features & (SMALL_NAMED | SMALL_STARVE) ? 1 : ways[s->config.vcpus];
}

static unsigned page_names(const struct small *s)
{
	return s->config.features & (SMALL_NAMED | SMALL_APART | SMALL_PIN) ? 1 : s->config.pages;
}

uint64_t small_digest(const void *small)
{
	struct names names = { .page = { 0, 1 } };
	struct view v = { .s = small, .names = &names, .collecting = true };
	uint64_t least = UINT64_MAX;

	name_vcpus(&names, 0);
	digest(&v);
	v.collecting = false;
	for (unsigned p = 0; p < page_names(small); p++) {
		names.page[0] = (uint8_t)p;
		names.page[1] = (uint8_t)!p;
		for (unsigned i = 0; i < vcpu_names(small); i++) {
			uint64_t h;

			name_vcpus(&names, i);
			h = digest(&v);
			least = h < least ? h : least;
		}
	}
	return least;
}
