/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ask - the requester's side: a page is elsewhere, somebody here wants it. Whom to ask,
 * page or vCPU (the requester's half of the decision: decide() below), and the answers.
 */
#include "move.h"
#include "proto.h"
#include "route.h"

#define OFTEN_REFUSED 3 /* refusals after which a request may wait with other askers */
#define TRIES_BEFORE_FIND 6 /* refusals after which all nodes are asked who the owner is */
#define TRIES_MAX (20 * TRIES_BEFORE_FIND)
#define SEARCHES 4 /* in vain, after which a page that died with its node is reported as lost */

static struct whereabouts at(tidal_nodeid node, uint64_t epoch)
{
	return (struct whereabouts){ node, epoch };
}

void proto_tell_home(struct engine *e, tidal_gfn gfn, uint64_t epoch)
{
	tidal_nodeid home = owners_home(e->owners, gfn);
	struct wire m = {
		.kind = MSG_OWNER,
		.u.owner = { .gfn = gfn, .epoch = epoch, .owner = e->self,
			     .order = WIRE_ORDER_PAGE },
	};

	if (home == e->self)
		owners_note_page(e->owners, gfn, at(e->self, epoch));
	else
		engine_send(e, home, &m, NULL, 0);
}

void proto_unpromise(struct engine *e, struct transit *t)
{
	if (!t->promised)
		return;
	t->promised = false;
	e->frames->promised--;
}

/* ---- asking ---- */

/* Loads and shares: the most is the load of 1024 vCPUs on one thread, in 1/16. */
static uint16_t small(uint32_t n)
{
	ASSERT(n <= UINT16_MAX);
	return (uint16_t)n;
}

static void factors(struct engine *e, const struct wire_request *r, const struct vcpu *v,
		    tidal_nodeid target, struct tidal_factors *f)
{
	*f = (struct tidal_factors){
		.access = r->want,
		.bytes_page = r->want == TIDAL_ZERO ? 0 : TIDAL_PAGE_SIZE,
		.bytes_vcpu = e->params->vcpu_bytes,
		.local_share = r->local_share,
		.remote_share = r->remote_share,
		.pingpong = r->pingpong,
		.hot = r->pingpong >= HOT_MIN,
		.load_here = r->load,
		.load_there = e->peers[target].load,
		.free_here = r->free,
		.free_there = (uint32_t)min_u64(256, e->peers[target].free * UINT64_C(256) /
							     e->frames->total),
		.warmth = r->warmth,
		.movable = 1,
		.moves = v->moves,
	};
}

/* Page or vCPU: the requester's half of the decision. The owner has the other (serve.c). */
static void decide(struct engine *e, struct wire_request *r, tidal_nodeid target)
{
	const struct vcpu *v = vcpus_at(e->vcpus, r->vcpu);
	struct tidal_factors f;

	if (!move_possible(e, r->vcpu) || r->want == TIDAL_EXEC)
		return;
	r->flags |= WIRE_MOVABLE;
	factors(e, r, v, target, &f);
	e->stats->decisions++;
	if (e->decider->ops->request(&f, decider_weights(e->decider)) == TIDAL_CHOOSE_VCPU) {
		r->flags |= WIRE_WANTS_MOVE;
		e->stats->decided_vcpu++;
	}
}

static void fill_vcpu(struct engine *e, struct wire_request *r, tidal_nodeid target)
{
	const struct vcpu *v;

	if (r->vcpu == TIDAL_VCPU_NONE)
		return;
	v = vcpus_at(e->vcpus, r->vcpu);
	r->local_share = small(vcpu_share(v, e->self));
	r->remote_share = small(vcpu_share(v, target));
	r->warmth = small(sched_warmth(e->sched, e->now, r->vcpu));
	r->moves = v->moves;
	if (v->stalls >= VCPU_STARVING) {
		r->flags |= WIRE_STARVING;
		r->since = min_u64(v->since, r->flags & WIRE_OFTEN_REFUSED ? r->since : v->since);
	}
	if (v->pin_bound)
		r->flags |= WIRE_PIN_BOUND;
	if (r->want == TIDAL_READ && v->access == TIDAL_EXEC)
		r->want = TIDAL_EXEC;
	decide(e, r, target);
}

void proto_back_off(struct engine *e, struct transit *t)
{
	tidal_time wait = e->params->backoff_ns << (t->tries < 6 ? t->tries : 6);

	t->state = SIT_BACKOFF;
	/* for ever: they go on counting up to the next search */
	t->tries = t->tries < TRIES_MAX ? (uint8_t)(t->tries + 1) : TRIES_MAX - TRIES_BEFORE_FIND + 1;
	transit_timer(e->transits, t,
		      e->now + wait / 2 + engine_random(e, (uint32_t)min_u64(wait, UINT32_MAX)));
}

void proto_ask(struct engine *e, struct transit *t, const struct page *page)
{
	struct wire m = { .kind = MSG_REQUEST };
	struct wire_request *r = &m.u.request;
	struct whereabouts hint = owners_hinted(e->owners, t->gfn);
	struct hop hop;

	if (!frames_may_promise(e->frames) ||
	    !pages_room(e->pages, e->frames->promised + 1)) {
		t->state = SIT_ROOM;
		transit_room_join(e->transits, t);
		return;
	}
	transit_room_leave(e->transits, t);
	*r = (struct wire_request){
		.gfn = t->gfn,
		.node = e->self,
		.want = t->want,
		.vcpu = sched_waiting(e->sched, SCHED_WAIT_PAGE, t->gfn),
		.load = small(sched_load(e->sched)),
		.free = small(engine_free_share(e)),
		.pingpong = (uint8_t)min_u64(hot_count(e->hot, t->gfn), UINT8_MAX),
	};
	if (page->state == TIDAL_PAGE_SECONDARY && page->frame != TIDAL_FRAME_NONE)
		r->held_epoch = page->epoch + 1;
	if (!ranges_room(e->ranges, e->frames->promised + 1))
		r->flags |= WIRE_NO_EXTENT;
	hop = route_next(e, r, hint);
	t->vcpu = r->vcpu;
	if (t->since == TIDAL_NEVER)
		t->since = e->now;
	if (t->tries >= OFTEN_REFUSED) {
		r->flags |= WIRE_OFTEN_REFUSED;
		r->since = t->since;
	}
	t->known = hint.node == TIDAL_NODE_NONE ? 0 : hint.epoch + 1;
	if (page->state == TIDAL_PAGE_SECONDARY &&
	    (t->known == 0 || epoch_newer(page->epoch, hint.epoch)))
		t->known = page->epoch + 1; /* the cache of hints has lost it, the copy has not */
	if (hop.node == TIDAL_NODE_NONE) {
		proto_back_off(e, t);
		return;
	}
	r->lead = hop.lead;
	if (hop.home_asked)
		r->flags |= WIRE_VIA_HOME;
	fill_vcpu(e, r, hop.node);
	r->id = t->id = ++*e->next_id;
	if (r->id - e->losses->void_to > SERIAL_WINDOW)
		e->losses->void_to++; /* numbers wrap around: what is compared stays near */
	r->incarnation = e->params->incarnation;
	t->asked = r->want;
	t->state = page->state == TIDAL_PAGE_SECONDARY ? SIT_UPGRADE : SIT_ASK;
	t->promised = true;
	e->frames->promised++;
	transit_timer(e->transits, t, TIDAL_NEVER);
	e->stats->requests++;
	engine_send(e, hop.node, &m, NULL, 0);
}

/* ---- answers ---- */

/* The answer that this request waits for? Anything else is stale, or made up. */
static bool answers(const struct occasion *o, uint32_t id)
{
	return o->t->promised && o->t->id == id;
}

static void answered(struct engine *e, struct occasion *o, uint8_t hops)
{
	proto_unpromise(e, o->t);
	transit_timer(e->transits, o->t, TIDAL_NEVER);
	o->t->server = o->from;
	if (hops > e->stats->forward_max)
		e->stats->forward_max = hops;
}

CELL(on_copy)
{
	const struct wire_copy *c = &o->m->u.copy;
	struct transit *t = o->t;
	struct page *page = &o->page;

	if (!answers(o, c->id))
		return on_copy_late(e, o);
	if (page_is_owned(&o->page))
		return TIDAL_EPROTO;
	if (!(c->flags & WIRE_IS_ZERO) && o->payload == TIDAL_FRAME_NONE)
		return TIDAL_EPROTO;
	answered(e, o, c->hops);
	owners_hint_page(e->owners, t->gfn, at(o->from, c->epoch));
	if (t->stale_known && epoch_newer(t->stale, c->epoch)) {
		/* rule 5: it was invalidated before it came */
		t->stale_known = false;
		proto_pursue(e, t);
		return 0;
	}
	t->stale_known = false;
	t->tries = t->searches = 0;
	e->stats->copies_in++;
	engine_trace(e, .what = TIDAL_TRACE_COPY_IN, .vcpu = TIDAL_VCPU_NONE, .gfn = t->gfn,
		     .epoch = c->epoch, .id = c->id, .node = o->from);
	page->state = TIDAL_PAGE_SECONDARY;
	page->epoch = c->epoch;
	page->owner = o->from;
	page->frame = TIDAL_FRAME_NONE;
	if (c->flags & WIRE_IS_ZERO) {
		e->stats->dormant_in++;
		proto_map(e, t, page, TIDAL_FRAME_NONE, MAPPED_R);
		return 0;
	}
	page->frame = o->payload;
	proto_map(e, t, page, o->payload, MAPPED_R);
	o->payload = TIDAL_FRAME_NONE;
	return 0;
}

/*
 * The page's bytes, by what came and what is here. A copy that is still here is good, whatever
 * came with the grant: nobody can have written since without its being dropped first. So it
 * is kept, and a zeroing instruction then runs on it instead of being skipped.
 */
static void take_contents(struct engine *e, struct occasion *o, uint8_t flags)
{
	struct page *page = &o->page;

	if (page->state == TIDAL_PAGE_SECONDARY && page->frame != TIDAL_FRAME_NONE) {
		page->state = TIDAL_PAGE_EXCLUSIVE;
	} else if (flags & WIRE_IS_ZERO) {
		e->stats->dormant_in++;
		page->state = TIDAL_PAGE_DORMANT;
		o->t->decreed = o->t->asked == TIDAL_ZERO;
	} else {
		page->state = TIDAL_PAGE_EXCLUSIVE;
		page->frame = o->payload;
		o->payload = TIDAL_FRAME_NONE;
	}
}

static bool own_is_sound(const struct engine *e, const struct occasion *o,
			 const struct wire_own *g)
{
	bool has_copy = o->page.state == TIDAL_PAGE_SECONDARY;

	if (!answers(o, g->id) || !copies_sound(g->copies, e->nodes) || page_is_owned(&o->page))
		return false;
	if (g->flags & WIRE_NO_DATA) /* a copy of a page of zeroes has no frame to write to */
		return has_copy && o->page.frame != TIDAL_FRAME_NONE;
	return g->flags & WIRE_IS_ZERO || o->payload != TIDAL_FRAME_NONE;
}

CELL(on_own)
{
	const struct wire_own *g = &o->m->u.own;
	struct transit *t = o->t;
	struct tidal_nodeset early = { { 0 } };

	if (!own_is_sound(e, o, g))
		return TIDAL_EPROTO;
	answered(e, o, g->hops);
	if (t->epoch == g->epoch)
		early = t->acks;
	t->tries = t->searches = 0;
	t->stale_known = false;
	e->stats->pages_in++;
	engine_trace_page(e, TIDAL_TRACE_PAGE_IN, t->gfn, g->epoch, o->from);
	take_contents(e, o, g->flags);
	o->page.epoch = g->epoch;
	o->page.owner = e->self;
	engine_store(e, &o->page);
	owners_hint_page(e->owners, t->gfn, at(e->self, g->epoch));
	if (!(g->flags & WIRE_HOME_KNOWS))
		proto_tell_home(e, t->gfn, g->epoch);
	copies_expand(g->copies, e->nodes, o->from, e->self, &t->acks);
	for (unsigned i = 0; i < NODESET_WORDS; i++)
		t->acks.w[i] &= ~early.w[i];
	t->epoch = g->epoch;
	t->state = SIT_COLLECT;
	proto_living(e, t);
	if (nodeset_empty(&t->acks))
		proto_pursue(e, t);
	else if (e->losses->ever)
		proto_invalidate_revived(e, t);
	return 0;
}

static void tell_homes(struct engine *e, const struct extent *x)
{
	struct wire m = {
		.kind = MSG_OWNER,
		.u.owner = { .gfn = x->first << TIDAL_RANGE_SHIFT, .epoch = x->epoch,
			     .owner = e->self, .order = (uint8_t)x->order },
	};
	struct tidal_nodeset homes = { { 0 } };
	uint64_t ranges = UINT64_C(1) << x->order;

	if (ranges >= e->nodes) {
		copies_expand(copies_all(e->nodes), e->nodes, TIDAL_NODE_NONE, TIDAL_NODE_NONE,
			      &homes);
	} else {
		for (uint64_t i = 0; i < ranges; i++)
			nodeset_add(&homes, owners_home(e->owners,
							(x->first + i) << TIDAL_RANGE_SHIFT));
	}
	if (nodeset_has(&homes, e->self))
		owners_note_extent(e->owners, x->first, x->order, at(e->self, x->epoch));
	nodeset_del(&homes, e->self);
	engine_multicast(e, &homes, &m);
}

/* Aligned, around the page, inside of guest memory (the last range of which may be partial), and
 * nothing of it here already? */
static bool extent_is_sound(const struct engine *e, tidal_gfn gfn, const struct extent *x)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;

	return x->order <= EXTENT_ORDER_MAX && x->first >> x->order << x->order == x->first &&
	       x->first >> x->order == range >> x->order &&
	       (x->first + (UINT64_C(1) << x->order) - 1) << TIDAL_RANGE_SHIFT < e->guest->pages &&
	       !ranges_overlap(e->ranges, x);
}

