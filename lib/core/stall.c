/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stall - local stalls: what is done for those on this node who want a page, from the
 * stall to the moment when they go on. Pages that are elsewhere: ask.c.
 */
#include "move.h"
#include "proto.h"

static uint8_t stronger(uint8_t a, uint8_t b)
{
	static const uint8_t strength[] = {
		[TIDAL_READ] = 0, [TIDAL_EXEC] = 0, [TIDAL_ZERO] = 1, [TIDAL_WRITE] = 2,
	};

	return strength[b] > strength[a] ? b : a;
}

/* The strongest of what those who wait now want; whoever has left does not count. */
static uint8_t strongest(const struct engine *e, tidal_gfn gfn)
{
	uint8_t want = TIDAL_READ;

	for (tidal_vcpuid v = sched_waiting(e->sched, SCHED_WAIT_PAGE, gfn); v != TIDAL_VCPU_NONE;
	     v = sched_waiting_next(e->sched, v))
		want = stronger(want, vcpus_at(e->vcpus, v)->access);
	for (uint32_t i = 0; e->vmm->used && i < VMM_WAITERS; i++)
		if (e->vmm->waiter[i].used && e->vmm->waiter[i].gfn == gfn)
			want = stronger(want, e->vmm->waiter[i].access);
	return want;
}

int proto_stall(struct engine *e, tidal_gfn gfn, uint8_t access, bool vcpu)
{
	static const uint8_t happening[] = {
		[TIDAL_READ] = HAP_READ, [TIDAL_EXEC] = HAP_READ,
		[TIDAL_WRITE] = HAP_WRITE, [TIDAL_ZERO] = HAP_ZERO,
	};
	struct occasion o = { .gfn = gfn, .payload = TIDAL_FRAME_NONE,
			      .hot = vcpu && access == TIDAL_WRITE };

	return proto_happen(e, happening[access], &o);
}

static void pursue(struct engine *e, struct transit *t, struct page *page);

static void note_hot(struct engine *e, const struct occasion *o)
{
	if (o->hot && !page_is_owned(&o->page))
		hot_write_stall(e->hot, o->gfn);
}

/*
 * The copy is held for a vCPU, and must go when that has made use of it. Whoever comes now waits for
 * a new one, or invalidations could be put off for ever; if it is that vCPU, the hold is over.
 */
static int stall_on_doomed(struct engine *e, struct transit *t)
{
	const struct vcpu *v;

	if (t->hold_vcpu == TIDAL_VCPU_NONE)
		return 0;
	v = vcpus_at(e->vcpus, t->hold_vcpu);
	if (v->state == TIDAL_VCPU_STALLED && v->gfn == t->gfn)
		proto_settle(e, t);
	return 0;
}

CELL(on_stall)
{
	struct transit *t = o->t;

	note_hot(e, o);
	if (t && t->drop_due)
		return stall_on_doomed(e, t);
	if (!t) {
		t = transits_begin(e->transits, o->gfn);
		if (!t)
			return TIDAL_EAGAIN;
		t->state = SIT_HELD;
	}
	proto_unhold(e, t); /* whoever it was held for shares it with this one now */
	t->server = e->self;
	pursue(e, t, &o->page);
	return 0;
}

CELL(on_stall_join)
{
	note_hot(e, o); /* else nothing: it is in the event table already */
	return 0;
}

/* ---- what a waiter needs, by what the page is here ---- */

static void want_ask(struct engine *e, struct transit *t, struct page *page)
{
	proto_ask(e, t, page);
}

static void want_mapped(struct engine *e, struct transit *t, struct page *page)
{
	if (page->map != UNMAPPED)
		proto_arrived(e, t, page);
	else
		proto_map(e, t, page, page->frame, MAPPED_R);
}

static void want_writable(struct engine *e, struct transit *t, struct page *page)
{
	if (page->map == MAPPED_RW)
		proto_arrived(e, t, page);
	else
		proto_map(e, t, page, page->frame, MAPPED_RW);
}

