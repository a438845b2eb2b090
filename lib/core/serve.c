/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve - the owner's side: other nodes' requests. The owner's half of the decision between
 * page and vCPU is would_rather_have_vcpu() below.
 */
#include "move.h"
#include "proto.h"
#include "route.h"

#define QUEUE_PATIENCE 16 /* holds that a request waits for a grant that may never come */

bool proto_is_void(const struct engine *e, const struct wire_request *r)
{
	const struct peer *p = &e->peers[r->node];
	uint32_t incarnation = link_incarnation(e->link, r->node);

	if (incarnation && r->incarnation != incarnation)
		return r->incarnation < incarnation;
	return link_is_down(e->link, r->node) ||
	       (p->voids && !serial_later(r->id, p->void_to));
}

void proto_refuse(struct engine *e, const struct wire_request *r, uint8_t reason)
{
	struct whereabouts w = owners_hinted(e->owners, r->gfn);
	struct wire m = {
		.kind = MSG_REFUSE,
		.u.refuse = { .gfn = r->gfn, .id = r->id, .reason = reason, .hops = r->hops,
			      .owner = w.node, .epoch = w.epoch },
	};

	e->stats->refusals++;
	if (reason == REFUSE_SEND_VCPU || reason == REFUSE_PINNED)
		e->stats->refused_vcpu++;
	engine_send(e, r->node, &m, NULL, 0);
}

void proto_forward(struct engine *e, const struct wire_request *r)
{
	struct wire m = { .kind = MSG_REQUEST, .u.request = *r };
	struct hop hop = route_next(e, r, owners_hinted(e->owners, r->gfn));

	if (hop.node == TIDAL_NODE_NONE || r->hops >= ROUTE_HOPS) {
		proto_refuse(e, r, REFUSE_AGAIN);
		return;
	}
	m.u.request.hops++;
	m.u.request.lead = hop.lead;
	if (hop.home_asked)
		m.u.request.flags |= WIRE_VIA_HOME;
	e->stats->forwards++;
	engine_send(e, hop.node, &m, NULL, tag_if_lost(COOKIE_REQUEST, r->gfn));
}

void proto_queue(struct engine *e, struct transit *t, const struct wire_request *r)
{
	/* one that is void would take the place of the one that its node has made since */
	if (!proto_is_void(e, r) && !transit_queue(e->transits, t, r))
		proto_refuse(e, r, REFUSE_AGAIN);
}

/* ---- the decision, owner's half ---- */

static void factors(const struct engine *e, const struct page *page, const struct wire_request *r,
		    struct tidal_factors *f)
{
	struct tidal_nodeset others;

	copies_expand(pages_copies(e->pages, page), e->nodes, e->self, r->node, &others);
	*f = (struct tidal_factors){
		.access = r->want,
		.dormant = page->state == TIDAL_PAGE_DORMANT,
		.bytes_page = page->state == TIDAL_PAGE_DORMANT || r->want == TIDAL_ZERO ?
				      0 : TIDAL_PAGE_SIZE,
		.bytes_vcpu = e->params->vcpu_bytes,
		.copies = r->want == TIDAL_WRITE ? nodeset_count(&others) : 0,
		.local_share = r->local_share,
		.remote_share = r->remote_share,
		.pingpong = r->pingpong,
		.hot = hot_is(e->hot, r->gfn),
		.pinned = engine_pinned(e, r->gfn) != 0,
		.in_use = page->map == MAPPED_RW && page->used,
		.load_here = r->load,
		.load_there = sched_load(e->sched),
		.free_here = r->free,
		.free_there = engine_free_share(e),
		.warmth = r->warmth,
		.movable = 1,
		.moves = r->moves,
	};
}

static bool would_rather_have_vcpu(struct engine *e, const struct page *page,
				   const struct wire_request *r)
{
	struct tidal_factors f;

	if (!(r->flags & WIRE_MOVABLE) || r->want == TIDAL_EXEC || !vcpus_may_promise(e->vcpus))
		return false;
	if (r->flags & WIRE_WANTS_MOVE)
		return true;
	factors(e, page, r, &f);
	e->stats->decisions++;
	if (e->decider->ops->answer(&f, decider_weights(e->decider)) != TIDAL_CHOOSE_VCPU)
		return false;
	e->stats->decided_vcpu++;
	return true;
}

