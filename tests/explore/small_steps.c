/* SPDX-License-Identifier: BSD-3-Clause */
/* small_steps - which steps there are in a state of a small pod. */
#include "core/losses.h"
#include "link_look.h"
#include "small_state.h"

static unsigned add(struct step *steps, unsigned n, struct step step)
{
	if (n == STEPS)
		return n;
	steps[n] = step;
	return n + 1;
}

static unsigned of_thing(const struct small *s, struct step *steps, unsigned n, unsigned i)
{
	const struct thing *t = &s->m->thing[i];
	struct step step = { .kind = STEP_DELIVER, .node = t->node, .what = (uint8_t)i };

	if (t->kind == THING_PAGES)
		step.kind = STEP_EFFECT;
	n = add(steps, n, step);
	step.kind = STEP_FAIL;
	if (t->kind == THING_PAGES && s->config.features & SMALL_FAIL)
		n = add(steps, n, step);
	step.kind = STEP_LOSE;
	if (t->kind == THING_MESSAGE && s->m->losses)
		n = add(steps, n, step);
	step.kind = STEP_REPEAT;
	if (t->kind == THING_MESSAGE && s->m->repeats)
		n = add(steps, n, step);
	return n;
}

static bool is_possible(const struct small *s, unsigned access)
{
	if (access == TIDAL_ZERO)
		return s->config.features & SMALL_ZERO;
	if (access == TIDAL_EXEC)
		return s->config.features & SMALL_EXEC;
	return true;
}

/* After a stall an instruction is restarted, unless an interrupt comes first (fickle). */
static bool is_wanted(const struct small *s, const struct step *step)
{
	const struct stubborn *b = &s->m->stubborn[step->vcpu];

	if (!b->access || s->config.features & SMALL_FICKLE)
		return true;
	return b->access == step->what + 1 && b->page == step->page;
}

static unsigned of_vcpu(const struct small *s, struct step *steps, unsigned n, struct step step)
{
	static const uint8_t accesses[] = { TIDAL_READ, TIDAL_WRITE, TIDAL_ZERO, TIDAL_EXEC };
	const struct vcpu_model *v = &s->m->host[step.node].vcpu[step.vcpu];

	if (!v->running)
		return n;
	step.kind = v->skip ? STEP_SKIP : STEP_ACCESS;
	if (v->skip)
		return add(steps, n, step);
	for (step.page = 0; step.page < s->config.pages; step.page++)
		for (unsigned i = 0; i < 4; i++) {
			step.what = accesses[i];
			if (is_possible(s, step.what) && is_wanted(s, &step))
				n = add(steps, n, step);
		}
	return n;
}

static unsigned of_stops(const struct small *s, struct step *steps, unsigned n, unsigned node)
{
	struct step step = { .kind = STEP_STOP, .node = (uint8_t)node };

	for (step.vcpu = 0; step.vcpu < s->config.vcpus; step.vcpu++) {
		const struct vcpu_model *v = &s->m->host[node].vcpu[step.vcpu];

		if (v->running && v->stop)
			n = add(steps, n, step);
	}
	return n;
}

static bool is_wire_empty(const struct small *s, unsigned a, unsigned b)
{
	for (unsigned i = 0; i < s->m->things; i++) {
		const struct thing *t = &s->m->thing[i];

		if (t->kind == THING_MESSAGE &&
		    ((t->from == a && t->node == b) || (t->from == b && t->node == a)))
			return false;
	}
	return true;
}

/* Timers of acknowledgements may ring at any time, those of messages when it makes sense. */
static bool may_ring(const struct small *s, unsigned node, unsigned peer, unsigned timer)
{
	if (!link_rings(small_link(s, node), (tidal_nodeid)peer, timer))
		return false;
	return timer == 1 || !s->config.patient || is_wire_empty(s, node, peer);
}

static unsigned of_link(const struct small *s, struct step *steps, unsigned n, unsigned node)
{
	struct step step = { .kind = STEP_LINK, .node = (uint8_t)node };

	for (step.vcpu = 0; step.vcpu < s->config.nodes; step.vcpu++)
		for (step.what = 0; step.vcpu != node && step.what < LINK_TIMERS; step.what++)
			if (may_ring(s, node, step.vcpu, step.what))
				n = add(steps, n, step);
	return n;
}

static bool is_poked(const struct vmm *vmm)
{
	for (unsigned i = 0; i < VMM_WAITERS; i++)
		if (vmm->waiter[i].used && vmm->waiter[i].poked)
			return true;
	return false;
}

/* Is anything due that is neither a page's nor the link's? */
static bool is_something_due(const struct tidal_core *core)
{
	return core->capacity.retry_at != TIDAL_NEVER || losses_any(&core->losses) || is_poked(&core->vmm);
}

