/* SPDX-License-Identifier: BSD-3-Clause */
/* losses - see losses.h. */
#include "losses.h"

#include "boot.h"
#include "devices.h"
#include "move.h"
#include "proto.h"

#define TRANSITS_BUDGET 8 /* looked at in one push: each may cause messages */
#define VCPUS_BUDGET 64

/* ---- taking note ---- */

static void report(struct engine *e, tidal_nodeid n)
{
	engine_report(e, &(struct tidal_act_report){
				 .what = TIDAL_REPORT_NODE_LOST,
				 .error = TIDAL_EPEER,
				 .gfn = TIDAL_GFN_NONE,
				 .vcpu = TIDAL_VCPU_NONE,
				 .node = n,
				 .text = n ? "the pages and vCPUs that it had are lost"
					   : "the master is lost: no node can join any more" });
}

/* What it said, and what was promised to it, is void. */
static void forget(struct engine *e, tidal_nodeid n)
{
	struct peer *p = &e->peers[n];

	e->vcpus->promised -= p->slots;
	p->slots = 0;
	p->free = p->load = 0;
	p->heard = p->voids = p->void_due = p->void_all = false;
	p->order = 0;
	p->next = 0;
}

void losses_note(struct engine *e, tidal_nodeid n, uint32_t incarnation)
{
	struct peer *p = &e->peers[n];

	if (n == 0 && e->guest->known) /* a master that starts anew begins another pod */
		link_down(e->link, 0);
	if (!p->mourned)
		report(e, n);
	p->mourned = link_is_down(e->link, n);
	p->dead = p->mourned ? incarnation : incarnation - 1;
	p->lost = true;
	forget(e, n);
	boot_peer_lost(e, n);
	if (e->guest->known)
		nodeset_add(&e->losses->nodes, n);
	proto_give_up(e);
}

void losses_back(struct engine *e, tidal_nodeid n, uint32_t incarnation)
{
	struct peer *p = &e->peers[n];

	p->mourned = link_is_down(e->link, n);
	p->dead = p->mourned ? p->dead : incarnation - 1;
}

/* Nothing that this node ever said can have reached an earlier life of which it did not know. But
 * what it asked others may have been passed on there. */
static void note_unheard(struct engine *e, tidal_nodeid n, uint32_t incarnation)
{
	report(e, n);
	e->peers[n].dead = incarnation - 1;
	proto_give_up(e);
}

/* Before it can have a page it is to know what was given up: that may still be on its way there. */
int losses_on_here(struct engine *e, tidal_nodeid from, const struct wire_here *m)
{
	struct wire answer = { .kind = MSG_VOID };

	if (m->again == HERE_NEW)
		return 0;
	if (m->again == HERE_AGAIN && e->peers[from].dead + 1 < m->incarnation)
		note_unheard(e, from, m->incarnation);
	answer.u.void_to.id = e->losses->void_to;
	engine_send(e, from, &answer, NULL, 0);
	return 0;
}

/* This peer knows that this node lives, or is dead. */
static void heard(struct engine *e, tidal_nodeid n)
{
	struct losses *l = e->losses;

	if (!nodeset_has(&l->here_wait, n))
		return;
	nodeset_del(&l->here_wait, n);
	if (nodeset_empty(&l->here_wait))
		boot_joined(e);
}

/* Whoever has heard that this node is here says so with it. */
int losses_on_void(struct engine *e, tidal_nodeid from, const struct wire_void_to *m)
{
	engine_void(e, from, m->id);
	heard(e, from);
	return 0;
}

int losses_on_voided(struct engine *e, tidal_nodeid from, const struct wire_voided *m)
{
	if (m->id == e->losses->void_to) /* else of a round that began anew */
		nodeset_del(&e->losses->void_wait, from);
	return 0;
}

/* ---- nobody waits for the dead ---- */

/* Was this peer dead since it had that incarnation? 0: it was not known then. */
static bool has_died(const struct engine *e, tidal_nodeid n, uint32_t incarnation)
{
	return nodeset_has(&e->losses->nodes, n) && !engine_lives(e, n, incarnation);
}

/* The dead need not acknowledge. All others are asked again: it may have been the dead that asked
 * them, and who lives anew may have got a copy since. */