/* ---- answers ---- */

static struct transit *occupy(struct engine *e, struct transit **t, const struct wire_request *r)
{
	if (!*t) {
		*t = transits_begin(e->transits, r->gfn);
		if (*t)
			(*t)->state = SIT_HELD;
		else
			proto_refuse(e, r, REFUSE_AGAIN);
	}
	return *t;
}

/* Keep slot and page for the vCPU, and ask for it (rule 14). */
static void invite(struct engine *e, struct transit **t, const struct wire_request *r,
		   uint8_t reason)
{
	if (!occupy(e, t, r))
		return;
	e->vcpus->promised++;
	e->peers[r->node].slots++;
	engine_touch(e, r->gfn);
	if (reason == REFUSE_SEND_VCPU)
		proto_hold(e, *t, r->vcpu, e->now + e->params->reserve_ns);
	proto_refuse(e, r, reason);
}

static void send_copy(struct engine *e, struct page *page, const struct wire_request *r)
{
	struct wire m = {
		.kind = MSG_COPY,
		.u.copy = { .gfn = r->gfn, .epoch = page->epoch, .id = r->id, .hops = r->hops },
	};
	struct link_payload payload = {
		.kind = TIDAL_PAYLOAD_PAGE,
		.buf = page->frame,
		.len = TIDAL_PAGE_SIZE,
		.gfn = page->gfn,
	};
	bool zero = page->frame == TIDAL_FRAME_NONE;

	if (zero)
		m.u.copy.flags = WIRE_IS_ZERO;
	pages_set_copies(e->pages, page,
			 copies_add(pages_copies(e->pages, page), r->node, e->nodes));
	engine_store(e, page);
	e->stats->copies_out++;
	engine_trace(e, .what = TIDAL_TRACE_COPY_OUT, .vcpu = TIDAL_VCPU_NONE, .gfn = r->gfn,
		     .epoch = page->epoch, .id = r->id, .node = r->node);
	engine_send(e, r->node, &m, zero ? NULL : &payload, 0);
}

/* The page goes to the requester; the host has unmapped it. zero: tested, all zeroes. */
static void depart(struct engine *e, struct page *page, const struct wire_request *r,
		   uint64_t epoch, copies others, bool zero, uint8_t grant)
{
	struct wire m = {
		.kind = MSG_OWN,
		.u.own = { .gfn = r->gfn, .epoch = epoch, .copies = others, .id = r->id,
			   .hops = r->hops },
	};
	struct link_payload payload = { .kind = TIDAL_PAYLOAD_PAGE, .buf = page->frame,
					.len = TIDAL_PAGE_SIZE, .gfn = r->gfn };
	struct whereabouts to = { r->node, epoch };
	bool data = false;

	if (owners_home(e->owners, r->gfn) == e->self &&
	    owners_note_page(e->owners, r->gfn, to))
		m.u.own.flags |= WIRE_HOME_KNOWS;
	if (page->state == TIDAL_PAGE_DORMANT || r->want == TIDAL_ZERO || zero) {
		m.u.own.flags |= WIRE_IS_ZERO;
		e->stats->redormant += zero;
	} else if (r->held_epoch == page->epoch + 1) {
		m.u.own.flags |= WIRE_NO_DATA;
	} else {
		data = true;
		e->frames->departing++;
	}
	owners_hint_page(e->owners, r->gfn, to);
	engine_forget(e, r->gfn);
	if (!data)
		engine_free(e, page->frame, zero);
	e->stats->pages_out++;
	engine_trace_page(e, TIDAL_TRACE_PAGE_OUT, r->gfn, epoch, r->node);
	engine_send(e, r->node, &m, data ? &payload : NULL, tag_grant(r->gfn, grant));
}

