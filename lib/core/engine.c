/* SPDX-License-Identifier: BSD-3-Clause */
/* engine - see engine.h. */
#include "engine.h"

void engine_send(struct engine *e, tidal_nodeid to, const struct wire *m,
		 const struct link_payload *payload, uint64_t cookie)
{
	uint8_t body[LINK_BODY_MAX];
	uint32_t len = wire_encode(m, body);

	ASSERT(to != e->self && to < e->nodes);
	link_queue(e->link, to, wire_class(m->kind), body, len, payload, cookie);
}

void engine_multicast(struct engine *e, const struct tidal_nodeset *to, const struct wire *m)
{
	for (unsigned n = nodeset_next(to, 0); n < e->nodes; n = nodeset_next(to, n + 1))
		engine_send(e, (tidal_nodeid)n, m, NULL, 0);
}

bool engine_room(const struct engine *e, enum link_class class)
{
	return link_room(e->link, class, 2u * e->nodes + 24);
}

void engine_report(struct engine *e, const struct tidal_act_report *r)
{
	actq_add(e->actq, TIDAL_ACT_REPORT)->u.report = *r;
}

void engine_record(struct engine *e, struct tidal_trace *record)
{
	if (record->pages == 0)
		record->pages = 1;
	traces_add(e->traces, record);
}

void engine_page(const struct engine *e, tidal_gfn gfn, struct page *page)
{
	uint64_t epoch;
	bool untouched;

	if (pages_get(e->pages, gfn, page))
		return;
	*page = (struct page){
		.gfn = gfn,
		.state = TIDAL_PAGE_INVALID,
		.frame = TIDAL_FRAME_NONE,
		.owner = e->self,
	};
	if (ranges_has(e->ranges, gfn, &epoch, &untouched)) {
		page->state = TIDAL_PAGE_DORMANT;
		page->epoch = epoch;
	}
}

bool engine_ranges_room(const struct engine *e)
{
	return ranges_room(e->ranges, e->frames->promised);
}

bool engine_page_room(const struct engine *e, const struct page *page)
{
	struct page old;
	uint64_t epoch;
	bool untouched;

	if (pages_get(e->pages, page->gfn, &old))
		return true;
	if (!pages_room(e->pages, e->frames->promised + 1))
		return false;
	return !ranges_has(e->ranges, page->gfn, &epoch, &untouched) || !untouched ||
	       engine_ranges_room(e);
}

void engine_store(struct engine *e, const struct page *page)
{
	uint64_t epoch;
	bool untouched;

	if (ranges_has(e->ranges, page->gfn, &epoch, &untouched) && untouched)
		ranges_touch(e->ranges, page->gfn);
	pages_put(e->pages, page);
}

void engine_touch(struct engine *e, tidal_gfn gfn)
{
	if (engine_ranges_room(e))
		ranges_touch(e->ranges, gfn);
}

void engine_forget(struct engine *e, tidal_gfn gfn)
{
	struct page gone = { .gfn = gfn, .frame = TIDAL_FRAME_NONE, .owner = e->self };
	uint64_t epoch;
	bool untouched;

	pages_del(e->pages, gfn);
	if (!ranges_has(e->ranges, gfn, &epoch, &untouched))
		return;
	if ((untouched && !engine_ranges_room(e)) || !ranges_may_lose(e->ranges, gfn)) {
		pages_put(e->pages, &gone); /* an entry that says: not here */
		return;
	}
	ranges_touch(e->ranges, gfn);
	ranges_lose(e->ranges, gfn);
}

void engine_free(struct engine *e, tidal_frame frame, bool zeroed)
{
	if (frame == TIDAL_FRAME_NONE)
		return;
	link_withdraw(e->link, frame);
	if (zeroed)
		frames_put_zeroed(e->frames, frame);
	else
		frames_put_dirty(e->frames, frame);
}

bool engine_waiting(const struct engine *e, tidal_gfn gfn)
{
	if (sched_waiting(e->sched, SCHED_WAIT_PAGE, gfn) != TIDAL_VCPU_NONE)
		return true;
	for (uint32_t i = 0; e->vmm->used && i < VMM_WAITERS; i++)
		if (e->vmm->waiter[i].used && !e->vmm->waiter[i].poked &&
		    e->vmm->waiter[i].gfn == gfn)
			return true;
	return false;
}

unsigned engine_pinned(const struct engine *e, tidal_gfn gfn)
{
	for (uint32_t i = 0; i < e->vmm->pins_used; i++)
		if (e->vmm->pin[i].gfn == gfn)
			return e->vmm->pin[i].count;
	return 0;
}

static void void_answer(struct engine *e, tidal_nodeid n)
{
	struct peer *p = &e->peers[n];
	struct wire m = { .kind = MSG_VOIDED, .u.voided = { .id = p->void_to } };

	if (p->void_due && p->void_all && !p->grants[!p->grant]) {
		p->grant = !p->grant; /* all until now, and none to come: or it might never be over */
		p->void_all = false;
	}
	if (!p->void_due || p->void_all || p->grants[!p->grant])
		return;
	p->void_due = false;
	engine_send(e, n, &m, NULL, 0);
}

uint8_t engine_grant(struct engine *e, tidal_nodeid n)
{
	struct peer *p = &e->peers[n];

	p->grants[p->grant]++;
	return p->grant;
}

void engine_granted(struct engine *e, tidal_nodeid n, uint8_t which)
{
	ASSERT(e->peers[n].grants[which] > 0);
	e->peers[n].grants[which]--;
	void_answer(e, n);
}

void engine_void(struct engine *e, tidal_nodeid n, uint32_t id)
{
	struct peer *p = &e->peers[n];

	if (!p->voids || serial_later(id, p->void_to))
		p->void_to = id; /* messages may overtake each other */
	p->voids = true;
	p->void_all = p->void_due || p->grants[!p->grant];
	p->grant = p->void_all ? p->grant : !p->grant;
	p->void_due = true;
	void_answer(e, n);
}

bool engine_lives(const struct engine *e, tidal_nodeid n, uint32_t incarnation)
{
	uint32_t known = link_incarnation(e->link, n);

	if (link_is_down(e->link, n))
		return false;
	return incarnation ? known == incarnation || known == 0 : !e->peers[n].lost;
}

uint32_t engine_random(struct engine *e, uint32_t n)
{
	*e->random += 0x9e3779b97f4a7c15u;
	return spread(mix64(*e->random), n);
}

uint32_t engine_free_share(const struct engine *e)
{
	return (uint32_t)((uint64_t)frames_free(e->frames) * 256 / e->frames->total);
}
