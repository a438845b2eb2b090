/* SPDX-License-Identifier: BSD-3-Clause */
/* small - see small.h. Here: the hosts, the wire, and the steps. */
#include "small.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "small_state.h"

#define LATE_NS UINT64_C(100000000) /* longer than anything is ever waited for */

/* What the policy is to answer in this step, and how often it was asked. */
static unsigned script, asked;

static unsigned next_answer(void)
{
	return script >> asked++ & 1;
}

static enum tidal_choice choose(const struct tidal_factors *f, const void *weights)
{
	(void)f;
	(void)weights;
	return next_answer() ? TIDAL_CHOOSE_VCPU : TIDAL_CHOOSE_PAGE;
}

static enum tidal_full_choice choose_full(const struct tidal_full_factors *f, const void *weights)
{
	(void)f;
	(void)weights;
	return next_answer() ? TIDAL_FULL_SEND_VCPU : TIDAL_FULL_WAIT;
}

static const struct tidal_policy_ops scripted = {
	.size = sizeof(scripted), .name = "scripted",
	.request = choose, .answer = choose, .full = choose_full,
};

void small_violate(struct small *s, const char *text)
{
	if (!s->m->violation)
		s->m->violation = text;
}

/* ---- the hosts ---- */

static struct thing *begin(struct small *s, uint8_t kind, unsigned node)
{
	struct thing *t = &s->m->thing[s->m->things];

	if (s->m->things == THINGS) {
		small_violate(s, "more is under way than the model can hold");
		return t - 1;
	}
	s->m->things++;
	memset(t, 0, sizeof(*t));
	t->kind = kind;
	t->node = (uint8_t)node;
	return t;
}

static void end(struct small *s, unsigned i)
{
	memmove(&s->m->thing[i], &s->m->thing[i + 1],
		(s->m->things - i - 1) * sizeof(s->m->thing[0]));
	s->m->things--;
}

uint64_t small_contents(const struct small *s, unsigned node, tidal_frame frame)
{
	return frame == TIDAL_FRAME_ZERO ? 0 : s->m->host[node].frame[frame];
}

static void act_pages(struct small *s, unsigned node, const struct tidal_action *a)
{
	struct thing *t = begin(s, THING_PAGES, node);

	t->action = a->kind;
	t->pages = a->u.pages;
	t->token = a->u.pages.token;
}

static void act_send(struct small *s, unsigned node, const struct tidal_act_send *a)
{
	struct thing *t = begin(s, THING_MESSAGE, a->to);

	if (a->len > sizeof(t->bytes)) {
		small_violate(s, "a message is too long for the model");
		return;
	}
	t->from = (uint8_t)node;
	t->len = (uint16_t)a->len;
	memcpy(t->bytes, a->header, a->len);
	t->payload = a->payload;
	t->payload_len = a->payload_len;
	if (a->payload == TIDAL_PAYLOAD_PAGE)
		t->value = s->m->host[node].frame[a->buf];
}

static void act_run(struct small *s, unsigned node, const struct tidal_act_vcpu *a)
{
	struct vcpu_model *v = &s->m->host[node].vcpu[a->vcpu];

	for (unsigned n = 0; n < s->config.nodes; n++)
		if (s->m->host[n].vcpu[a->vcpu].running)
			small_violate(s, "a vCPU is run while it runs");
	if (!v->here)
		small_violate(s, "a vCPU is run where it isn't");
	v->running = true;
	v->stop = false;
	v->watch = a->watch;
	v->skip = a->resume == TIDAL_RESUME_SKIP;
	if (v->skip)
		s->m->skipping[a->vcpu] = false;
}

static void act_save(struct small *s, unsigned node, const struct tidal_act_vcpu *a)
{
	struct thing *t = begin(s, THING_DONE, node);
	const struct vcpu_model *v = &s->m->host[node].vcpu[a->vcpu];

	if (!v->here || v->running)
		small_violate(s, "a vCPU is saved that runs, or isn't there");
	t->token = a->token;
	t->payload_len = 1; /* its state is of no interest here */
}

