/* SPDX-License-Identifier: BSD-3-Clause */
/* digest - see digest.h. Sets are summed, so that their order in memory does not matter. */
#include "digest.h"

struct digest {
	const struct digest_view *view;
	const struct engine *e;
};

/* Not the same both ways round, nor for neighbours: small numbers are folded into small ones. */
static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h * UINT64_C(0xd6e8feb86659fd93) ^ x);
}

static uint64_t relative(const struct digest *d, tidal_gfn gfn, uint64_t epoch)
{
	return d->view->epoch(d->view->arg, gfn, epoch);
}

/* Of what an optional epoch (+ 1; 0: none) says. */
static uint64_t optional(const struct digest *d, tidal_gfn gfn, uint64_t epoch)
{
	return epoch ? relative(d, gfn, epoch - 1) + 1 : 0;
}

static uint64_t since(const struct digest *d, tidal_time when)
{
	return d->view->since(d->view->arg, when);
}

static tidal_gfn name_of(const struct digest *d, tidal_gfn gfn)
{
	return d->view->page ? d->view->page(d->view->arg, gfn) : gfn;
}

static tidal_vcpuid name_of_vcpu(const struct digest *d, tidal_vcpuid v)
{
	return d->view->vcpu && v < d->e->guest->vcpus ? d->view->vcpu[v] : v;
}

static uint64_t of_page(const struct digest *d, const struct page *page)
{
	uint64_t h = fold(1, name_of(d, page->gfn));

	h = fold(h, page->state | page->map << 4 | (uint64_t)page->used << 8 |
			    (uint64_t)page->everywhere << 9 | (uint64_t)page->owner << 16);
	h = fold(h, page->frame == TIDAL_FRAME_NONE);
	h = fold(h, relative(d, page->gfn, page->epoch));
	return fold(h, pages_copies(d->e->pages, page));
}

static uint64_t of_request(const struct digest *d, const struct wire_request *r)
{
	uint64_t h = fold(2, name_of(d, r->gfn));

	h = fold(h, optional(d, r->gfn, r->held_epoch));
	h = fold(h, optional(d, r->gfn, r->lead));
	h = fold(h, d->view->id(d->view->arg, r->node, r->gfn, r->id));
	h = fold(h, since(d, r->since));
	h = fold(h, r->node | (uint64_t)name_of_vcpu(d, r->vcpu) << 16 |
			    (uint64_t)r->want << 32 | (uint64_t)r->flags << 40 |
			    (uint64_t)r->hops << 48);
	return h;
}

static uint64_t of_nodes(uint64_t h, const struct tidal_nodeset *s)
{
	for (unsigned i = 0; i < NODESET_WORDS; i++)
		h = s->w[i] ? fold(h + i, s->w[i]) : h;
	return h;
}

/* What a transit knows of its request is of use only while it asks. */
static bool is_asking(const struct transit *t)
{
	return t->promised || t->state == SIT_ROOM || t->state == SIT_BACKOFF ||
	       (t->state == SIT_DROPPING && t->after != SIT_INVALID);
}

/* Of what it asks. */
static uint64_t of_asking(const struct digest *d, const struct transit *t)
{
	uint64_t h = name_of_vcpu(d, t->vcpu) | (uint64_t)(t->tries > 6 ? 6 : t->tries) << 24;

	h = fold(h, optional(d, t->gfn, t->known));
	h = fold(h, since(d, t->since));
	if (!t->promised)
		return h;
	return fold(h + t->asked, d->view->id(d->view->arg, d->e->self, t->gfn, t->id));
}

/* Of an invalidation that is to be acknowledged. */
static uint64_t of_drop(const struct digest *d, const struct transit *t)
{
	if (t->drop_to == TIDAL_NODE_NONE)
		return 0;
	return fold(t->drop_to + 1u, relative(d, t->gfn, t->drop_epoch));
}

/* Whom a page goes to, or comes from. */
static tidal_nodeid partner(const struct transit *t)
{
	bool counts = t->state == SIT_OFFERED || t->state == SIT_PUSHING ||
		      t->state == SIT_EXPECTED;

	return counts ? t->peer : TIDAL_NODE_NONE;
}

