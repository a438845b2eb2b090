/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict - capacity: keeps frames free, so that a stall rarely has to wait for one.
 *
 * Below `low` free frames a sweep over the page table looks for pages that were not used since it last
 * came by: read-only copies are dropped, owned pages offered to the peer with the most
 * free frames. A peer that accepts has a frame reserved for it; nothing is ever pushed without that.
 * When every peer has refused and stalls still wait, the pod is full, and that is reported.
 */
#include "proto.h"

#define EVICT_AT_ONCE 8	   /* evictions under way at a time */
#define SWEEP_BUDGET 64	   /* slots looked at in one push */
#define RETRY_NS 1000000   /* peers that refused are asked again after this */
#define ROOM_BUDGET 8	   /* waiters looked at in one push */

/* Frames that come free without another eviction. */
static uint32_t coming(const struct engine *e)
{
	return e->frames->departing + e->capacity->leaving;
}

bool proto_table_is_tight(const struct engine *e)
{
	return !pages_room(e->pages, e->frames->promised + 1);
}

/* Do stalls wait for a frame? Who only waits for a promise waits for an answer. */
static bool starved(const struct engine *e)
{
	return e->transits->room_first &&
	       (frames_free(e->frames) <= e->frames->reserve || proto_table_is_tight(e));
}

static bool wanted(struct engine *e)
{
	uint32_t soon = frames_free(e->frames) + coming(e);

	if (starved(e))
		return true;
	if (e->nodes == 1)
		return false;
	if (soon < e->frames->low)
		e->capacity->active = true;
	else if (soon >= e->frames->high)
		e->capacity->active = false;
	return e->capacity->active;
}

tidal_nodeid proto_roomiest(const struct engine *e)
{
	tidal_nodeid best = TIDAL_NODE_NONE;
	uint32_t most = 0;

	for (unsigned i = 1; i < e->nodes; i++) {
		unsigned n = (e->self + i) % e->nodes; /* not all at once to the same one */
		/* What it said may be old news: even one that said "none" is asked, if last. */
		uint32_t rank = e->peers[n].heard ? e->peers[n].free + 1 : 2;

		if (!nodeset_has(&e->capacity->refused, n) && rank > most &&
		    !link_is_down(e->link, (tidal_nodeid)n)) {
			most = rank;
			best = (tidal_nodeid)n;
		}
	}
	return best;
}

/* Is there a living peer that has not refused? */
static bool anybody_left(const struct engine *e)
{
	for (unsigned n = 0; n < e->nodes; n++)
		if (n != e->self && !nodeset_has(&e->capacity->refused, n) &&
		    !link_is_down(e->link, (tidal_nodeid)n))
			return true;
	return false;
}

static void report_full(struct engine *e)
{
	struct transit *t = transit_at(e->transits, e->transits->room_first);

	if (!starved(e) || e->capacity->full_reported)
		return;
	e->capacity->full_reported = true;
	engine_report(e, &(struct tidal_act_report){
				 .what = TIDAL_REPORT_POD_FULL,
				 .error = TIDAL_EFULL,
				 .gfn = t->gfn,
				 .vcpu = sched_waiting(e->sched, SCHED_WAIT_PAGE, t->gfn),
				 .node = e->self,
				 .text = "no frame is free on any node" });
}

void proto_look_anew(struct engine *e)
{
	e->capacity->swept = 0;
	e->capacity->asked_again = false;
}

/* Has anything left since the last look? */
static void note_progress(struct engine *e)
{
	uint64_t gone = e->stats->drops + e->stats->evictions + e->stats->redormant;

	if (gone != e->capacity->gone)
		proto_look_anew(e);
	e->capacity->gone = gone;
}

/* Every page was looked at twice (it may have been used the first time), in vain. */
static bool swept_in_vain(const struct engine *e)
{
	return e->capacity->swept >= 2u * e->pages->table.size;
}

static void sweep(struct engine *e)
{
	uint32_t left = SWEEP_BUDGET;
	struct page page;

	while (e->capacity->leaving < EVICT_AT_ONCE && wanted(e) &&
	       pages_sweep(e->pages, &left, &page)) {
		struct occasion o = { .gfn = page.gfn, .payload = TIDAL_FRAME_NONE };

		if (page.used) { /* a second chance */
			page.used = false;
			pages_put(e->pages, &page);
			continue;
		}
		if (!engine_pinned(e, page.gfn) && transits_room(e->transits))
			proto_happen(e, HAP_EVICT, &o);
	}
	if (!swept_in_vain(e))
		e->capacity->swept += SWEEP_BUDGET - left;
}