static void act_load(struct small *s, unsigned node, const struct tidal_act_vcpu *a)
{
	struct thing *t = begin(s, THING_DONE, node);

	if (s->m->host[node].vcpu[a->vcpu].here)
		small_violate(s, "a vCPU is loaded where it is already");
	s->m->host[node].vcpu[a->vcpu] = (struct vcpu_model){ .here = true };
	t->token = a->token;
}

static void act_zero(struct small *s, unsigned node, uint64_t token, tidal_frame frame)
{
	s->m->host[node].frame[frame] = 0;
	begin(s, THING_DONE, node)->token = token;
}

/* Zeroing in the background that takes no time: the last thing begun is done. */
static bool deliver_done(struct small *s, unsigned i);

static bool zeroed_at_once(struct small *s)
{
	uint32_t last = s->m->things - 1;

	if (s->config.features & SMALL_SLOW_ZERO || s->m->things == 0 ||
	    s->m->thing[last].token >> 56 != TOKEN_ZERO)
		return false;
	return deliver_done(s, last);
}

static void act_report(struct small *s, const struct tidal_act_report *r)
{
	switch (r->what) {
	case TIDAL_REPORT_BAD_PEER:
		small_violate(s, "a node reports the other one as broken");
		break;
	case TIDAL_REPORT_PAGE_LOST:
	case TIDAL_REPORT_VCPU_LOST:
		small_violate(s, "something is reported as lost");
		break;
	default:
		break;
	}
}