CELL(on_extent)
{
	const struct wire_extent *g = &o->m->u.extent;
	struct extent x = { g->first, g->order, g->epoch };

	if (!answers(o, g->id) || !extent_is_sound(e, o->gfn, &x) || !ranges_add(e->ranges, &x))
		return TIDAL_EPROTO;
	answered(e, o, g->hops);
	o->t->tries = o->t->searches = 0;
	o->t->stale_known = false;
	e->stats->extents_in++;
	engine_trace(e, .what = TIDAL_TRACE_EXTENT_IN, .vcpu = TIDAL_VCPU_NONE,
		     .gfn = x.first << TIDAL_RANGE_SHIFT, .epoch = x.epoch, .node = o->from,
		     .pages = (uint64_t)TIDAL_RANGE_PAGES << x.order);
	tell_homes(e, &x);
	proto_pursue(e, o->t);
	return 0;
}

/* The owner would have the vCPU come: it goes if it still waits here and may. */
static void send_vcpu(struct engine *e, struct occasion *o, uint8_t reason)
{
	struct transit *t = o->t;
	struct wire m = { .kind = MSG_MOVE_CANCEL, .u.move_cancel = { .vcpu = t->vcpu } };

	if (move_go(e, t->vcpu, t->gfn, o->from)) {
		e->stats->out_vcpu++;
		if (reason == REFUSE_PINNED)
			vcpus_at(e->vcpus, t->vcpu)->pin_bound = true;
	} else {
		engine_send(e, o->from, &m, NULL, 0);
	}
	proto_pursue(e, t);
}