static void want_sole(struct engine *e, struct transit *t, struct page *page)
{
	if (proto_revoke(e, t, page))
		return;
	link_withdraw(e->link, page->frame);
	page->state = TIDAL_PAGE_EXCLUSIVE;
	proto_map(e, t, page, page->frame, MAPPED_RW);
}

static void want_zeroes(struct engine *e, struct transit *t, struct page *page)
{
	if (page->map != UNMAPPED) {
		proto_arrived(e, t, page);
		return;
	}
	if (!engine_page_room(e, page)) {
		proto_wait_for_frame(e, t);
		return;
	}
	e->stats->zero_maps++;
	proto_map(e, t, page, TIDAL_FRAME_NONE, MAPPED_R);
}

static void want_frame(struct engine *e, struct transit *t, struct page *page)
{
	if (!proto_revoke(e, t, page))
		proto_convert(e, t, page);
}

static void want_skip(struct engine *e, struct transit *t, struct page *page)
{
	t->skip = true; /* it reads as zeroes before and after, here and wherever a copy is */
	proto_arrived(e, t, page);
}

typedef void (*want_fn)(struct engine *, struct transit *, struct page *);

static const want_fn wants[5][4] = {
	[TIDAL_PAGE_INVALID] = { want_ask, want_ask, want_ask, want_ask },
	[TIDAL_PAGE_SECONDARY] = { [TIDAL_READ] = want_mapped, [TIDAL_EXEC] = want_mapped,
				   [TIDAL_WRITE] = want_ask, [TIDAL_ZERO] = want_ask },
	[TIDAL_PAGE_PRIMARY] = { [TIDAL_READ] = want_mapped, [TIDAL_EXEC] = want_mapped,
				 [TIDAL_WRITE] = want_sole, [TIDAL_ZERO] = want_sole },
	[TIDAL_PAGE_EXCLUSIVE] = { want_writable, want_writable, want_writable, want_writable },
	[TIDAL_PAGE_DORMANT] = { [TIDAL_READ] = want_zeroes, [TIDAL_EXEC] = want_zeroes,
				 [TIDAL_WRITE] = want_frame, [TIDAL_ZERO] = want_skip },
};

static void pursue(struct engine *e, struct transit *t, struct page *page)
{
	t->want = strongest(e, t->gfn);
	/* zeroed in the name of an instruction: that one comes first, whatever else is wanted */
	wants[page->state][t->decreed ? TIDAL_ZERO : t->want](e, t, page);
}

void proto_pursue(struct engine *e, struct transit *t)
{
	struct page page;

	if (!engine_waiting(e, t->gfn)) {
		proto_settle(e, t);
		return;
	}
	engine_page(e, t->gfn, &page);
	pursue(e, t, &page);
}

/* ---- VMM threads ---- */

/* Can it be touched this moment? Not if the host has been told to take it away. */
static bool satisfied(const struct engine *e, const struct page *page, uint8_t access)
{
	const struct transit *t = transits_find(e->transits, page->gfn);

	if ((t && t->state != SIT_HELD) || engine_ahead(e, page->gfn))
		return false;
	if (access == TIDAL_READ || access == TIDAL_EXEC)
		return page->map != UNMAPPED;
	return page->map == MAPPED_RW;
}

static bool pin(struct engine *e, tidal_gfn gfn)
{
	struct vmm *vmm = e->vmm;

	for (uint32_t i = 0; i < vmm->pins_used; i++)
		if (vmm->pin[i].gfn == gfn) {
			vmm->pin[i].count++;
			return true;
		}
	if (vmm->pins_used == VMM_WAITERS)
		return false;
	vmm->pin[vmm->pins_used].gfn = gfn;
	vmm->pin[vmm->pins_used++].count = 1;
	return true;
}

static bool complete(struct engine *e, struct vmm_waiter *w)
{
	struct tidal_action *a;
	struct page page;

	engine_page(e, w->gfn, &page);
	if (!satisfied(e, &page, w->access))
		return false;
	a = actq_add(e->actq, TIDAL_ACT_COMPLETE);
	a->u.complete.requester = w->requester;
	a->u.complete.gfn = w->gfn;
	a->u.complete.status = w->pin && !pin(e, w->gfn) ? TIDAL_EAGAIN : 0;
	w->used = w->poked = false;
	e->vmm->used--;
	return true;
}