/* Who still waits afterwards goes to the end: those behind may need less, a promise and not a frame. */
static void let_waiters_go_on(struct engine *e)
{
	struct transits *ts = e->transits;
	uint32_t most = ts->room_count < ROOM_BUDGET ? ts->room_count : ROOM_BUDGET;

	for (uint32_t i = 0; ts->room_first && i < most; i++) {
		struct transit *t = transit_at(ts, ts->room_first);
		struct occasion o = { .gfn = t->gfn, .payload = TIDAL_FRAME_NONE };

		proto_happen(e, HAP_FRAMES, &o);
		if (transit_at(ts, ts->room_first) == t) {
			transit_room_leave(ts, t);
			transit_room_join(ts, t);
		}
	}
}

void proto_capacity(struct engine *e)
{
	struct capacity *c = e->capacity;

	if (e->transits->room_first)
		let_waiters_go_on(e);
	if (!wanted(e)) {
		/* a frame may be posted, and so be promised, after this push: then they look again */
		c->retry_at = e->transits->room_first ? e->now + RETRY_NS / 16 : TIDAL_NEVER;
		return;
	}
	note_progress(e);
	if (!starved(e))
		c->asked_again = false; /* what peers said before a stall had to wait is old news */
	/* while offers are out this is no new round: on a slow wire none would ever be complete */
	if (!anybody_left(e) && c->leaving == 0 && c->retry_at <= e->now) {
		if (coming(e) == 0 && swept_in_vain(e) && c->asked_again)
			report_full(e);
		/* all had refused a while ago: perhaps not any more */
		memset(&c->refused, 0, sizeof(c->refused));
		c->asked_again = coming(e) == 0; /* else what is coming may change it */
	}
	sweep(e);
	/* once is not enough: a peer also refuses while its frames are promised to others */
	if (coming(e) == 0 && !anybody_left(e) && swept_in_vain(e) && c->asked_again) {
		report_full(e);
		if (c->retry_at <= e->now || c->retry_at == TIDAL_NEVER)
			c->retry_at = e->now + RETRY_NS;
	} else if (c->retry_at <= e->now || c->retry_at > e->now + RETRY_NS / 16) {
		c->retry_at = e->now + RETRY_NS / 16;
	}
}

tidal_time proto_capacity_deadline(const struct engine *e)
{
	return e->capacity->retry_at;
}

/* ---- the owner's side ---- */

CELL(on_evict_copy)
{
	struct transit *t = transits_begin(e->transits, o->gfn);

	if (!t)
		return TIDAL_EAGAIN;
	e->capacity->leaving++;
	proto_drop(e, t, &o->page, SIT_INVALID);
	return 0;
}

CELL(on_evict_owned)
{
	tidal_nodeid to = proto_roomiest(e);
	struct wire m = { .kind = MSG_OFFER, .u.offer = { .gfn = o->gfn } };
	struct transit *t;

	if (to == TIDAL_NODE_NONE)
		return 0;
	t = transits_begin(e->transits, o->gfn);
	if (!t)
		return TIDAL_EAGAIN;
	t->state = SIT_OFFERED;
	t->peer = to;
	t->incarnation = link_incarnation(e->link, to);
	t->server = e->self;
	e->capacity->leaving++;
	engine_send(e, to, &m, NULL, 0);
	return 0;
}

static void push(struct engine *e, struct transit *t, struct page *page, bool zero)
{
	uint64_t epoch = epoch_next(page->epoch);
	struct wire m = {
		.kind = MSG_GIVE,
		.u.give = { .gfn = t->gfn, .epoch = epoch,
			    .copies = copies_del(pages_copies(e->pages, page), t->peer, e->nodes) },
	};
	struct link_payload payload = { .kind = TIDAL_PAYLOAD_PAGE, .buf = page->frame,
					.len = TIDAL_PAGE_SIZE, .gfn = t->gfn };
	struct whereabouts to = { t->peer, epoch };
	bool data = page->frame != TIDAL_FRAME_NONE && !zero;

	if (!data)
		m.u.give.flags = WIRE_IS_ZERO;
	if (owners_home(e->owners, t->gfn) == e->self)
		owners_note_page(e->owners, t->gfn, to);
	owners_hint_page(e->owners, t->gfn, to);
	engine_forget(e, t->gfn);
	if (data)
		e->frames->departing++;
	else
		engine_free(e, page->frame, zero);
	e->stats->redormant += zero;
	e->stats->evictions++;
	e->stats->pages_out++;
	engine_trace_page(e, TIDAL_TRACE_PAGE_OUT, t->gfn, epoch, t->peer);
	e->capacity->leaving--;
	engine_send(e, t->peer, &m, data ? &payload : NULL, tag_grant(t->gfn, engine_grant(e, t->peer)));
	proto_settle(e, t);
}