static void report_conflict(struct engine *e, const struct occasion *o)
{
	engine_report(e, &(struct tidal_act_report){
				 .what = TIDAL_REPORT_PIN_CONFLICT,
				 .gfn = o->gfn,
				 .vcpu = o->t->vcpu,
				 .node = o->from,
				 .text = "two pins on different nodes make this access impossible" });
}

/* Those who waited for a grant to this node: it may never come. */
void proto_refuse_all(struct engine *e, struct transit *t)
{
	struct wire_request r;

	while (transit_dequeue(e->transits, t, &r))
		proto_refuse(e, &r, REFUSE_AGAIN);
}

/* It may have been another instruction for which the vCPU came; if it still waits here. */
static void unbind(struct engine *e, const struct transit *t)
{
	struct vcpu *v;

	if (t->vcpu == TIDAL_VCPU_NONE)
		return;
	v = vcpus_at(e->vcpus, t->vcpu);
	if (v->state == TIDAL_VCPU_STALLED && v->gfn == t->gfn)
		v->pin_bound = false;
}

CELL(on_refuse)
{
	const struct wire_refuse *r = &o->m->u.refuse;
	struct transit *t = o->t;

	if (!answers(o, r->id))
		return on_refuse_late(e, o);
	if (r->reason == REFUSE_LOST && !proto_was_lost(e, r)) {
		proto_news_of_death(e, r);
		return 0;
	}
	answered(e, o, r->hops);
	proto_refuse_all(e, t);
	if (r->reason != REFUSE_LOST && r->owner < e->nodes && r->owner != e->self)
		owners_hint_page(e->owners, t->gfn, at(r->owner, r->epoch));
	/* with the grant that did not come, no acknowledgements are due */
	memset(&t->acks, 0, sizeof(t->acks));
	if (r->reason == REFUSE_SEND_VCPU || r->reason == REFUSE_PINNED) {
		send_vcpu(e, o, r->reason);
		return 0;
	}
	if (r->reason == REFUSE_CONFLICT) {
		report_conflict(e, o);
		if (!(e->params->flags & TIDAL_PARAM_RETIRE_EVENTS))
			unbind(e, t);
	}
	e->stats->retries++;
	proto_back_off(e, t);
	return 0;
}