/* Ownership goes to the requester: tell copies, unmap here, then grant. */
static void leave(struct engine *e, struct transit **t, struct page *page,
		  const struct wire_request *r)
{
	uint64_t epoch = epoch_next(page->epoch);
	copies others = copies_del(pages_copies(e->pages, page), r->node, e->nodes);
	const struct wire_invalidate inv = { .gfn = r->gfn, .epoch = epoch, .owner = r->node };
	struct tidal_nodeset set;
	bool keeps = r->held_epoch == page->epoch + 1;

	if (page->map != UNMAPPED && !occupy(e, t, r))
		return;
	copies_expand(others, e->nodes, e->self, r->node, &set);
	proto_invalidate(e, &inv, &set);
	if (page->map == UNMAPPED) {
		depart(e, page, r, epoch, others, false, engine_grant(e, r->node));
		return;
	}
	(*t)->grant = engine_grant(e, r->node);
	(*t)->serving = *r;
	(*t)->epoch = epoch;
	proto_unmap(e, *t, page, SIT_LEAVING,
		    page->frame != TIDAL_FRAME_NONE && r->want != TIDAL_ZERO && !keeps);
}

/* It does not go there. Those who had copies were told that it did. */
static void stay(struct engine *e, struct page *page, uint64_t told)
{
	page->epoch = epoch_next(told);
	engine_store(e, page);
	owners_hint_page(e->owners, page->gfn, (struct whereabouts){ e->self, page->epoch });
	proto_tell_home(e, page->gfn, page->epoch);
}

CELL(on_leave_done)
{
	struct transit *t = o->t;
	struct wire_request r = t->serving;
	copies others = copies_del(pages_copies(e->pages, &o->page), r.node, e->nodes);

	if (o->done->status < 0)
		return on_host_failed(e, o);
	o->page.map = UNMAPPED;
	if (engine_lives(e, r.node, r.incarnation)) {
		depart(e, &o->page, &r, t->epoch, others, o->done->zero, t->grant);
	} else {
		stay(e, &o->page, t->epoch);
		engine_granted(e, r.node, t->grant);
	}
	proto_settle(e, t);
	return 0;
}

/* The untouched dormant range around the page, more each time a node goes on where it was. */
static bool grant_extent(struct engine *e, const struct wire_request *r)
{
	struct peer *peer = &e->peers[r->node];
	uint64_t range = r->gfn >> TIDAL_RANGE_SHIFT;
	struct wire m = { .kind = MSG_EXTENT,
			  .u.extent = { .gfn = r->gfn, .id = r->id, .hops = r->hops } };
	struct whereabouts to = { r->node, 0 };
	struct extent x;
	bool cut;

	if (r->flags & WIRE_NO_EXTENT || !engine_ranges_room(e))
		return false;
	peer->order = range == peer->next && peer->next ?
			      (uint8_t)(peer->order < EXTENT_ORDER_MAX ? peer->order + 1 :
									 EXTENT_ORDER_MAX) : 0;
	cut = ranges_cut(e->ranges, r->gfn, peer->order, &x);
	ASSERT(cut);
	peer->next = x.first + (UINT64_C(1) << x.order);
	to.epoch = epoch_next(x.epoch);
	owners_hint_extent(e->owners, x.first, x.order, to);
	m.u.extent.first = x.first;
	m.u.extent.order = (uint8_t)x.order;
	m.u.extent.epoch = to.epoch;
	e->stats->extents_out++;
	engine_trace(e, .what = TIDAL_TRACE_EXTENT_OUT, .vcpu = TIDAL_VCPU_NONE,
		     .gfn = x.first << TIDAL_RANGE_SHIFT, .epoch = to.epoch, .node = r->node,
		     .pages = (uint64_t)TIDAL_RANGE_PAGES << x.order);
	engine_send(e, r->node, &m, NULL, tag_grant(r->gfn, engine_grant(e, r->node)));
	return true;
}

/* A dormant page without an entry: can it be given away one by one? */
static bool may_go_alone(struct engine *e, const struct page *page)
{
	if (ranges_may_lose(e->ranges, page->gfn) && engine_ranges_room(e))
		return true;
	return engine_page_room(e, page);
}

