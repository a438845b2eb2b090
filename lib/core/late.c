/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late - when a node dies, all requests that are out are given up and made anew, because nobody
 * knows which of them it had. Before they are made anew all nodes have said that they won't serve
 * the old ones, and that what they have granted has come (losses.c): so nothing is granted twice.
 * Copies and refusals may come when nobody waits for them any more. While no node has died those are
 * made up, and rejected.
 */
#include "proto.h"

/* Whoever asked for anything asks anew; whoever died again meanwhile is not waited for. */
void proto_give_up(struct engine *e)
{
	struct losses *l = e->losses;

	l->ever = true;
	if (!e->guest->known)
		return; /* nobody here waits for anything yet */
	l->transit = l->vcpu = 1;
	l->void_to = *e->next_id;
	l->void_tell = 1;
	copies_expand(copies_all(e->nodes), e->nodes, e->self, TIDAL_NODE_NONE, &l->void_wait);
	for (unsigned i = 0; i < e->nodes; i++)
		if (link_is_down(e->link, (tidal_nodeid)i))
			nodeset_del(&l->void_wait, i);
}

void proto_ask_anew(struct engine *e, struct transit *t)
{
	proto_unpromise(e, t);
	proto_refuse_all(e, t);
	memset(&t->acks, 0, sizeof(t->acks));
	if (t->state == SIT_DROPPING)
		t->after = SIT_BACKOFF; /* the host has its copy in hand: on_drop_done() goes on */
	else
		proto_back_off(e, t);
}

/* Up to which one are all incarnations of a node over that has died, or lives anew? */
static uint32_t dead_up_to(const struct engine *e, tidal_nodeid n)
{
	return link_incarnation(e->link, n) - !link_is_down(e->link, n);
}

void proto_refuse_lost(struct engine *e, tidal_nodeid dead, const struct wire_request *r)
{
	struct wire m = {
		.kind = MSG_REFUSE,
		.u.refuse = { .gfn = r->gfn, .id = r->id, .reason = REFUSE_LOST, .hops = r->hops,
			      .owner = dead, .epoch = dead_up_to(e, dead) },
	};

	if (r->node == e->self)
		return; /* it is looked for */
	e->stats->refusals++;
	engine_send(e, r->node, &m, NULL, 0);
}

/*
 * It may have been passed on before its node died. Not if this node knew of the death when it asked;
 * if it did not, it asks anew when it hears of it, or is about to.
 */
bool proto_was_lost(const struct engine *e, const struct wire_refuse *r)
{
	return r->owner < e->nodes && e->peers[r->owner].dead >= r->epoch &&
	       serial_later(r->id, e->losses->void_to);
}

/*
 * The dead had a life of which this node knew nothing, so it can't tell whether they died before it
 * asked: it gives up whatever is out. If it thinks that they live, it will hear, and do so then.
 */
void proto_news_of_death(struct engine *e, const struct wire_refuse *r)
{
	struct peer *p;

	if (r->owner >= e->nodes || r->owner == e->self || !link_is_down(e->link, r->owner))
		return;
	p = &e->peers[r->owner];
	if (r->epoch > UINT32_MAX || p->dead >= r->epoch)
		return;
	p->dead = (uint32_t)r->epoch;
	proto_give_up(e);
}

/* A copy is nobody's only one. */
CELL(on_copy_late)
{
	(void)o;
	return e->losses->ever ? 0 : TIDAL_EPROTO;
}

/* The slot that was promised with it is given back. */
CELL(on_refuse_late)
{
	const struct wire_refuse *r = &o->m->u.refuse;
	struct wire m = { .kind = MSG_MOVE_CANCEL, .u.move_cancel = { .vcpu = TIDAL_VCPU_NONE } };

	if (!e->losses->ever && r->reason != REFUSE_LOST)
		return TIDAL_EPROTO;
	if (r->reason == REFUSE_SEND_VCPU || r->reason == REFUSE_PINNED)
		engine_send(e, o->from, &m, NULL, 0);
	return 0;
}