/* Queued requests that have waited too long for a grant: what led them here was stale. */
CELL(on_ask_timer)
{
	transit_timer(e->transits, o->t, TIDAL_NEVER);
	proto_refuse_all(e, o->t);
	return 0;
}

static uint32_t living_peers(const struct engine *e)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < e->nodes; i++)
		n += i != e->self && !link_is_down(e->link, (tidal_nodeid)i);
	return n;
}

/*
 * All who live have said that they don't have it, several times: its owner died. If it was only on
 * its way each time, this is a false alarm; asking goes on. Returns the number of the next search;
 * while no node has died only the owner is to answer.
 */
static uint8_t next_search(struct engine *e, struct transit *t)
{
	bool complete = t->search && t->absent >= living_peers(e);

	if (!e->losses->ever)
		return 0;
	t->absent = 0;
	t->search = t->search < UINT8_MAX ? (uint8_t)(t->search + 1) : 1;
	if (!complete || t->searches > SEARCHES || t->searches++ < SEARCHES)
		return t->search;
	engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_PAGE_LOST,
						     .error = TIDAL_EPEER,
						     .gfn = t->gfn,
						     .vcpu = t->vcpu,
						     .node = e->self,
						     .pages = 1,
						     .text = "no node has it any more" });
	return t->search;
}