static void serve_dormant(struct engine *e, struct transit **t, struct page *page,
			  const struct wire_request *r)
{
	uint64_t epoch;
	bool untouched = false;

	if (ranges_has(e->ranges, r->gfn, &epoch, &untouched) && untouched &&
	    grant_extent(e, r))
		return;
	if ((r->want == TIDAL_READ || r->want == TIDAL_EXEC) && engine_page_room(e, page)) {
		send_copy(e, page, r);
		return;
	}
	if (may_go_alone(e, page)) {
		leave(e, t, page, r);
		return;
	}
	engine_report(e, &(struct tidal_act_report){
				 .what = TIDAL_REPORT_SPACE,
				 .error = TIDAL_ENOMEM,
				 .gfn = r->gfn,
				 .vcpu = TIDAL_VCPU_NONE,
				 .node = e->self,
				 .text = "params.ranges is too small for memory shared so sparsely" });
	proto_refuse(e, r, REFUSE_AGAIN);
}

static void serve_page(struct engine *e, struct transit **t, struct page *page,
		       const struct wire_request *r)
{
	if (page->state == TIDAL_PAGE_DORMANT) {
		serve_dormant(e, t, page, r);
	} else if (r->want == TIDAL_WRITE || r->want == TIDAL_ZERO) {
		leave(e, t, page, r);
	} else if (page->map == MAPPED_RW) {
		if (!occupy(e, t, r))
			return;
		(*t)->serving = *r;
		proto_protect(e, *t, page);
	} else {
		page->state = TIDAL_PAGE_PRIMARY;
		send_copy(e, page, r);
	}
}

/* A page that can't leave: its vCPU comes, or waits, or can never have it (rule 10). */
static void serve_pinned(struct engine *e, struct transit **t, const struct wire_request *r)
{
	if (r->flags & WIRE_PIN_BOUND) {
		proto_refuse(e, r, REFUSE_CONFLICT);
	} else if (r->vcpu == TIDAL_VCPU_NONE) {
		if (occupy(e, t, r))
			proto_queue(e, *t, r);
	} else if (vcpus_may_promise(e->vcpus)) {
		invite(e, t, r, REFUSE_PINNED); /* even if it has moved, or fetches code */
	} else {
		proto_refuse(e, r, REFUSE_AGAIN); /* a slot that comes free wakes no queue */
	}
}

/* *page* as it is now. */
static void serve(struct engine *e, struct transit **t, struct page *page,
		  const struct wire_request *r)
{
	if (proto_is_void(e, r))
		return;
	if (r->want == TIDAL_WRITE)
		hot_write_stall(e->hot, r->gfn);
	if (engine_pinned(e, r->gfn))
		serve_pinned(e, t, r);
	else if (would_rather_have_vcpu(e, page, r))
		invite(e, t, r, REFUSE_SEND_VCPU);
	else
		serve_page(e, t, page, r);
}

void proto_serve(struct engine *e, struct transit **t, const struct wire_request *r)
{
	struct page page;

	engine_page(e, r->gfn, &page);
	serve(e, t, &page, r);
}

/* ---- requests, by situation ---- */

static bool is_request_sound(const struct engine *e, const struct wire_request *r)
{
	bool whose = r->vcpu == TIDAL_VCPU_NONE ? !(r->flags & (WIRE_MOVABLE | WIRE_STARVING))
						: r->vcpu < e->guest->vcpus;

	return r->node < e->nodes && r->node != e->self && r->want <= TIDAL_ZERO && whose &&
	       r->hops <= ROUTE_HOPS;
}

CELL(on_request_serve)
{
	const struct wire_request *r = &o->m->u.request;
	struct transit *t = NULL;

	if (!is_request_sound(e, r))
		return TIDAL_EPROTO;
	serve(e, &t, &o->page, r);
	if (t && t->state == SIT_HELD && t->hold_vcpu == TIDAL_VCPU_NONE && !t->queue)
		transits_end(e->transits, t);
	return 0;
}