/* The peer does not take it, or will never say. */
void proto_declined(struct engine *e, struct transit *t)
{
	nodeset_add(&e->capacity->refused, t->peer);
	e->capacity->leaving--;
	proto_settle(e, t);
}

CELL(on_answer)
{
	struct transit *t = o->t;

	if (o->from != t->peer)
		return TIDAL_EPROTO;
	t->incarnation = link_incarnation(e->link, t->peer); /* it was not known before, perhaps */
	if (!o->m->u.answer.yes) {
		proto_declined(e, t);
	} else if (o->page.map == UNMAPPED) {
		push(e, t, &o->page, false);
	} else {
		proto_unmap(e, t, &o->page, SIT_PUSHING, o->page.frame != TIDAL_FRAME_NONE);
	}
	return 0;
}

CELL(on_push_done)
{
	if (o->done->status < 0)
		return on_host_failed(e, o);
	o->page.map = UNMAPPED;
	if (!engine_lives(e, o->t->peer, o->t->incarnation)) {
		engine_store(e, &o->page);
		proto_declined(e, o->t);
	} else {
		push(e, o->t, &o->page, o->done->zero);
	}
	return 0;
}

/* ---- the taker's side ---- */

static void answer(struct engine *e, const struct occasion *o, bool yes)
{
	struct wire m = { .kind = MSG_ANSWER, .u.answer = { .gfn = o->gfn, .yes = yes } };

	engine_send(e, o->from, &m, NULL, 0);
}

/* A frame for somebody else's page: only while this node has more than it needs itself. */
static bool can_take(const struct engine *e)
{
	return e->guest->joined && frames_may_promise(e->frames) && frames_free(e->frames) > e->frames->reserve &&
	       pages_room(e->pages, e->frames->promised + 1) && engine_ranges_room(e) &&
	       transits_room_local(e->transits) && !e->transits->room_first;
}

CELL(on_offer_take)
{
	struct transit *t = can_take(e) ? transits_begin(e->transits, o->gfn) : NULL;

	if (!t) {
		answer(e, o, false);
		return 0;
	}
	t->state = SIT_EXPECTED;
	t->peer = o->from;
	t->incarnation = link_incarnation(e->link, o->from);
	t->server = o->from;
	t->promised = true;
	e->frames->promised++;
	answer(e, o, true);
	return 0;
}

CELL(on_offer_decline)
{
	answer(e, o, false);
	return 0;
}

CELL(on_give)
{
	const struct wire_give *g = &o->m->u.give;
	struct transit *t = o->t;
	struct page *page = &o->page;
	bool zero = g->flags & WIRE_IS_ZERO;
	bool has_copy = page->state == TIDAL_PAGE_SECONDARY && page->frame != TIDAL_FRAME_NONE;

	if (o->from != t->peer || !copies_sound(g->copies, e->nodes) || page_is_owned(page) ||
	    (!zero && o->payload == TIDAL_FRAME_NONE))
		return TIDAL_EPROTO;
	proto_unpromise(e, t);
	e->stats->pages_in++;
	engine_trace_page(e, TIDAL_TRACE_PAGE_IN, t->gfn, g->epoch, o->from);
	if (!has_copy && !zero) {
		page->frame = o->payload;
		o->payload = TIDAL_FRAME_NONE;
	}
	page->state = page->frame == TIDAL_FRAME_NONE ? TIDAL_PAGE_DORMANT : TIDAL_PAGE_PRIMARY;
	page->epoch = g->epoch;
	page->owner = e->self;
	page->used = false;
	pages_set_copies(e->pages, page, copies_del(g->copies, e->self, e->nodes));
	engine_store(e, page);
	proto_tell_home(e, t->gfn, g->epoch);
	proto_pursue(e, t);
	return 0;
}