CELL(on_ask_again)
{
	struct transit *t = o->t;
	struct wire m = { .kind = MSG_FIND, .u.find = { .gfn = t->gfn } };
	struct tidal_nodeset all;

	transit_timer(e->transits, t, TIDAL_NEVER);
	if (t->tries % TRIES_BEFORE_FIND == TRIES_BEFORE_FIND - 1 &&
	    link_room(e->link, LINK_REQUEST, e->nodes)) {
		m.u.find.search = next_search(e, t);
		copies_expand(copies_all(e->nodes), e->nodes, e->self, TIDAL_NODE_NONE, &all);
		e->stats->finds++;
		engine_multicast(e, &all, &m);
		proto_back_off(e, t); /* long enough for the answer to come */
		return 0;
	}
	proto_pursue(e, t);
	return 0;
}

CELL(on_absent)
{
	(void)e;
	o->t->absent += o->t->search == o->m->u.absent.search;
	return 0;
}

CELL(on_found)
{
	if (!page_is_owned(&o->page))
		owners_hint_page(e->owners, o->gfn, at(o->from, o->m->u.found.epoch));
	if (o->t)
		o->t->searches = o->t->search = 0;
	if (o->t && o->t->state == SIT_BACKOFF)
		transit_timer(e->transits, o->t, e->now); /* before it moves on */
	return 0;
}