static unsigned of_time(const struct small *s, struct step *steps, unsigned n, unsigned node)
{
	const struct tidal_core *core = s->core[node];
	struct step step = { .kind = STEP_RING, .node = (uint8_t)node };
	unsigned timers = 0;

	for (step.page = 0; step.page < s->config.pages; step.page++) {
		const struct transit *t = transits_find(&core->transits, s->gfn[step.page]);

		if (!t || t->timer == TIDAL_NEVER)
			continue;
		n = add(steps, n, step);
		timers++;
	}
	step.page = 0;
	step.kind = STEP_TICK;
	if (is_something_due(core))
		n = add(steps, n, step);
	step.kind = STEP_LATE;
	if (timers > 1 || is_something_due(core))
		n = add(steps, n, step);
	return s->config.link ? of_link(s, steps, n, node) : n;
}

/* Whom a page is offered to is the core's choice only where it remembers who has refused. */
static unsigned of_evictions(const struct small *s, struct step *steps, unsigned n, struct step step)
{
	bool any = !(s->config.features & SMALL_REFUSALS);

	step.kind = STEP_EVICT;
	for (step.what = 0; step.what < (any ? s->config.nodes : 1); step.what++)
		if (!any || step.what != step.node)
			n = add(steps, n, step);
	return n;
}

static unsigned of_outside(const struct small *s, struct step *steps, unsigned n, unsigned node)
{
	const struct host_model *h = &s->m->host[node];
	bool spent = s->config.commands && s->m->commands == s->config.commands;
	unsigned f = s->config.features & ~(spent ? SMALL_MOVE | SMALL_EVICT : 0u);
	struct step step = { .kind = STEP_MOVE, .node = (uint8_t)node };

	for (step.vcpu = 0; f & SMALL_MOVE && step.vcpu < s->config.vcpus; step.vcpu++)
		for (step.what = 0; step.what < s->config.nodes; step.what++)
			if (h->vcpu[step.vcpu].here && step.what != node)
				n = add(steps, n, step);
	step.vcpu = 0;
	for (step.page = 0; step.page < s->config.pages; step.page++) {
		if (f & SMALL_EVICT)
			n = of_evictions(s, steps, n, step);
		step.kind = STEP_VMM;
		for (step.what = TIDAL_READ; f & SMALL_VMM && step.what <= TIDAL_WRITE; step.what++)
			if (!h->vmm_waits)
				n = add(steps, n, step);
	}
	step.page = step.what = 0;
	step.kind = STEP_PIN;
	if (f & SMALL_PIN && !h->pinned && !h->vmm_waits)
		n = add(steps, n, step);
	return n;
}

unsigned small_steps(const void *small, struct step *steps)
{
	const struct small *s = small;
	bool crowded = s->config.flight && s->m->things >= s->config.flight;
	unsigned n = 0;

	for (unsigned i = 0; i < s->m->things; i++)
		n = of_thing(s, steps, n, i);
	for (unsigned node = 0; node < s->config.nodes; node++) {
		struct step step = { .kind = STEP_UNPIN, .node = (uint8_t)node };

		n = of_stops(s, steps, n, node);
		if (s->m->host[node].pinned)
			n = add(steps, n, step);
		if (crowded)
			continue;
		n = of_time(s, steps, n, node);
		n = of_outside(s, steps, n, node);
		for (step.vcpu = 0; step.vcpu < s->config.vcpus; step.vcpu++)
			n = of_vcpu(s, steps, n, step);
	}
	return n;
}

/* ---- a fair way to quiet ---- */

/* Of the nodes with a deadline the one whose clock is behind. */
static unsigned slowest(const struct small *s)
{
	unsigned best = SMALL_NODES;

	for (unsigned n = 0; n < s->config.nodes; n++)
		if (tidal_core_deadline(s->core[n]) != TIDAL_NEVER &&
		    (best == SMALL_NODES || s->core[n]->now < s->core[best]->now))
			best = n;
	return best;
}

/* What is under way arrives, the oldest first; then those stop that should; then time passes. */
bool small_drain(const void *small, struct step *step)
{
	const struct small *s = small;
	unsigned node;

	*step = (struct step){ .kind = STEP_DELIVER };
	if (s->m->things) {
		step->node = s->m->thing[0].node;
		if (s->m->thing[0].kind == THING_PAGES)
			step->kind = STEP_EFFECT;
		return true;
	}
	for (node = 0; node < s->config.nodes; node++) {
		if (of_stops(s, step, 0, node))
			return true;
		*step = (struct step){ .kind = STEP_UNPIN, .node = (uint8_t)node };
		if (s->m->host[node].pinned)
			return true;
	}
	node = slowest(s);
	*step = (struct step){ .kind = STEP_LATE, .node = (uint8_t)node };
	return node < SMALL_NODES;
}