static void act(struct small *s, unsigned node, const struct tidal_action *a)
{
	struct host_model *h = &s->m->host[node];

	switch (a->kind) {
	case TIDAL_ACT_SEND:
		act_send(s, node, &a->u.send);
		break;
	case TIDAL_ACT_MAP:
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		act_pages(s, node, a);
		break;
	case TIDAL_ACT_ZERO:
		act_zero(s, node, a->u.frame.token, a->u.frame.frame);
		break;
	case TIDAL_ACT_POST:
		h->posted[h->posts++] = (uint8_t)a->u.frame.frame;
		break;
	case TIDAL_ACT_RUN:
		act_run(s, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_STOP:
		h->vcpu[a->u.vcpu.vcpu].stop = true;
		break;
	case TIDAL_ACT_SAVE:
		act_save(s, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_LOAD:
		act_load(s, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_DROP:
		h->vcpu[a->u.vcpu.vcpu].here = false;
		break;
	case TIDAL_ACT_COMPLETE:
		h->vmm_waits = false;
		if (a->u.complete.requester == REQUESTER_PIN)
			h->pinned = a->u.complete.status == 0;
		break;
	case TIDAL_ACT_BUF_FREE:
		break;
	case TIDAL_ACT_REPORT:
		act_report(s, &a->u.report);
		break;
	default:
		small_violate(s, "an action that this pod does not know");
	}
}

/* A zeroing instruction takes effect when the core decides that it may be skipped. */
static void note_skips(struct small *s, unsigned node)
{
	for (unsigned v = 0; v < s->config.vcpus; v++) {
		const struct vcpu *vcpu = vcpus_at(&s->core[node]->vcpus, (tidal_vcpuid)v);

		if (!vcpu_is_here(vcpu) || vcpu->resume != TIDAL_RESUME_SKIP || s->m->skipping[v])
			continue;
		s->m->skipping[v] = true;
		s->m->latest = 0;
	}
}

/* Counters of failures that never get far: nobody starves, nobody searches for the owner. */
static void stay_patient(struct small *s, unsigned node)
{
	struct transit *t = transits_find(&s->core[node]->transits, 0);

	for (unsigned v = 0; v < s->config.vcpus; v++) {
		struct vcpu *vcpu = vcpus_at(&s->core[node]->vcpus, (tidal_vcpuid)v);

		if (vcpu->stalls > 1)
			vcpu->stalls = 1;
	}
	if (t && t->tries > 1)
		t->tries = 1;
}

static int push(struct small *s, unsigned node, tidal_time now, const struct tidal_event *ev)
{
	struct tidal_action a;
	int err = tidal_core_push(s->core[node], now, ev);

	if (err)
		return err;
	note_skips(s, node);
	if (!(s->config.features & SMALL_STARVE))
		stay_patient(s, node);
	do
		while (tidal_core_pull(s->core[node], &a))
			act(s, node, &a);
	while (zeroed_at_once(s));
	return 0;
}

static bool push_ok(struct small *s, unsigned node, const struct tidal_event *ev)
{
	int err = push(s, node, 0, ev);

	if (err && err != TIDAL_EAGAIN)
		small_violate(s, "a core refuses an event that makes sense");
	return err == 0;
}

/* ---- steps ---- */

static bool deliver_message(struct small *s, unsigned i)
{
	struct thing t = s->m->thing[i];
	struct host_model *h = &s->m->host[t.node];
	struct tidal_event ev = { .kind = TIDAL_EV_MESSAGE };
	struct tidal_ev_message *m = &ev.u.message;

	m->from = t.from;
	m->bytes = t.bytes;
	m->len = t.len;
	m->payload = t.payload;
	m->payload_len = t.payload_len;
	if (t.payload == TIDAL_PAYLOAD_PAGE) {
		if (h->posts == 0)
			return false; /* nothing to receive into: it waits */
		m->buf = h->posted[--h->posts];
		h->frame[m->buf] = t.value;
	}
	end(s, i);
	return push_ok(s, t.node, &ev);
}

static bool deliver_done(struct small *s, unsigned i)
{
	const struct thing t = s->m->thing[i];
	struct tidal_event ev = { .kind = TIDAL_EV_HOST_DONE };

	ev.u.done.token = t.token;
	ev.u.done.zero = t.zero;
	ev.u.done.payload_len = t.payload_len;
	ev.u.done.status = t.failed ? TIDAL_EIO : 0;
	end(s, i);
	return push_ok(s, t.node, &ev);
}

static bool take_effect(struct small *s, unsigned i)
{
	struct thing *t = &s->m->thing[i];
	struct host_model *h = &s->m->host[t->node];

	switch (t->action) {
	case TIDAL_ACT_MAP:
		h->map = (struct mapping){ t->pages.frame, (uint8_t)t->pages.prot };
		break;
	case TIDAL_ACT_PROTECT:
		h->map.prot = TIDAL_PROT_R;
		break;
	default:
		if (!h->map.prot)
			small_violate(s, "a page is unmapped that isn't mapped");
		h->map.prot = 0;
	}
	if (t->pages.test)
		t->zero = small_contents(s, t->node, t->pages.frame) == 0;
	t->kind = THING_DONE;
	return true;
}

static bool fail(struct small *s, unsigned i)
{
	s->m->thing[i].kind = THING_DONE;
	s->m->thing[i].failed = true;
	return true;
}

static bool stall(struct small *s, const struct small_step *step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	ev.u.stall.vcpu = step->vcpu;
	ev.u.stall.access = step->what;
	s->m->stubborn[step->vcpu] = (uint8_t)(step->what + 1);
	s->m->host[step->node].vcpu[step->vcpu].running = false;
	return push_ok(s, step->node, &ev);
}

static bool retire(struct small *s, const struct small_step *step)
{
	struct vcpu_model *v = &s->m->host[step->node].vcpu[step->vcpu];
	struct tidal_event ev = { .kind = TIDAL_EV_RETIRED };

	v->skip = false;
	s->m->stubborn[step->vcpu] = 0;
	if (!v->watch || s->config.no_retire)
		return true;
	v->watch = false;
	ev.u.retired.vcpu = step->vcpu;
	return push_ok(s, step->node, &ev);
}

static bool access_page(struct small *s, const struct small_step *step)
{
	struct host_model *h = &s->m->host[step->node];
	bool writes = step->what == TIDAL_WRITE || step->what == TIDAL_ZERO;

	if (!h->map.prot || (writes && h->map.prot != TIDAL_PROT_RW))
		return stall(s, step);
	/* that it sees the latest value is checked in every state */
	if (writes)
		s->m->latest = step->what == TIDAL_ZERO ? 0 : ++s->m->values;
	if (writes)
		h->frame[h->map.frame] = s->m->latest;
	return retire(s, step);
}

static bool stop(struct small *s, const struct small_step *step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_STOPPED };

	s->m->host[step->node].vcpu[step->vcpu].running = false;
	ev.u.stopped.vcpu = step->vcpu;
	ev.u.stopped.reason = TIDAL_STOP_SLICE;
	return push_ok(s, step->node, &ev);
}

static bool tick(struct small *s, unsigned node, bool late)
{
	const struct tidal_event ev = { .kind = TIDAL_EV_TICK };
	tidal_time now = tidal_core_deadline(s->core[node]);

	if (late)
		now = s->core[node]->now + LATE_NS;
	return push(s, node, now, &ev) == 0;
}

static bool command(struct small *s, const struct small_step *step, uint32_t what)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };
	struct host_model *h = &s->m->host[step->node];

	ev.u.command.command = what;
	ev.u.command.vcpu = step->vcpu;
	ev.u.command.node = step->what;
	ev.u.command.requester = REQUESTER_PIN;
	if (what == TIDAL_CMD_PIN)
		h->vmm_waits = true;
	if (what == TIDAL_CMD_UNPIN)
		h->pinned = false;
	return push(s, step->node, 0, &ev) == 0; /* a command may be refused */
}