/* The page has just come: VMM threads get it before the next node does. */
static void complete_all(struct engine *e, tidal_gfn gfn)
{
	for (uint32_t i = 0; e->vmm->used && i < VMM_WAITERS; i++)
		if (e->vmm->waiter[i].used && e->vmm->waiter[i].gfn == gfn)
			complete(e, &e->vmm->waiter[i]);
}

/* ---- waking and holding ---- */

void proto_unhold(struct engine *e, struct transit *t)
{
	transit_timer(e->transits, t, TIDAL_NEVER);
	if (t->hold_vcpu == TIDAL_VCPU_NONE)
		return;
	if (t->hold_prev)
		transit_at(e->transits, t->hold_prev)->hold_next = t->hold_next;
	else
		vcpus_at(e->vcpus, t->hold_vcpu)->held = t->hold_next;
	if (t->hold_next)
		transit_at(e->transits, t->hold_next)->hold_prev = t->hold_prev;
	t->hold_vcpu = TIDAL_VCPU_NONE;
	t->hold_prev = t->hold_next = 0;
}

/* Keep the page here for this vCPU, until it retires an instruction or *until*. */
void proto_hold(struct engine *e, struct transit *t, tidal_vcpuid v, tidal_time until)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	proto_unhold(e, t);
	t->state = SIT_HELD;
	t->hold_vcpu = v;
	t->hold_prev = 0;
	t->hold_next = vcpu->held;
	if (vcpu->held)
		transit_at(e->transits, vcpu->held)->hold_prev = transit_number(e->transits, t);
	vcpu->held = transit_number(e->transits, t);
	transit_timer(e->transits, t, until);
}

/* How long a page that came for this vCPU stays at most; owners hold longer for the starving. */
static tidal_time hold_time(struct engine *e, const struct vcpu *v, bool owner)
{
	const struct tidal_params *p = e->params;
	tidal_time usual = p->flags & TIDAL_PARAM_RETIRE_EVENTS ? p->hold_max_ns : p->hold_ns;

	if (!owner || v->stalls < VCPU_STARVING)
		return usual;
	e->stats->holds_extended++;
	return (usual > p->backoff_ns ? usual : p->backoff_ns) * 64; /* usual may be 0 */
}

static void served(struct engine *e, struct vcpu *v, tidal_nodeid server)
{
	vcpu_served(v, server);
	if (server == e->self)
		e->stats->out_local++;
	else
		e->stats->out_page++;
}

void proto_wake(struct engine *e, struct transit *t, tidal_gfn gfn)
{
	tidal_vcpuid v;

	while ((v = sched_take(e->sched, SCHED_WAIT_PAGE, gfn)) != TIDAL_VCPU_NONE) {
		struct vcpu *vcpu = vcpus_at(e->vcpus, v);

		vcpu->state = TIDAL_VCPU_READY;
		vcpu->resume = TIDAL_RESUME_RETRY;
		if (t->skip && vcpu->access == TIDAL_ZERO) {
			vcpu->resume = TIDAL_RESUME_SKIP;
			e->stats->skips++;
		}
		if (t->server != TIDAL_NODE_NONE) {
			served(e, vcpu, t->server);
			engine_trace(e, .what = TIDAL_TRACE_SERVED, .vcpu = v, .gfn = gfn,
				     .node = t->server);
		}
		if (!move_due(e, v))
			sched_ready(e->sched, e->now, v, vcpu->priority);
	}
	for (uint32_t i = 0; e->vmm->used && i < VMM_WAITERS; i++)
		if (e->vmm->waiter[i].used && e->vmm->waiter[i].gfn == gfn)
			e->vmm->waiter[i].poked = true;
}

