/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dormant - conversion: a dormant page gets a frame of this node; and what is done
 * when there is none (strategies (a), (b) and (d)).
 */
#include "move.h"
#include "proto.h"

/* Which strategy? (b) and (d) both wait here; eviction is proto_capacity()'s. */
static void node_is_full(struct engine *e, struct transit *t)
{
	tidal_vcpuid v = sched_waiting(e->sched, SCHED_WAIT_PAGE, t->gfn);
	tidal_nodeid best = proto_roomiest(e);
	struct tidal_full_factors f = {
		.waiting = e->transits->room_count,
		.coming = e->frames->departing + e->frames->zeroing + e->capacity->leaving,
		.bytes_vcpu = e->params->vcpu_bytes,
		.load_here = sched_load(e->sched),
	};

	e->stats->full_waits++;
	if (v == TIDAL_VCPU_NONE || best == TIDAL_NODE_NONE || !move_possible(e, v))
		return;
	f.movable = 1;
	f.best_free = e->peers[best].free;
	f.load_there = e->peers[best].load;
	f.local_share = vcpu_share(vcpus_at(e->vcpus, v), e->self);
	if (e->decider->ops->full(&f, decider_weights(e->decider)) == TIDAL_FULL_SEND_VCPU)
		move_ask(e, v, best);
}

/* A table that never shrinks is full: waiting won't help, but the embedder can. */
static void report_space(struct engine *e, const struct transit *t)
{
	engine_report(e, &(struct tidal_act_report){
				 .what = TIDAL_REPORT_SPACE,
				 .error = TIDAL_ENOMEM,
				 .gfn = t->gfn,
				 .vcpu = sched_waiting(e->sched, SCHED_WAIT_PAGE, t->gfn),
				 .node = e->self,
				 .text = "params.ranges is too small for memory used so sparsely" });
}

void proto_wait_for_frame(struct engine *e, struct transit *t)
{
	bool first = t->state != SIT_FRAME;

	t->state = SIT_FRAME;
	engine_touch(e, t->gfn);
	transit_room_join(e->transits, t);
	if (!first)
		return;
	if (!engine_ranges_room(e))
		report_space(e, t);
	node_is_full(e, t);
}

void proto_convert(struct engine *e, struct transit *t, struct page *page)
{
	tidal_frame frame;

	if (!engine_page_room(e, page) || !frames_may_convert(e->frames)) {
		proto_wait_for_frame(e, t);
		return;
	}
	transit_room_leave(e->transits, t);
	e->capacity->full_reported = false;
	e->stats->conversions++;
	frame = frames_take_zeroed(e->frames);
	if (frame != TIDAL_FRAME_NONE) {
		page->state = TIDAL_PAGE_EXCLUSIVE;
		proto_map(e, t, page, frame, MAPPED_RW);
		proto_ahead(e, t->gfn);
		return;
	}
	/* none is clean: one is zeroed on the spot */
	t->frame = frames_take_dirty(e->frames);
	t->state = SIT_ZEROING;
	e->frames->zeroing++;
	e->stats->zeroed_late++;
	if (page->map == UNMAPPED)
		engine_store(e, page); /* keeps its place in the page table */
	*actq_add(e->actq, TIDAL_ACT_ZERO) = (struct tidal_action){
		.kind = TIDAL_ACT_ZERO,
		.u.frame = { tag(TOKEN_PAGE, t->gfn), t->frame, 0, 1 },
	};
}

/*
 * Had another node that wants the page better convert it, because this one can't now? It may be
 * this one that waits: for a peer to take a page, whose promises are all for such requests.
 */
static bool better_elsewhere(const struct engine *e, const struct transit *t,
			     const struct page *page)
{
	const struct wire_request *r;
	uint32_t at = 0;

	if (!engine_page_room(e, page))
		return true;
	if (frames_may_convert(e->frames))
		return false;
	while ((r = transit_look(e->transits, t, &at)))
		if (e->peers[r->node].free > 0)
			return true;
	return false;
}

/* ---- dormant pages without an entry ---- */

/*
 * Nobody has a copy, nothing is mapped: that it is here and dormant is a bit in a range. Without this
 * a guest that reads or zeroes a lot would fill the page table with pages that take no memory.
 */
static bool fold(struct engine *e, const struct page *page)
{
	ASSERT(!pages_copies(e->pages, page));
	if (!engine_ranges_room(e) || !ranges_gain(e->ranges, page->gfn, page->epoch))
		return false;
	pages_del(e->pages, page->gfn);
	proto_look_anew(e);
	return true;
}

/* Copies of it, if there still are any, are of no use to anybody who is as short of entries. */
static void revoke(struct engine *e, struct occasion *o)
{
	struct transit *t;

	if (!engine_room(e, LINK_FORWARD))
		return;
	t = transits_begin(e->transits, o->gfn);
	if (!t)
		return;
	t->server = e->self;
	proto_look_anew(e);
	if (!proto_revoke(e, t, &o->page))
		proto_settle(e, t);
}

/* A dormant page has no frame to give, but an entry when the page table itself is full. */
CELL(on_evict_dormant)
{
	struct page entry;
	struct transit *t;

	if (!proto_table_is_tight(e) || !pages_get(e->pages, o->gfn, &entry))
		return 0;
	if (o->page.everywhere || pages_copies(e->pages, &o->page)) {
		revoke(e, o);
		return 0;
	}
	if (o->page.map == UNMAPPED)
		return fold(e, &o->page) ? 0 : on_evict_owned(e, o);
	t = transits_begin(e->transits, o->gfn);
	if (!t)
		return TIDAL_EAGAIN;
	e->capacity->leaving++;
	proto_unmap(e, t, &o->page, SIT_FOLDING, false);
	return 0;
}

CELL(on_fold_done)
{
	if (o->done->status < 0)
		return on_host_failed(e, o);
	e->capacity->leaving--;
	o->page.map = UNMAPPED;
	if (!fold(e, &o->page))
		engine_store(e, &o->page);
	proto_settle(e, o->t);
	return 0;
}

/* Frames have come free: those who wait for one look again. */
CELL(on_frames)
{
	struct transit *t = o->t;

	transit_timer(e->transits, t, TIDAL_NEVER); /* of a zeroing that failed: this is the next one */
	if (t->state == SIT_ROOM) {
		if (!frames_may_promise(e->frames) ||
		    !pages_room(e->pages, e->frames->promised + 1))
			return 0;
		transit_room_leave(e->transits, t);
		e->capacity->full_reported = false;
	}
	if (t->state == SIT_FRAME && t->queue && better_elsewhere(e, t, &o->page)) {
		if (engine_room(e, LINK_FORWARD))
			proto_settle(e, t);
		return 0;
	}
	if (t->state == SIT_FRAME && !engine_waiting(e, t->gfn))
		transit_room_leave(e->transits, t);
	proto_pursue(e, t);
	return 0;
}
