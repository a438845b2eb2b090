/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host - what a page asks of the host, and what follows when the host has done it.
 * Nothing is told to anybody before that (protocol rule 4).
 */
#include "proto.h"

#define HOST_RETRY_NS 100000 /* an operation that failed is tried again after this */

static void act(struct engine *e, uint32_t kind, const struct page *page, struct tidal_act_pages p)
{
	p.token = tag(TOKEN_PAGE, page->gfn);
	p.gfn = page->gfn;
	p.mask = 1;
	actq_add(e->actq, kind)->u.pages = p;
}

static tidal_frame mapped_frame(const struct page *page)
{
	return page->frame == TIDAL_FRAME_NONE ? TIDAL_FRAME_ZERO : page->frame;
}

void proto_map(struct engine *e, struct transit *t, struct page *page, tidal_frame frame,
	       uint32_t prot)
{
	if (t->in_room)
		e->capacity->full_reported = false;
	transit_room_leave(e->transits, t);
	t->state = SIT_MAPPING;
	t->prot = (uint8_t)prot;
	t->frame = page->frame != frame ? page->frame : TIDAL_FRAME_NONE;
	page->frame = frame;
	page->used = true;
	engine_store(e, page);
	act(e, TIDAL_ACT_MAP, page,
	    (struct tidal_act_pages){ .frame = mapped_frame(page),
				      .prot = prot == MAPPED_RW ? TIDAL_PROT_RW : TIDAL_PROT_R });
}

void proto_unmap(struct engine *e, struct transit *t, const struct page *page, uint8_t state,
		 bool test)
{
	t->state = state;
	act(e, TIDAL_ACT_UNMAP, page,
	    (struct tidal_act_pages){ .frame = mapped_frame(page), .test = test });
}

void proto_protect(struct engine *e, struct transit *t, const struct page *page)
{
	t->state = SIT_LOWERING;
	act(e, TIDAL_ACT_PROTECT, page,
	    (struct tidal_act_pages){ .frame = mapped_frame(page), .test = 1 });
}

int on_host_failed(struct engine *e, struct occasion *o)
{
	engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_HOST_FAILED,
						     .error = o->done->status,
						     .gfn = o->gfn,
						     .vcpu = TIDAL_VCPU_NONE,
						     .node = e->self,
						     .text = situation_name(o->t->state) });
	transit_timer(e->transits, o->t, e->now + HOST_RETRY_NS);
	return 0;
}

/* Is it worth while to look for contents? Not if they don't travel. */
static bool tested(const struct transit *t, const struct page *page)
{
	if (page->frame == TIDAL_FRAME_NONE)
		return false;
	if (t->state == SIT_LEAVING)
		return t->serving.want != TIDAL_ZERO && t->serving.held_epoch != page->epoch + 1;
	return t->state == SIT_PUSHING;
}

CELL(on_host_again)
{
	struct transit *t = o->t;

	transit_timer(e->transits, t, TIDAL_NEVER);
	if (t->state == SIT_MAPPING)
		act(e, TIDAL_ACT_MAP, &o->page,
		    (struct tidal_act_pages){
			    .frame = mapped_frame(&o->page),
			    .prot = t->prot == MAPPED_RW ? TIDAL_PROT_RW : TIDAL_PROT_R });
	else if (t->state == SIT_LOWERING)
		proto_protect(e, t, &o->page);
	else
		proto_unmap(e, t, &o->page, t->state, tested(t, &o->page));
	return 0;
}

CELL(on_map_done)
{
	struct transit *t = o->t;

	if (o->done->status < 0)
		return on_host_failed(e, o);
	o->page.map = t->prot;
	engine_store(e, &o->page);
	engine_free(e, t->frame, false);
	t->frame = TIDAL_FRAME_NONE;
	proto_arrived(e, t, &o->page);
	return 0;
}

CELL(on_zero_done)
{
	struct transit *t = o->t;
	tidal_frame frame = t->frame;

	e->frames->zeroing--;
	t->frame = TIDAL_FRAME_NONE;
	if (o->done->status < 0) {
		frames_put_dirty(e->frames, frame);
		on_host_failed(e, o);
		t->state = SIT_FRAME; /* in no hurry: there is a frame, but the host is in trouble */
		return 0;
	}
	o->page.state = TIDAL_PAGE_EXCLUSIVE;
	proto_map(e, t, &o->page, frame, MAPPED_RW);
	return 0;
}

CELL(on_drop_done)
{
	struct transit *t = o->t;
	struct wire m = { .kind = MSG_INVALIDATED };

	if (o->done->status < 0)
		return on_host_failed(e, o);
	engine_forget(e, o->gfn);
	engine_free(e, o->page.frame, false);
	if (t->drop_to != TIDAL_NODE_NONE) {
		m.u.invalidated.gfn = o->gfn;
		m.u.invalidated.epoch = t->drop_epoch;
		engine_send(e, t->drop_to, &m, NULL, 0);
		t->drop_to = TIDAL_NODE_NONE;
	} else {
		e->stats->drops++;
		e->capacity->leaving--;
	}
	t->drop_due = false;
	if (t->after == SIT_INVALID) {
		proto_settle(e, t);
		return 0;
	}
	t->state = t->after == SIT_UPGRADE ? SIT_ASK : t->after;
	if (t->state == SIT_ASK)
		proto_patience(e, t);
	if (t->state == SIT_BACKOFF)
		transit_timer(e->transits, t, e->now); /* there is news of the owner: ask it */
	return 0;
}

CELL(on_lower_done)
{
	struct transit *t = o->t;
	struct page *page = &o->page;
	const struct wire_request r = t->serving;

	if (o->done->status < 0)
		return on_host_failed(e, o);
	page->map = MAPPED_R;
	page->state = TIDAL_PAGE_PRIMARY;
	engine_store(e, page);
	if (o->done->zero) {
		/* dormant again: the frame goes, the page of zeroes takes its place */
		e->stats->redormant++;
		page->state = TIDAL_PAGE_DORMANT;
		proto_queue(e, t, &r);
		proto_map(e, t, page, TIDAL_FRAME_NONE, MAPPED_R);
		return 0;
	}
	t->state = SIT_HELD;
	proto_serve(e, &t, &r);
	if (t->state == SIT_HELD && t->hold_vcpu == TIDAL_VCPU_NONE)
		proto_settle(e, t);
	return 0;
}
