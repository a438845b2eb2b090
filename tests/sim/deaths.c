/* SPDX-License-Identifier: BSD-3-Clause */
/* deaths - what may be lost when a node is restarted, and what must be told of it. */
#include "run_inside.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

void deaths_open(struct run *r)
{
	r->deaths.page_risk = calloc(r->guest, sizeof(*r->deaths.page_risk));
	r->deaths.page_told = calloc(r->guest, sizeof(*r->deaths.page_told));
}

void deaths_close(struct run *r)
{
	free(r->deaths.page_risk);
	free(r->deaths.page_told);
}

/* ---- what may be lost ---- */

static bool owns(const struct tidal_core *core, tidal_gfn gfn)
{
	struct page page;
	uint64_t epoch;
	bool untouched;

	if (!core->guest.known)
		return false;
	if (pages_get(&core->pages, gfn, &page))
		return page_is_owned(&page);
	return ranges_has(&core->ranges, gfn, &epoch, &untouched);
}

/* NODES: nobody. */
static unsigned owner_of(const struct run *r, tidal_gfn gfn)
{
	unsigned n = 0;

	while (n < r->s.nodes && !owns(r->w->host[n].core, gfn))
		n++;
	return n;
}

static bool is_live(unsigned state)
{
	return state != TIDAL_VCPU_AWAY && state != TIDAL_VCPU_FROZEN && state != TIDAL_VCPU_LOST;
}

/*
 * May it be gone if *node* dies? Whoever has it, or has sent it last, knows its newest epoch; those
 * who sent it earlier may not have heard yet that it came.
 */
static bool is_at_risk(const struct run *r, tidal_vcpuid v, unsigned node)
{
	const struct vcpu *last = NULL;
	unsigned where = 0;

	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct tidal_core *core = r->w->host[n].core;
		const struct vcpu *vcpu = vcpus_at(&core->vcpus, v);

		if (!core->guest.known ||
		    (!is_live(vcpu->state) && vcpu->state != TIDAL_VCPU_FROZEN))
			continue;
		if (!last || vcpu->epoch > last->epoch ||
		    (vcpu->epoch == last->epoch && is_live(vcpu->state))) {
			last = vcpu;
			where = n;
		}
	}
	return !last || where == node || (last->state == TIDAL_VCPU_FROZEN && last->node == node);
}

/* What is on its way there, and nobody is to hear that it came, is to be reported by its sender. */
static void note_vcpu(struct run *r, tidal_vcpuid v, unsigned node)
{
	struct deaths *d = &r->deaths;
	unsigned there = vcpus_at(&r->w->host[node].core->vcpus, v)->state;
	uint64_t bit = UINT64_C(1) << v;

	if (is_at_risk(r, v, node))
		d->vcpu_risk |= bit;
	if (there == TIDAL_VCPU_FROZEN)
		d->to_report &= ~bit;
	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct vcpu *vcpu = vcpus_at(&r->w->host[n].core->vcpus, v);

		if (n != node && vcpu->state == TIDAL_VCPU_FROZEN && vcpu->node == node &&
		    there == TIDAL_VCPU_AWAY)
			d->to_report |= bit;
	}
}

void deaths_note(struct run *r, unsigned node)
{
	struct deaths *d = &r->deaths;
	uint64_t now = r->out->events + 1;

	for (tidal_gfn gfn = 0; gfn < r->guest; gfn++) {
		unsigned owner = owner_of(r, gfn);

		if (owner == node || owner == r->s.nodes)
			d->page_risk[gfn] = true;
		d->page_told[gfn] &= (uint8_t)~(1u << node);
	}
	for (unsigned v = 0; v < r->s.vcpus; v++)
		note_vcpu(r, (tidal_vcpuid)v, node);
	d->restarted = d->born[node] = now;
	d->told[node] = 0;
	if (!r->w->host[node].core->guest.known)
		return;
	d->died[node] = now;
	for (unsigned n = 0; n < r->s.nodes; n++) {
		struct engine e;

		core_engine(r->w->host[n].core, 0, &e);
		/* else this life went by unnoticed there, or began no pod: it will meet the next one */
		if (!e.peers[node].mourned && e.guest->joined)
			d->told[n] &= ~(UINT64_C(1) << node);
		else
			d->told[n] |= UINT64_C(1) << node;
	}
}