/* May this request have the page although it is held? Among the starving the oldest wins. */
static bool overrides(const struct engine *e, const struct transit *t,
		      const struct wire_request *r)
{
	const struct vcpu *v;

	if (t->hold_vcpu == TIDAL_VCPU_NONE)
		return true;
	if (t->hold_vcpu == r->vcpu)
		return true; /* kept for this very vCPU */
	v = vcpus_at(e->vcpus, t->hold_vcpu);
	if (!(r->flags & WIRE_STARVING))
		return false;
	if (v->stalls < VCPU_STARVING)
		return true;
	return r->since != v->since ? r->since < v->since : r->vcpu < t->hold_vcpu;
}

CELL(on_request_held)
{
	const struct wire_request *r = &o->m->u.request;
	struct transit *t = o->t;

	if (!is_request_sound(e, r))
		return TIDAL_EPROTO;
	if (!page_is_owned(&o->page))
		return on_request_forward(e, o);
	if (engine_pinned(e, o->gfn)) {
		serve_pinned(e, &t, r);
		return 0;
	}
	if (!overrides(e, t, r)) {
		proto_queue(e, t, r);
		return 0;
	}
	proto_unhold(e, t);
	serve(e, &t, &o->page, r);
	if (t->state == SIT_HELD && t->hold_vcpu == TIDAL_VCPU_NONE)
		proto_settle(e, t);
	return 0;
}

CELL(on_request_queue)
{
	const struct wire_request *r = &o->m->u.request;

	if (!is_request_sound(e, r))
		return TIDAL_EPROTO;
	proto_queue(e, o->t, r);
	return 0;
}

/* The page is known to be on its way here: what led the request here is news to this node. */
static bool page_is_coming(const struct transit *t, const struct wire_request *r)
{
	return r->lead != 0 && (t->known == 0 || epoch_newer(r->lead - 1, t->known - 1));
}

/* It chased the page in vain, and began before this node did: it waits here and goes next. Nobody waits
 * with one who began earlier, so they can't wait in a circle. */
static bool may_wait_here(const struct engine *e, const struct transit *t,
			  const struct wire_request *r)
{
	if (!(r->flags & WIRE_OFTEN_REFUSED))
		return false;
	return r->since != t->since ? r->since < t->since : r->node < e->self;
}

/* Asked for the page ourselves. */
CELL(on_request_asking)
{
	const struct wire_request *r = &o->m->u.request;
	struct transit *t = o->t;

	if (!is_request_sound(e, r))
		return TIDAL_EPROTO;
	if (!page_is_coming(t, r) && !may_wait_here(e, t, r)) {
		proto_forward(e, r);
		return 0;
	}
	proto_queue(e, t, r);
	proto_patience(e, t);
	return 0;
}

void proto_patience(struct engine *e, struct transit *t)
{
	if (t->queue && t->timer == TIDAL_NEVER)
		transit_timer(e->transits, t, e->now + QUEUE_PATIENCE * e->params->hold_max_ns);
}

CELL(on_request_forward)
{
	const struct wire_request *r = &o->m->u.request;

	if (!is_request_sound(e, r))
		return TIDAL_EPROTO;
	proto_forward(e, r);
	return 0;
}

/* Given away from here, to somebody who has not acknowledged everything yet? It is not gone then. */
static bool may_be_on_its_way(const struct engine *e, tidal_gfn gfn)
{
	struct whereabouts to = owners_hinted(e->owners, gfn);

	return to.node < e->nodes && to.node != e->self && !link_is_down(e->link, to.node) &&
	       e->peers[to.node].grants[0] + e->peers[to.node].grants[1] > 0;
}

CELL(on_find)
{
	uint8_t search = o->m->u.find.search;
	struct wire found = { .kind = MSG_FOUND,
			      .u.found = { .gfn = o->gfn, .epoch = o->page.epoch } };
	struct wire absent = { .kind = MSG_ABSENT,
			       .u.absent = { .gfn = o->gfn, .search = search } };

	if (page_is_owned(&o->page))
		engine_send(e, o->from, &found, NULL, 0);
	else if (search && !may_be_on_its_way(e, o->gfn))
		engine_send(e, o->from, &absent, NULL, 0);
	return 0;
}