void proto_arrived(struct engine *e, struct transit *t, const struct page *page)
{
	tidal_vcpuid first = sched_waiting(e->sched, SCHED_WAIT_PAGE, t->gfn);

	t->state = SIT_HELD;
	transit_room_leave(e->transits, t);
	proto_wake(e, t, t->gfn);
	complete_all(e, t->gfn);
	t->skip = t->decreed = false;
	if (first == TIDAL_VCPU_NONE || vcpus_at(e->vcpus, first)->resume == TIDAL_RESUME_SKIP) {
		proto_settle(e, t);
		return;
	}
	proto_hold(e, t, first,
		   e->now + hold_time(e, vcpus_at(e->vcpus, first), page_is_owned(page)));
}

#define RELEASE_BUDGET 4 /* an instruction rarely needs more pages */

void proto_release(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	for (unsigned i = 0; vcpu->held; i++) {
		struct transit *t = transit_at(e->transits, vcpu->held);

		proto_unhold(e, t);
		if (t->state != SIT_HELD)
			continue;
		if (i < RELEASE_BUDGET && engine_room(e, LINK_REPLY))
			proto_settle(e, t);
		else
			transit_timer(e->transits, t, e->now); /* the next ticks settle the rest */
	}
}

CELL(on_held_timer)
{
	proto_unhold(e, o->t);
	proto_settle(e, o->t);
	return 0;
}

/* ---- nothing under way any more ---- */

/* The page can't leave: whose vCPU can come instead is told so. */
static void settle_pinned(struct engine *e, struct transit *t)
{
	struct wire_request r;

	for (uint32_t n = transit_queued(e->transits, t); n > 0; n--) {
		bool waits = transit_dequeue(e->transits, t, &r);

		ASSERT(waits); /* serving one may queue it again, never take another out */
		proto_serve(e, &t, &r);
	}
}

/* What others wait for. false: something is under way again, or they have to go on waiting. */
static bool settle_others(struct engine *e, struct transit *t)
{
	struct page page;
	struct wire_request r;
	tidal_gfn gfn = t->gfn;

	engine_page(e, gfn, &page);
	if (t->drop_due) {
		proto_drop(e, t, &page, SIT_INVALID);
		return false;
	}
	while (!(page_is_owned(&page) && engine_pinned(e, gfn)) &&
	       transit_dequeue(e->transits, t, &r)) {
		if (page_is_owned(&page))
			proto_serve(e, &t, &r);
		else
			proto_forward(e, &r);
		if (t->state != SIT_HELD || t->hold_vcpu != TIDAL_VCPU_NONE)
			return false;
		engine_page(e, gfn, &page);
	}
	if (t->queue)
		settle_pinned(e, t);
	return !t->queue; /* else they wait for the pin to go */
}

void proto_settle(struct engine *e, struct transit *t)
{
	tidal_gfn gfn = t->gfn;

	proto_unhold(e, t);
	transit_room_leave(e->transits, t);
	t->state = SIT_HELD;
	if ((t->drop_due || t->queue) && !settle_others(e, t))
		return;
	t->server = TIDAL_NODE_NONE; /* whoever still waits wants more than came: it stalls again */
	proto_wake(e, t, gfn);
	transits_end(e->transits, t);
}

/* ---- VMM threads that were woken without getting their page ---- */

void proto_poked(struct engine *e)
{
	for (uint32_t i = 0; e->vmm->used && i < VMM_WAITERS; i++) {
		struct vmm_waiter *w = &e->vmm->waiter[i];

		if (!w->used || !w->poked)
			continue;
		if (!link_room(e->link, LINK_FORWARD, e->nodes + 8u))
			break;
		w->poked = false;
		/* without room for a transit it stays poked, and is tried again */
		if (!complete(e, w) && proto_stall(e, w->gfn, w->access, false) == TIDAL_EAGAIN)
			w->poked = true;
	}
}

bool proto_any_poked(const struct engine *e)
{
	for (uint32_t i = 0; e->vmm->used && i < VMM_WAITERS; i++)
		if (e->vmm->waiter[i].used && e->vmm->waiter[i].poked)
			return true;
	return false;
}