static void collect(struct engine *e, struct transit *t)
{
	struct wire_invalidate what = { .gfn = t->gfn, .epoch = t->epoch, .owner = e->self };

	proto_living(e, t);
	if (nodeset_empty(&t->acks))
		proto_pursue(e, t);
	else
		proto_invalidate(e, &what, &t->acks);
}

/* Is a request out? */
static bool asks(const struct transit *t)
{
	return t->state != SIT_DROPPING || t->after == SIT_UPGRADE;
}

static void look_at_transit(struct engine *e, struct transit *t)
{
	switch (t->state) {
	case SIT_ASK:
	case SIT_UPGRADE:
	case SIT_DROPPING:
		if (asks(t) && !serial_later(t->id, e->losses->void_to))
			proto_ask_anew(e, t); /* nobody knows who had the request */
		break;
	case SIT_COLLECT:
		collect(e, t);
		break;
	case SIT_OFFERED:
		if (has_died(e, t->peer, t->incarnation))
			proto_declined(e, t);
		break;
	case SIT_EXPECTED:
		if (has_died(e, t->peer, t->incarnation)) {
			proto_unpromise(e, t);
			proto_pursue(e, t);
		}
		break;
	default:
		break; /* the others wait for this node's host, or for time to pass */
	}
}

static void look_at_vcpu(struct engine *e, tidal_vcpuid v)
{
	const struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	if (!vcpu_is_here(vcpu))
		return;
	if (vcpu->dest != TIDAL_NODE_NONE && has_died(e, vcpu->dest, vcpu->dest_incarnation))
		move_peer_lost(e, v);
	if (vcpu->io && has_died(e, vcpu->io_node, vcpu->io_incarnation))
		devices_peer_lost(e, v);
}

static bool has_room(const struct engine *e)
{
	return actq_room(e->actq) && engine_room(e, LINK_FORWARD);
}

/* Tell all peers; *next: whom next, + 1. */
static void tell_all(struct engine *e, uint32_t *next, const struct wire *m, uint64_t cookie)
{
	while (*next && has_room(e)) {
		tidal_nodeid n = (tidal_nodeid)(*next - 1);

		*next = *next < e->nodes ? *next + 1 : 0;
		if (n != e->self)
			engine_send(e, n, m, NULL, cookie);
	}
}

static struct wire here(const struct engine *e)
{
	return (struct wire){ .kind = MSG_HERE,
			      .u.here = { .incarnation = e->params->incarnation,
					  .again = e->losses->here_as } };
}

void losses_heard(struct engine *e, tidal_nodeid n, bool lost)
{
	const struct wire m = here(e);

	if (lost && !link_is_down(e->link, n)) { /* its next life is to hear it, too */
		engine_send(e, n, &m, NULL, tag(COOKIE_HERE, 0));
		return;
	}
	if (lost)
		heard(e, n);
}

static void look_at_vcpus(struct engine *e)
{
	uint32_t *next = &e->losses->vcpu;

	for (unsigned i = 0; *next && i < VCPUS_BUDGET && has_room(e); i++) {
		uint32_t v = *next - 1;

		*next = *next < e->guest->vcpus ? *next + 1 : 0;
		if (v < e->guest->vcpus)
			look_at_vcpu(e, (tidal_vcpuid)v);
	}
}

static void look_at_transits(struct engine *e)
{
	uint32_t *next = &e->losses->transit;

	for (unsigned i = 0; *next && i < TRANSITS_BUDGET && has_room(e); i++) {
		uint32_t t = *next;

		*next = t < e->transits->fresh ? t + 1 : 0;
		if (t <= e->transits->fresh)
			look_at_transit(e, transit_at(e->transits, t));
	}
}

void losses_look(struct engine *e)
{
	struct losses *l = e->losses;
	const struct wire still_here = here(e);
	const struct wire given_up = { .kind = MSG_VOID, .u.void_to = { .id = l->void_to } };

	tell_all(e, &l->here_tell, &still_here, tag(COOKIE_HERE, 0));
	tell_all(e, &l->void_tell, &given_up, 0);
	look_at_vcpus(e);
	if (nodeset_empty(&l->void_wait))
		look_at_transits(e);
	if (!l->vcpu && !l->transit)
		memset(&l->nodes, 0, sizeof(l->nodes));
}

bool losses_any(const struct losses *l)
{
	return (l->transit && nodeset_empty(&l->void_wait)) || l->vcpu || l->here_tell ||
	       l->void_tell;
}
