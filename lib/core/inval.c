/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inval - invalidations: whoever is to become the only one to have a page waits until every
 * node that may have a copy has said that it is gone. Nodes without a copy say so too.
 */
#include "proto.h"

void proto_invalidate(struct engine *e, const struct wire_invalidate *what,
		      const struct tidal_nodeset *set)
{
	const struct wire m = { .kind = MSG_INVALIDATE, .u.invalidate = *what };

	e->stats->invals_out += nodeset_count(set);
	for (unsigned n = nodeset_next(set, 0); n < e->nodes; n = nodeset_next(set, n + 1))
		engine_send(e, (tidal_nodeid)n, &m, NULL, tag_if_lost(COOKIE_DROP, what->gfn));
}

bool proto_revoke(struct engine *e, struct transit *t, struct page *page)
{
	struct wire_invalidate what = { .gfn = page->gfn, .owner = e->self };

	copies_expand(pages_copies(e->pages, page), e->nodes, e->self, TIDAL_NODE_NONE, &t->acks);
	if (nodeset_empty(&t->acks))
		return false;
	page->epoch = what.epoch = epoch_next(page->epoch);
	pages_set_copies(e->pages, page, 0);
	engine_store(e, page);
	t->epoch = page->epoch;
	proto_living(e, t);
	if (nodeset_empty(&t->acks))
		return false;
	t->state = SIT_COLLECT;
	proto_invalidate(e, &what, &t->acks);
	return true;
}

CELL(on_invalidated)
{
	const struct wire_invalidated *m = &o->m->u.invalidated;
	struct transit *t = o->t;

	if (m->epoch != t->epoch || !nodeset_has(&t->acks, o->from))
		return 0; /* it restarted, and was asked again */
	nodeset_del(&t->acks, o->from);
	if (nodeset_empty(&t->acks))
		proto_pursue(e, t);
	return 0;
}

/* The acknowledgement has overtaken the grant. Only those for the newest epoch are of use. */
CELL(on_invalidated_early)
{
	const struct wire_invalidated *m = &o->m->u.invalidated;
	struct transit *t = o->t;

	(void)e;
	if (nodeset_empty(&t->acks) || epoch_newer(m->epoch, t->epoch)) {
		memset(&t->acks, 0, sizeof(t->acks));
		t->epoch = m->epoch;
	}
	if (m->epoch == t->epoch)
		nodeset_add(&t->acks, o->from);
	return 0;
}

/* ---- peers that died ---- */

void proto_living(struct engine *e, struct transit *t)
{
	for (unsigned n = nodeset_next(&t->acks, 0); n < e->nodes;
	     n = nodeset_next(&t->acks, n + 1))
		if (link_is_down(e->link, (tidal_nodeid)n))
			nodeset_del(&t->acks, n);
}

void proto_invalidate_revived(struct engine *e, const struct transit *t)
{
	const struct wire_invalidate what = { .gfn = t->gfn, .epoch = t->epoch, .owner = e->self };
	struct tidal_nodeset revived = { { 0 } };

	for (unsigned n = nodeset_next(&t->acks, 0); n < e->nodes;
	     n = nodeset_next(&t->acks, n + 1))
		if (e->peers[n].lost || e->peers[n].dead)
			nodeset_add(&revived, n);
	proto_invalidate(e, &what, &revived);
}

void proto_repeat_drop(struct engine *e, tidal_nodeid to, const struct wire *m)
{
	if (!link_is_down(e->link, to))
		engine_send(e, to, m, NULL, tag_if_lost(COOKIE_DROP, m->u.invalidate.gfn));
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

int proto_no_copy(struct engine *e, const struct wire_invalidate *m)
{
	if (!is_sound(e, m))
		return TIDAL_EPROTO;
	acknowledge(e, m->owner, m->gfn, m->epoch);
	return 0;
}

void proto_drop(struct engine *e, struct transit *t, const struct page *page, uint8_t after)
{
	transit_timer(e->transits, t, TIDAL_NEVER); /* from now on it is the host's */
	t->drop_due = false;
	t->after = after;
	proto_unmap(e, t, page, SIT_DROPPING, false);
}

/*
 * Was the copy made after what this invalidation is about? When a node has died they are sent once
 * more; and an upgrade relies on the copy that is here.
 */
static bool is_younger(const struct page *page, const struct wire_invalidate *m)
{
	return !epoch_newer(m->epoch, page->epoch);
}

CELL(on_invalidate_copy)
{
	const struct wire_invalidate *m = &o->m->u.invalidate;
	struct transit *t = o->t;
	uint8_t after = t ? t->state : SIT_INVALID;

	if (o->page.state != TIDAL_PAGE_SECONDARY || is_younger(&o->page, m))
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

/*
 * Nobody invalidates an owner. But when a node has died invalidations are sent once more, and one of
 * them may come when nobody waits for an answer any more, and the page is here.
 */
CELL(on_invalidate_stale)
{
	(void)e;
	return is_younger(&o->page, &o->m->u.invalidate) ? 0 : TIDAL_EPROTO;
}

/* The copy is being mapped, held or dropped: acknowledged when it is gone. */
CELL(on_invalidate_later)
{
	const struct wire_invalidate *m = &o->m->u.invalidate;
	struct transit *t = o->t;

	if (!is_sound(e, m))
		return TIDAL_EPROTO;
	if (o->page.state != TIDAL_PAGE_SECONDARY)
		return on_invalidate_stale(e, o);
	if (is_younger(&o->page, m))
		return on_invalidate_absent(e, o);
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
