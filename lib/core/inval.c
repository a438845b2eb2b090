/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inval - invalidations: whoever is to become the only one to have a page waits until every
 * node that may have a copy has said that it is gone. Nodes without a copy say so too.
 */
#include "proto.h"

bool proto_revoke(struct engine *e, struct transit *t, struct page *page)
{
	struct wire m = { .kind = MSG_INVALIDATE };

	copies_expand(pages_copies(e->pages, page), e->nodes, e->self, TIDAL_NODE_NONE, &t->acks);
	if (nodeset_empty(&t->acks))
		return false;
	page->epoch = epoch_next(page->epoch);
	pages_set_copies(e->pages, page, 0);
	engine_store(e, page);
	t->epoch = page->epoch;
	t->state = SIT_COLLECT;
	m.u.invalidate.gfn = page->gfn;
	m.u.invalidate.epoch = page->epoch;
	m.u.invalidate.owner = e->self;
	e->stats->invals_out += nodeset_count(&t->acks);
	engine_multicast(e, &t->acks, &m);
	return true;
}

CELL(on_invalidated)
{
	const struct wire_invalidated *m = &o->m->u.invalidated;
	struct transit *t = o->t;

	if (m->epoch != t->epoch || !nodeset_has(&t->acks, o->from))
		return TIDAL_EPROTO;
	nodeset_del(&t->acks, o->from);
	if (nodeset_empty(&t->acks))
		proto_pursue(e, t);
	return 0;
}

/* The acknowledgement has overtaken the grant. */
CELL(on_invalidated_early)
{
	(void)e;
	nodeset_add(&o->t->acks, o->from);
	return 0;
}

/* ---- copies here ---- */

static void acknowledge(struct engine *e, tidal_nodeid to, tidal_gfn gfn, uint64_t epoch)
{
	struct wire m = { .kind = MSG_INVALIDATED,
			  .u.invalidated = { .gfn = gfn, .epoch = epoch } };

	engine_send(e, to, &m, NULL, 0);
}

static bool is_sound(const struct engine *e, const struct wire_invalidate *m)
{
	return m->owner < e->nodes && m->owner != e->self;
}

static void noted(struct engine *e, const struct wire_invalidate *m)
{
	struct whereabouts w = { m->owner, m->epoch };

	e->stats->invals_in++;
	owners_hint_page(e->owners, m->gfn, w);
}

CELL(on_invalidate_absent)
{
	const struct wire_invalidate *m = &o->m->u.invalidate;

	if (!is_sound(e, m))
		return TIDAL_EPROTO;
	noted(e, m);
	if (o->t && (!o->t->stale_known || epoch_newer(m->epoch, o->t->stale))) {
		/* a copy that is on its way here may be older: it will be dead on arrival (rule 5) */
		o->t->stale_known = true;
		o->t->stale = m->epoch;
	}
	acknowledge(e, m->owner, o->gfn, m->epoch);
	return 0;
}

void proto_drop(struct engine *e, struct transit *t, const struct page *page, uint8_t after)
{
	t->drop_due = false;
	t->after = after;
	proto_unmap(e, t, page, SIT_DROPPING, false);
}

CELL(on_invalidate_copy)
{
	const struct wire_invalidate *m = &o->m->u.invalidate;
	struct transit *t = o->t;
	uint8_t after = t ? t->state : SIT_INVALID;

	if (o->page.state != TIDAL_PAGE_SECONDARY)
		return on_invalidate_absent(e, o);
	if (!is_sound(e, m))
		return TIDAL_EPROTO;
	if (!t) {
		t = transits_begin(e->transits, o->gfn);
		if (!t)
			return TIDAL_EAGAIN;
	}
	noted(e, m);
	t->drop_to = m->owner;
	t->drop_epoch = m->epoch;
	proto_drop(e, t, &o->page, after);
	return 0;
}

/* The copy is being mapped, held or dropped: acknowledged when it is gone. */
CELL(on_invalidate_later)
{
	const struct wire_invalidate *m = &o->m->u.invalidate;
	struct transit *t = o->t;

	if (!is_sound(e, m))
		return TIDAL_EPROTO;
	if (o->page.state != TIDAL_PAGE_SECONDARY)
		return TIDAL_EPROTO; /* nobody invalidates an owner */
	if (t->drop_to != TIDAL_NODE_NONE)
		return TIDAL_EAGAIN; /* one at a time */
	noted(e, m);
	if (t->state == SIT_DROPPING)
		e->capacity->leaving--; /* it was dropped for its frame */
	t->drop_to = m->owner;
	t->drop_epoch = m->epoch;
	t->drop_due = t->state != SIT_DROPPING;
	return 0;
}