static uint64_t of_queue(const struct digest *d, const struct transit *t)
{
	const struct queued *q = (const struct queued *)((const char *)d->e->transits +
							  d->e->transits->queued);
	uint64_t h = 14;

	if (t->state == SIT_LOWERING || t->state == SIT_LEAVING)
		h = fold(h, of_request(d, &t->serving));
	for (uint32_t n = t->queue; n; n = q[n - 1].next)
		h = fold(h, of_request(d, &q[n - 1].request));
	return h;
}

/* Only what its situation makes use of. */
static uint64_t of_transit(const struct digest *d, const struct transit *t)
{
	uint8_t after = t->state == SIT_DROPPING ? t->after : 0;
	uint8_t prot = t->state == SIT_MAPPING ? t->prot : 0;
	uint64_t h = fold(3, name_of(d, t->gfn));

	h = fold(h, t->state | (uint64_t)after << 16 | (uint64_t)prot << 24 |
			    (uint64_t)t->promised << 32 | (uint64_t)t->drop_due << 33 |
			    (uint64_t)t->skip << 34 | (uint64_t)t->in_room << 35 |
			    (uint64_t)t->stale_known << 36 | (uint64_t)t->decreed << 37 |
			    (uint64_t)(t->timer != TIDAL_NEVER) << 38);
	h = fold(h, is_asking(t) ? of_asking(d, t) : 0);
	h = fold(h, t->stale_known ? relative(d, t->gfn, t->stale) : 0);
	if (t->state == SIT_COLLECT || t->state == SIT_LEAVING || !nodeset_empty(&t->acks))
		h = fold(h, relative(d, t->gfn, t->epoch));
	h = fold(h, of_drop(d, t));
	h = fold(h, partner(t) | (uint64_t)name_of_vcpu(d, t->hold_vcpu) << 16 |
			    (uint64_t)(t->frame != TIDAL_FRAME_NONE) << 32);
	return fold(of_nodes(h, &t->acks), of_queue(d, t));
}

/* Of entries for pages: the key is gfn + 1. */
static tidal_gfn gfn_of(const struct entry *e)
{
	return (e->a & ((UINT64_C(1) << 35) - 1)) - 1;
}

static uint64_t of_table(const struct digest *d, const struct table *t, uint64_t h, bool pages)
{
	uint64_t sum = 0;
	struct entry e;

	for (uint32_t i = 0; i < t->size; i++)
		if (table_at(t, i, &e))
			sum += fold(fold(h, e.a),
				    relative(d, pages ? gfn_of(&e) : TIDAL_GFN_NONE, e.b));
	return sum;
}

/* Extents by what they say, not by where their masks are. */
static uint64_t of_ranges(const struct digest *d, const struct ranges *r)
{
	const struct range_mask *masks = (const struct range_mask *)((const char *)r + r->masks);
	uint64_t sum = 0;
	struct entry e;

	for (uint32_t i = 0; i < r->table.size; i++) {
		uint32_t mask;
		uint64_t h;

		if (!table_at(&r->table, i, &e))
			continue;
		mask = (uint32_t)(e.a >> 32 & 0x7fffffff);
		h = fold(fold(9, e.a & ~((uint64_t)mask << 32)), relative(d, TIDAL_GFN_NONE, e.b));
		for (unsigned k = 0; mask && k < TIDAL_RANGE_PAGES / 64; k++)
			h = fold(h, masks[mask - 1].gone[k]);
		sum += h;
	}
	return sum;
}

/* What a home has recorded, and what the caches say. */
static uint64_t of_owners(const struct digest *d)
{
	const struct owners *o = d->e->owners;
	const struct entry *page = (const struct entry *)((const char *)o + o->hints);
	const struct entry *range = (const struct entry *)((const char *)o + o->range_hints);
	uint64_t sum = of_table(d, &o->pages, 10, true) + of_table(d, &o->ranges, 11, false);

	for (uint32_t i = 0; i < o->hints_size; i++) {
		if (page[i].a)
			sum += fold(fold(4, page[i].a),
				    relative(d, gfn_of(&page[i]), page[i].b));
		if (range[i].a)
			sum += fold(fold(5, range[i].a), relative(d, TIDAL_GFN_NONE, range[i].b));
	}
	return sum;
}