static bool vmm(struct small *s, const struct small_step *step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	s->m->host[step->node].vmm_waits = true;
	ev.u.stall.vcpu = TIDAL_VCPU_NONE;
	ev.u.stall.access = step->what;
	ev.u.stall.requester = REQUESTER_VMM;
	return push_ok(s, step->node, &ev);
}

bool small_do(struct small *s, const struct small_step *step, unsigned *questions)
{
	bool ok = false;

	script = step->policy;
	asked = 0;
	switch ((enum small_kind)step->kind) {
	case STEP_DELIVER:
		ok = s->m->thing[step->what].kind == THING_MESSAGE ? deliver_message(s, step->what) :
								      deliver_done(s, step->what);
		break;
	case STEP_EFFECT:
		ok = take_effect(s, step->what);
		break;
	case STEP_FAIL:
		ok = fail(s, step->what);
		break;
	case STEP_ACCESS:
		ok = access_page(s, step);
		break;
	case STEP_SKIP:
		ok = retire(s, step);
		break;
	case STEP_STOP:
		ok = stop(s, step);
		break;
	case STEP_TICK:
	case STEP_LATE:
		ok = tick(s, step->node, step->kind == STEP_LATE);
		break;
	case STEP_MOVE:
		ok = command(s, step, TIDAL_CMD_MOVE_VCPU);
		break;
	case STEP_EVICT:
		ok = command(s, step, TIDAL_CMD_EVICT);
		break;
	case STEP_VMM:
		ok = vmm(s, step);
		break;
	case STEP_PIN:
		ok = command(s, step, TIDAL_CMD_PIN);
		break;
	case STEP_UNPIN:
		ok = command(s, step, TIDAL_CMD_UNPIN);
		break;
	}
	*questions = s->config.features & SMALL_POLICY ? asked : 0;
	return ok;
}

/* ---- which steps ---- */

static unsigned add(struct small_step *steps, unsigned n, struct small_step step)
{
	steps[n] = step;
	return n + 1;
}

static unsigned steps_of_things(const struct small *s, struct small_step *steps, unsigned n)
{
	for (unsigned i = 0; i < s->m->things; i++) {
		const struct thing *t = &s->m->thing[i];
		struct small_step step = { STEP_DELIVER, t->node, 0, (uint8_t)i, 0 };

		if (t->kind == THING_PAGES)
			step.kind = STEP_EFFECT;
		n = add(steps, n, step);
		step.kind = STEP_FAIL;
		if (t->kind == THING_PAGES && s->config.features & SMALL_FAIL)
			n = add(steps, n, step);
	}
	return n;
}