/* ---- what is told ---- */

static void page_lost(struct run *r, unsigned node, const struct tidal_act_report *p)
{
	struct deaths *d = &r->deaths;
	unsigned owner;

	if (p->pages == 0 || p->gfn >= r->guest || p->pages > r->guest - p->gfn) {
		world_violate(r->w, "node %u loses a page outside of memory", node);
		return;
	}
	if (p->node != node) {
		/* they went to a node of which nobody knew that it was dead */
		memset(d->page_risk + p->gfn, true, p->pages);
		return;
	}
	owner = owner_of(r, p->gfn);
	if (owner < r->s.nodes || !d->page_risk[p->gfn])
		world_violate(r->w, "node %u says that page %llu is lost, which node %u has", node,
			      (ull)p->gfn, owner);
	d->page_told[p->gfn] |= (uint8_t)(1u << node);
}

void deaths_report(struct run *r, unsigned node, const struct tidal_act_report *p)
{
	struct deaths *d = &r->deaths;

	if (!d->restarted || p->node >= r->s.nodes ||
	    (p->node != node && !d->born[p->node])) {
		world_violate(r->w, "node %u reports without reason: %s", node, p->text);
		return;
	}
	if (p->what == TIDAL_REPORT_NODE_LOST) {
		d->told[node] |= UINT64_C(1) << p->node;
		return;
	}
	r->out->lost++;
	if (p->what == TIDAL_REPORT_PAGE_LOST) {
		page_lost(r, node, p);
		return;
	}
	d->reported |= UINT64_C(1) << p->vcpu;
	d->vcpu_risk |= UINT64_C(1) << p->vcpu;
}

bool deaths_told(const struct run *r, unsigned node, tidal_gfn gfn)
{
	return r->deaths.page_told[gfn] >> node & 1;
}

/* Waits for a page that is gone, and its node has told so. */
static bool waits_in_vain(const struct run *r, unsigned node, const struct vcpu *v)
{
	return v->state == TIDAL_VCPU_STALLED && v->access != TIDAL_IO &&
	       v->gfn < r->guest && deaths_told(r, node, v->gfn);
}

bool deaths_excuse(const struct run *r, tidal_vcpuid v)
{
	bool somewhere = false;

	if (!r->deaths.restarted)
		return false;
	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct tidal_core *core = r->w->host[n].core;
		const struct vcpu *vcpu = vcpus_at(&core->vcpus, v);

		if (core->guest.known && waits_in_vain(r, n, vcpu))
			return true;
		somewhere = somewhere || is_live(vcpu->state) || !core->guest.known ||
			    vcpu->state == TIDAL_VCPU_FROZEN;
	}
	return !somewhere && r->deaths.vcpu_risk >> v & 1;
}

bool deaths_anybody_waits(const struct run *r)
{
	for (unsigned n = 0; n < r->s.nodes; n++)
		for (unsigned v = 0; v < r->s.vcpus; v++)
			if (waits_in_vain(r, n, vcpus_at(&r->w->host[n].core->vcpus, (tidal_vcpuid)v)))
				return true;
	for (unsigned i = 0; i < RUN_VMM; i++)
		if (r->vmm[i].state == VMM_ASKED && deaths_told(r, r->vmm[i].node, r->vmm[i].gfn))
			return true;
	return false;
}

void deaths_end(struct run *r)
{
	const struct deaths *d = &r->deaths;
	uint64_t silent = d->to_report & ~d->reported;

	if (silent)
		world_violate(r->w, "vCPU %u was lost and is not reported",
			      (unsigned)__builtin_ctzll(silent));
	for (unsigned n = 0; n < r->s.nodes; n++)
		for (unsigned dead = 0; dead < r->s.nodes; dead++)
			if (dead != n && d->died[dead] > d->born[n] && !(d->told[n] >> dead & 1))
				world_violate(r->w, "node %u doesn't know that node %u died", n,
					      dead);
}