/* Of one that is elsewhere only the whereabouts count: the rest comes with it when it comes. */
static uint64_t of_vcpu(const struct digest *d, const struct vcpu *v)
{
	bool stalled = v->state == TIDAL_VCPU_STALLED;
	bool known = vcpu_is_here(v) || !d->view->bare;
	uint64_t h = fold(6, v->state | (uint64_t)(known ? v->node : TIDAL_NODE_NONE) << 16 |
				     (uint64_t)(v->held != 0) << 32);

	if (!vcpu_is_here(v))
		return h;
	h = fold(h, v->dest | (uint64_t)v->resume << 16 | (uint64_t)v->moved << 24 |
			    (uint64_t)v->pin_bound << 25 | (uint64_t)v->stop_asked << 26 |
			    (uint64_t)v->go << 27 |
			    (uint64_t)(v->stalls > VCPU_STARVING ? VCPU_STARVING : v->stalls) << 32);
	return stalled ? fold(h, name_of(d, v->gfn) << 3 | v->access) : h;
}

static uint64_t of_vmm(const struct digest *d, const struct vmm *vmm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VMM_WAITERS; i++)
		if (vmm->waiter[i].used)
			sum += fold(fold(7, name_of(d, vmm->waiter[i].gfn)),
				    vmm->waiter[i].access | vmm->waiter[i].poked << 8);
	for (unsigned i = 0; i < vmm->pins_used; i++)
		sum += fold(fold(8, name_of(d, vmm->pin[i].gfn)), vmm->pin[i].count);
	return sum;
}

static uint64_t of_losses(const struct losses *l)
{
	return of_nodes(l->transit | (uint64_t)l->vcpu << 24 | (uint64_t)l->here_tell << 48 |
				(uint64_t)l->here_as << 61 | (uint64_t)l->ever << 63,
			&l->nodes);
}

uint64_t digest_core(const struct tidal_core *core, const struct digest_view *view)
{
	struct engine e;
	struct digest d = { view, &e };
	const struct frames *f = &core->frames;
	struct entry raw;
	struct page page;
	uint64_t h, sum = 0;

	core_engine_const(core, &e);
	for (uint32_t i = 0; i < e.pages->table.size; i++)
		if (table_at(&e.pages->table, i, &raw) &&
		    pages_get(e.pages, gfn_of(&raw), &page))
			sum += of_page(&d, &page);
	for (uint32_t i = 1; i <= e.transits->fresh; i++)
		if (transit_at(e.transits, i)->state != SIT_INVALID)
			sum += of_transit(&d, transit_at(e.transits, i));
	for (uint32_t i = 0; i < core->ahead.batches; i++)
		sum += fold(17, core->ahead.batch[i].gfn << 8 | core->ahead.batch[i].pages);
	sum += view->bare ? 0 : of_ranges(&d, e.ranges) + of_owners(&d);
	sum += of_vmm(&d, &core->vmm);
	for (uint32_t i = 0; i < core->guest.vcpus; i++)
		sum += fold(fold(13, name_of_vcpu(&d, (tidal_vcpuid)i)),
			    of_vcpu(&d, vcpus_at(e.vcpus, (tidal_vcpuid)i)));
	h = fold(fold(sum, core->guest.known), of_losses(&core->losses));
	h = fold(h, f->zeroed.count | (uint64_t)frames_to_zero(f) << 32);
	h = fold(h, f->posted | (uint64_t)f->departing << 24 | (uint64_t)f->zeroing << 48);
	h = fold(h, core->vcpus.promised | (uint64_t)core->paused << 32 |
			    (uint64_t)core->capacity.leaving << 40);
	h = of_nodes(h, &core->capacity.refused);
	h = fold(h, link_pending(e.link));
	return view->bare ? h : sched_digest(e.sched, h);
}

static uint64_t as_it_is(void *arg, tidal_gfn gfn, uint64_t epoch)
{
	(void)arg;
	(void)gfn;
	return epoch;
}

static uint64_t count_id(void *arg, tidal_nodeid node, tidal_gfn gfn, uint32_t id)
{
	const struct tidal_core *core = arg;

	(void)gfn;
	return node == core->params.node ? core->next_id - id : 0;
}

static uint64_t no_time(void *arg, tidal_time since)
{
	(void)arg;
	(void)since;
	return 0;
}

uint64_t tidal_core_digest(const struct tidal_core *core)
{
	const struct digest_view view = {
		.epoch = as_it_is,
		.id = count_id,
		.since = no_time,
		.arg = (void *)(uintptr_t)core,
	};

	return digest_core(core, &view);
}