static unsigned steps_of_vcpu(const struct small *s, struct small_step *steps, unsigned n,
			      struct small_step step)
{
	static const uint8_t accesses[] = { TIDAL_READ, TIDAL_WRITE, TIDAL_ZERO, TIDAL_EXEC };
	const struct vcpu_model *v = &s->m->host[step.node].vcpu[step.vcpu];

	step.kind = v->skip ? STEP_SKIP : STEP_ACCESS;
	if (v->running && v->skip)
		return add(steps, n, step);
	for (unsigned i = 0; v->running && i < 4; i++) {
		step.what = accesses[i];
		if (s->m->stubborn[step.vcpu] && s->m->stubborn[step.vcpu] != step.what + 1 &&
		    !(s->config.features & SMALL_FICKLE))
			continue;
		if ((step.what == TIDAL_ZERO && !(s->config.features & SMALL_ZERO)) ||
		    (step.what == TIDAL_EXEC && !(s->config.features & SMALL_EXEC)))
			continue;
		n = add(steps, n, step);
	}
	return n;
}

static unsigned steps_of_outside(const struct small *s, struct small_step *steps, unsigned n,
				 unsigned node)
{
	const struct host_model *h = &s->m->host[node];
	unsigned f = s->config.features;
	struct small_step step = { STEP_MOVE, (uint8_t)node, 0, 0, 0 };

	for (step.vcpu = 0; f & SMALL_MOVE && step.vcpu < s->config.vcpus; step.vcpu++)
		for (step.what = 0; step.what < s->config.nodes; step.what++)
			if (h->vcpu[step.vcpu].here && step.what != node)
				n = add(steps, n, step);
	step.vcpu = step.what = 0;
	step.kind = STEP_EVICT;
	if (f & SMALL_EVICT)
		n = add(steps, n, step);
	step.kind = STEP_VMM;
	for (step.what = TIDAL_READ; f & SMALL_VMM && step.what <= TIDAL_WRITE; step.what++)
		if (!h->vmm_waits)
			n = add(steps, n, step);
	step.kind = h->pinned ? STEP_UNPIN : STEP_PIN;
	if (f & SMALL_PIN && (h->pinned || !h->vmm_waits))
		n = add(steps, n, step);
	return n;
}

unsigned small_steps(const struct small *s, struct small_step *steps)
{
	unsigned n = steps_of_things(s, steps, 0);
	bool crowded = s->m->things >= s->config.flight;

	for (unsigned node = 0; node < s->config.nodes; node++) {
		struct small_step step = { STEP_TICK, (uint8_t)node, 0, 0, 0 };

		if (!crowded && tidal_core_deadline(s->core[node]) != TIDAL_NEVER) {
			n = add(steps, n, step);
			step.kind = STEP_LATE;
			n = add(steps, n, step);
		}
		for (step.vcpu = 0; step.vcpu < s->config.vcpus; step.vcpu++) {
			step.kind = STEP_STOP;
			step.what = 0;
			if (s->m->host[node].vcpu[step.vcpu].running &&
			    s->m->host[node].vcpu[step.vcpu].stop)
				n = add(steps, n, step);
			if (!crowded)
				n = steps_of_vcpu(s, steps, n, step);
		}
		if (!crowded)
			n = steps_of_outside(s, steps, n, node);
		else if (s->m->host[node].pinned)
			n = add(steps, n, (struct small_step){ STEP_UNPIN, (uint8_t)node, 0, 0, 0 });
	}
	return n;
}

/* ---- making one ---- */

static void make_params(const struct small *s, unsigned node, struct tidal_params *p)
{
	tidal_params_init(p, sizeof(*p), SMALL_FRAMES);
	p->node = (tidal_nodeid)node;
	p->nodes = (uint16_t)s->config.nodes;
	p->flags = TIDAL_PARAM_IDEAL_LINK | (s->config.no_retire ? 0 : TIDAL_PARAM_RETIRE_EVENTS);
	p->landing = 2;
	p->reserve = 1;
	p->low = p->high = 0;
	p->vcpus = p->vcpu_slots = s->config.vcpus;
	p->slice_ns = 60 * UINT64_C(1000000000); /* the scheduler is explored elsewhere */
	p->transits = 4;
	p->messages = 64;
	p->ranges = p->homes = p->hints = 4;
	p->policy = s->config.features & SMALL_POLICY ? &scripted : tidal_policy_page();
}

static bool make_core(struct small *s, unsigned node, const struct tidal_vmap *map)
{
	struct tidal_topo_object objects[3 + SMALL_VCPUS];
	struct tidal_topology topo;
	struct tidal_params p;

	make_params(s, node, &p);
	if (tidal_topology_regular(&topo, objects, 3 + SMALL_VCPUS, 1, 1,
				   s->config.vcpus))
		return false;
	p.topology = &topo;
	p.vmap = node == 0 ? map : NULL;
	return tidal_core_init((char *)s->memory + s->offset[node], s->offset[node + 1] - s->offset[node],
			       &p, &s->core[node]) == 0;
}

static bool make_map(const struct small *s, struct tidal_vmap *map)
{
	if (tidal_vmap_init(map, sizeof(*map), 1, s->config.vcpus))
		return false;
	if (s->config.together)
		return true;
	map->vcpu_runs = s->config.vcpus;
	for (unsigned v = 0; v < s->config.vcpus; v++)
		map->vcpu[v] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)v, 1,
							  (tidal_nodeid)(v % s->config.nodes) };
	return true;
}

static size_t lay_out(struct small *s, const struct tidal_vmap *map)
{
	struct tidal_topo_object objects[3 + SMALL_VCPUS];
	struct tidal_topology topo;
	size_t at = (sizeof(struct model) + 63) & ~(size_t)63;

	if (tidal_topology_regular(&topo, objects, 3 + SMALL_VCPUS, 1, 1,
				   s->config.vcpus))
		return 0;
	for (unsigned n = 0; n < s->config.nodes; n++) {
		struct tidal_params p;
		size_t bytes;

		make_params(s, n, &p);
		p.topology = &topo;
		p.vmap = n == 0 ? map : NULL;
		bytes = tidal_core_footprint(&p);
		if (bytes == 0)
			return 0;
		s->offset[n] = at;
		at += (bytes + 63) & ~(size_t)63;
	}
	return s->offset[s->config.nodes] = (at + 4095) & ~(size_t)4095;
}

/* Everybody may run; the map is told. */
static bool start(struct small *s)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };
	unsigned questions;

	ev.u.command.command = TIDAL_CMD_CONTINUE;
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (push(s, n, 0, &ev))
			return false;
	while (s->m->things > 0)
		if (!small_do(s, &(struct small_step){ .kind = STEP_DELIVER }, &questions))
			return false;
	return !small_violation(s);
}

struct small *small_open(const struct small_config *config)
{
	struct small *s = calloc(1, sizeof(*s));
	struct tidal_vmap map;

	s->config = *config;
	s->config.nodes = config->nodes ? config->nodes : 2;
	s->config.vcpus = config->vcpus ? config->vcpus : 2;
	if (!make_map(s, &map) || lay_out(s, &map) == 0) {
		free(s);
		return NULL;
	}
	s->memory = aligned_alloc(4096, s->offset[s->config.nodes]);
	memset(s->memory, 0, s->offset[s->config.nodes]);
	s->m = s->memory;
	for (unsigned v = 0; v < s->config.vcpus; v++)
		s->m->host[config->together ? 0 : v % s->config.nodes].vcpu[v].here = true;
	for (unsigned n = 0; n < s->config.nodes; n++)
		for (unsigned i = 0; i < SMALL_FRAMES; i++)
			s->m->host[n].frame[i] = GARBAGE; /* never used, never zeroed */
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (!make_core(s, n, &map)) {
			small_close(s);
			return NULL;
		}
	if (!start(s)) {
		small_close(s);
		return NULL;
	}
	return s;
}

void small_close(struct small *s)
{
	free(s->memory);
	free(s);
}

void *small_memory(struct small *s, size_t *bytes)
{
	*bytes = s->offset[s->config.nodes];
	return s->memory;
}
