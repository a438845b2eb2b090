/* SPDX-License-Identifier: BSD-3-Clause */
/* small_look - the state of a small pod: what must be true of it, and its digest. */
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "core/le.h"
#include "small_state.h"

/* ---- what must be true ---- */

static bool decode(const struct thing *t, struct wire *m)
{
	return t->kind == THING_MESSAGE && t->len > LINK_HEADER &&
	       wire_decode(m, t->bytes + LINK_HEADER, t->len - LINK_HEADER);
}

static bool is_mapped_elsewhere(const struct small *s, unsigned node)
{
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (n != node && s->m->host[n].map.prot)
			return true;
	return false;
}

/* A page that can be written is mapped nowhere else; what can be read is the latest. */
static void check_mappings(struct small *s)
{
	for (unsigned n = 0; n < s->config.nodes; n++) {
		const struct mapping *map = &s->m->host[n].map;

		if (!map->prot)
			continue;
		if (small_contents(s, n, map->frame) != s->m->latest)
			small_violate(s, "a node can read what is out of date");
		if (map->prot != TIDAL_PROT_RW)
			continue;
		if (map->frame == TIDAL_FRAME_ZERO)
			small_violate(s, "a node can write to the page of zeroes");
		if (is_mapped_elsewhere(s, n))
			small_violate(s, "a node can write to a page that another one has mapped");
	}
}

/* One node owns the page, or it is on its way to one. */
static void check_owner(struct small *s)
{
	unsigned owners = 0;
	struct wire m;

	for (unsigned n = 0; n < s->config.nodes; n++) {
		struct tidal_page_info info;

		if (tidal_core_page(s->core[n], 0, &info) == 0)
			owners += info.state >= TIDAL_PAGE_PRIMARY;
	}
	for (unsigned i = 0; i < s->m->things; i++)
		if (decode(&s->m->thing[i], &m))
			owners += m.kind == MSG_OWN || m.kind == MSG_GIVE || m.kind == MSG_EXTENT;
	if (owners != 1)
		small_violate(s, owners ? "the page has two owners" : "the page has no owner");
}

/* Each vCPU lives on one node, or is on its way to one. */
static void check_vcpu(struct small *s, tidal_vcpuid v)
{
	unsigned live = 0, hosts = 0;
	struct wire m;

	for (unsigned n = 0; n < s->config.nodes; n++) {
		const struct vcpu *vcpu = vcpus_at(&s->core[n]->vcpus, v);

		live += vcpu_is_here(vcpu) && vcpu->state != TIDAL_VCPU_FROZEN;
		hosts += s->m->host[n].vcpu[v].running;
		if ((vcpu->state == TIDAL_VCPU_RUNNING) != s->m->host[n].vcpu[v].running)
			small_violate(s, "core and host disagree about a running vCPU");
	}
	for (unsigned i = 0; i < s->m->things; i++)
		if (decode(&s->m->thing[i], &m))
			live += m.kind == MSG_VCPU && m.u.vcpu.vcpu == v;
	if (live != 1 || hosts > 1)
		small_violate(s, live ? "a vCPU lives twice" : "a vCPU is gone");
}

static void check_frames(struct small *s, unsigned node)
{
	const struct frames *f = &s->core[node]->frames;
	const uint32_t *zeroed = (const uint32_t *)((const char *)f + f->stack);

	for (uint32_t i = 0; i < f->zeroed; i++)
		if (s->m->host[node].frame[zeroed[i]])
			small_violate(s, "a frame counts as zeroed and isn't");
	if (f->posted != s->m->host[node].posts)
		small_violate(s, "posted frames are miscounted");
}

/* When nothing is under way, nothing is kept for anybody. */
static void check_promises(struct small *s)
{
	for (unsigned n = 0; n < s->config.nodes; n++) {
		const struct tidal_core *core = s->core[n];

		if (core->vcpus.promised)
			small_violate(s, "a slot is promised to nobody");
		if (core->frames.promised || core->frames.departing || core->capacity.leaving)
			small_violate(s, "a frame is kept for nobody");
	}
}

const char *small_violation(struct small *s)
{
	const char *why;

	check_mappings(s);
	check_owner(s);
	for (unsigned v = 0; v < s->config.vcpus; v++)
		check_vcpu(s, (tidal_vcpuid)v);
	if (small_is_quiet(s))
		check_promises(s);
	for (unsigned n = 0; n < s->config.nodes; n++) {
		check_frames(s, n);
		if (tidal_core_check(s->core[n], &why))
			small_violate(s, why);
	}
	return s->m->violation;
}

const char *small_trouble(const struct small *s)
{
	return s->m->violation;
}

bool small_is_quiet(const struct small *s)
{
	if (s->m->things)
		return false;
	for (unsigned n = 0; n < s->config.nodes; n++) {
		if (s->core[n]->transits.used || s->core[n]->vmm.used)
			return false;
		for (unsigned v = 0; v < s->config.vcpus; v++) {
			const struct vcpu *vcpu = vcpus_at(&s->core[n]->vcpus, (tidal_vcpuid)v);

			if (vcpu->state == TIDAL_VCPU_AWAY)
				continue;
			if (vcpu->state != TIDAL_VCPU_RUNNING || vcpu->dest != TIDAL_NODE_NONE)
				return false;
		}
	}
	return true;
}

/* ---- digest ---- */

/*
 * Only the order of the page's epochs matters. A digest is made twice: first to collect them,
 * then with the place of each in their order.
 */
#define EPOCHS 128
struct view {
	const struct small *s;
	bool collecting;
	uint64_t epoch[EPOCHS]; /* the oldest first */
	unsigned epochs;
	uint64_t vcpu_epoch[SMALL_VCPUS]; /* the newest; those of vCPUs count back from here */
};

static uint64_t place_of(struct view *v, uint64_t epoch)
{
	unsigned i = v->epochs;

	while (i > 0 && epoch_newer(v->epoch[i - 1], epoch))
		i--;
	if (i > 0 && v->epoch[i - 1] == epoch)
		return i;
	if (v->collecting && v->epochs < EPOCHS) {
		memmove(&v->epoch[i + 1], &v->epoch[i], (v->epochs++ - i) * sizeof(v->epoch[0]));
		v->epoch[i] = epoch;
	}
	return 0;
}

static uint64_t count_epoch(void *view, uint64_t epoch)
{
	return place_of(view, epoch);
}

static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h ^ x);
}

static uint64_t relative(struct view *v, uint64_t epoch)
{
	return place_of(v, epoch);
}

/* Of what an optional epoch (+ 1; 0: none) says. */
static uint64_t optional(struct view *v, uint64_t epoch)
{
	return epoch ? relative(v, epoch - 1) + 1 : 0;
}

static void find_vcpu_epochs(struct view *view)
{
	const struct small *s = view->s;
	struct wire m;

	for (unsigned v = 0; v < s->config.vcpus; v++)
		for (unsigned n = 0; n < s->config.nodes; n++) {
			uint64_t e = vcpus_at(&s->core[n]->vcpus, (tidal_vcpuid)v)->epoch;

			if (e > view->vcpu_epoch[v])
				view->vcpu_epoch[v] = e;
		}
	for (unsigned i = 0; i < s->m->things; i++)
		if (decode(&s->m->thing[i], &m) && m.kind == MSG_VCPU &&
		    m.u.vcpu.epoch > view->vcpu_epoch[m.u.vcpu.vcpu])
			view->vcpu_epoch[m.u.vcpu.vcpu] = m.u.vcpu.epoch;
}

/* Contents, as far as anybody could tell. */
static uint64_t of_value(const struct small *s, uint64_t value)
{
	return (value == s->m->latest) | (value == 0) << 1;
}

static uint64_t of_id(const struct small *s, unsigned asker, uint32_t id)
{
	return s->core[asker]->next_id - id;
}

static uint64_t of_request(struct view *v, const struct wire_request *r)
{
	uint64_t h = fold(optional(v, r->held_epoch), optional(v, r->lead));

	h = fold(h, of_id(v->s, r->node, r->id));
	return fold(h, r->node | (uint64_t)r->vcpu << 16 | (uint64_t)r->want << 32 |
			       (uint64_t)r->flags << 40 | (uint64_t)r->hops << 48);
}

static uint64_t of_vcpu_state(struct view *v, const struct wire_vcpu *w)
{
	return fold(v->vcpu_epoch[w->vcpu] - w->epoch,
		    w->vcpu | (uint64_t)w->resume << 16 | (uint64_t)w->flags << 24 |
			    (uint64_t)(w->stalls > VCPU_STARVING ? VCPU_STARVING : w->stalls) << 32);
}

/* The body of a message that node *to* will get. */
static uint64_t of_message(struct view *v, const struct wire *m, unsigned to)
{
	const struct small *s = v->s;

	switch (m->kind) {
	case MSG_REQUEST:
		return of_request(v, &m->u.request);
	case MSG_COPY:
		return fold(relative(v, m->u.copy.epoch),
			    of_id(s, to, m->u.copy.id) << 8 | m->u.copy.flags);
	case MSG_OWN:
		return fold(fold(relative(v, m->u.own.epoch), m->u.own.copies),
			    of_id(s, to, m->u.own.id) << 8 | m->u.own.flags);
	case MSG_EXTENT:
		return fold(fold(relative(v, m->u.extent.epoch), m->u.extent.first),
			    of_id(s, to, m->u.extent.id) << 8 | m->u.extent.order);
	case MSG_REFUSE:
		return fold(m->u.refuse.owner == TIDAL_NODE_NONE ? 0 : relative(v, m->u.refuse.epoch),
			    of_id(s, to, m->u.refuse.id) << 32 | (uint64_t)m->u.refuse.owner << 8 |
				    m->u.refuse.reason);
	case MSG_INVALIDATE:
		return fold(relative(v, m->u.invalidate.epoch), m->u.invalidate.owner);
	case MSG_INVALIDATED:
		return relative(v, m->u.invalidated.epoch);
	case MSG_OWNER:
		return fold(relative(v, m->u.owner.epoch), m->u.owner.owner | m->u.owner.order << 16);
	case MSG_FOUND:
		return relative(v, m->u.found.epoch);
	case MSG_ANSWER:
		return m->u.answer.yes;
	case MSG_GIVE:
		return fold(fold(relative(v, m->u.give.epoch), m->u.give.copies), m->u.give.flags);
	case MSG_MOVE_ASK:
		return fold(v->vcpu_epoch[m->u.move_ask.vcpu] - m->u.move_ask.epoch,
			    m->u.move_ask.vcpu);
	case MSG_MOVE_ANSWER:
		return fold(v->vcpu_epoch[m->u.move_answer.vcpu] - m->u.move_answer.epoch,
			    m->u.move_answer.vcpu | m->u.move_answer.yes << 16);
	case MSG_MOVE_CANCEL:
		return m->u.move_cancel.vcpu;
	case MSG_VCPU:
		return of_vcpu_state(v, &m->u.vcpu);
	case MSG_VCPU_AT:
		return fold(v->vcpu_epoch[m->u.vcpu_at.vcpu] - m->u.vcpu_at.epoch,
			    m->u.vcpu_at.vcpu | (uint64_t)m->u.vcpu_at.node << 16);
	default:
		return 0; /* FIND, OFFER: only the page */
	}
}

static uint64_t of_thing(struct view *v, const struct thing *t)
{
	uint64_t h = fold(1, t->kind | t->node << 8 | (uint64_t)t->payload << 16);
	struct wire m;

	if (t->kind != THING_MESSAGE) {
		uint64_t what = t->token >> 56 == TOKEN_ZERO ? (uint64_t)TOKEN_ZERO << 56 : t->token;

		h = fold(h, what);
		h = fold(h, t->zero | t->failed << 1);
		if (t->kind == THING_DONE)
			return h;
		h = fold(h, t->action | (uint64_t)t->pages.prot << 8 | (uint64_t)t->pages.test << 16);
		return fold(h, of_value(v->s, small_contents(v->s, t->node, t->pages.frame)));
	}
	if (t->payload == TIDAL_PAYLOAD_PAGE)
		h = fold(h, of_value(v->s, t->value));
	h = fold(h, le_get32(t->bytes + 16) > 0); /* free frames of the sender */
	if (!decode(t, &m))
		return h;
	return fold(fold(h, m.kind), of_message(v, &m, t->node));
}

/* What the digest of a core leaves out because it is of no use in the field, and matters here. */
static uint64_t of_core(struct view *v, unsigned node)
{
	const struct tidal_core *core = v->s->core[node];
	const struct peer *peer = (const struct peer *)((const char *)core + core->peers);
	uint64_t h = digest_core(core, &(struct digest_epochs){ count_epoch, v });

	h = fold(h, core->capacity.active | (core->capacity.retry_at != TIDAL_NEVER) << 1);
	for (unsigned n = 0; n < v->s->config.nodes; n++)
		h = fold(h, peer[n].heard | (peer[n].free > 0) << 1);
	for (unsigned i = 0; i < v->s->config.vcpus; i++)
		h = fold(h, v->vcpu_epoch[i] - vcpus_at(&core->vcpus, (tidal_vcpuid)i)->epoch);
	return h;
}

static uint64_t of_host(const struct small *s, unsigned node)
{
	const struct host_model *host = &s->m->host[node];
	struct tidal_page_info info;
	uint64_t h = fold(2, host->map.prot | host->vmm_waits << 8 | host->pinned << 9);

	if (host->map.prot)
		h = fold(h, of_value(s, small_contents(s, node, host->map.frame)));
	if (tidal_core_page(s->core[node], 0, &info) == 0 && info.frame < SMALL_FRAMES)
		h = fold(h, of_value(s, host->frame[info.frame]) | 8);
	for (unsigned v = 0; v < s->config.vcpus; v++) {
		const struct vcpu_model *m = &host->vcpu[v];

		h = fold(h, m->here | m->running << 1);
		if (m->running)
			h = fold(h, m->stop | m->watch << 1 | m->skip << 2);
	}
	return h;
}

/* Who of those that starve does so for longer? */
static uint64_t of_seniority(const struct small *s)
{
	tidal_time since[SMALL_VCPUS] = { 0 };
	uint64_t h = 4;

	for (unsigned v = 0; v < s->config.vcpus; v++)
		for (unsigned n = 0; n < s->config.nodes; n++) {
			const struct vcpu *vcpu = vcpus_at(&s->core[n]->vcpus, (tidal_vcpuid)v);

			if (vcpu_is_here(vcpu) && vcpu->stalls >= VCPU_STARVING)
				since[v] = vcpu->since + 1;
		}
	for (unsigned a = 0; a < SMALL_VCPUS; a++)
		for (unsigned b = 0; b < a; b++)
			if (since[a] && since[b])
				h = fold(h, (a << 8 | b << 4) + (since[a] < since[b]) +
						    2u * (since[a] > since[b]));
	return h;
}

static uint64_t digest(struct view *v)
{
	const struct small *s = v->s;
	uint64_t h = 3, sum = 0;

	for (unsigned n = 0; n < s->config.nodes; n++)
		h = fold(fold(h, of_core(v, n)), of_host(s, n));
	for (unsigned i = 0; i < s->m->things; i++)
		sum += of_thing(v, &s->m->thing[i]);
	h = fold(fold(h, sum), of_seniority(s));
	for (unsigned i = 0; i < s->config.vcpus; i++)
		h = fold(h, s->m->skipping[i] | (s->config.features & SMALL_FICKLE ?
							 0 : s->m->stubborn[i] << 8));
	return fold(h, s->m->latest == 0);
}

uint64_t small_digest(const struct small *s)
{
	struct view v = { .s = s, .collecting = true };

	find_vcpu_epochs(&v);
	digest(&v);
	v.collecting = false;
	return digest(&v);
}

/* ---- for people ---- */

static void print_thing(const struct thing *t)
{
	struct wire m;

	if (decode(t, &m))
		printf("%s from node %u to node %u", wire_name(m.kind), t->from, t->node);
	else if (t->kind == THING_MESSAGE)
		printf("packet from node %u to node %u", t->from, t->node);
	else if (t->kind == THING_PAGES)
		printf("%s on node %u", tidal_action_name(t->action), t->node);
	else
		printf("done on node %u (token %u:%llu%s%s)", t->node, (unsigned)(t->token >> 56),
		       (unsigned long long)(t->token & 0xffff), t->zero ? ", zero" : "",
		       t->failed ? ", failed" : "");
}

void small_print_step(const struct small *s, const struct small_step *step)
{
	static const char *const names[] = {
		"deliver", "takes effect:", "fails:", "accesses", "skips", "stops", "tick", "late tick",
		"move command", "evict command", "VMM thread touches", "pin", "unpin",
	};
	static const char *const access[] = { "read", "write", "exec", "zero" };

	printf("%s ", names[step->kind]);
	if (step->kind <= STEP_FAIL)
		print_thing(&s->m->thing[step->what]);
	else
		printf("node %u", step->node);
	if (step->kind == STEP_ACCESS || step->kind == STEP_SKIP || step->kind == STEP_STOP ||
	    step->kind == STEP_MOVE)
		printf(" vCPU %u", step->vcpu);
	if (step->kind == STEP_MOVE)
		printf(" to node %u", step->what);
	if (step->kind == STEP_ACCESS || step->kind == STEP_VMM)
		printf(" %s", access[step->what]);
	if (step->policy)
		printf(" (policy says %u)", step->policy);
}

void small_print(const struct small *s)
{
	static const char *const states[] = { "away", "ready", "running", "stalled", "saving",
					      "frozen", "loading", "idle", "off", "lost" };

	for (unsigned n = 0; n < s->config.nodes; n++) {
		const struct transit *t = transits_find(&s->core[n]->transits, 0);
		struct tidal_page_info info;

		if (tidal_core_page(s->core[n], 0, &info))
			continue;
		printf("    node %u: %s", n, situation_name(info.state));
		if (t)
			printf("/%s%s%s%s hold %d timer %d", situation_name(t->state),
			       t->queue ? " queue" : "", t->drop_due ? " drop due" : "",
			       t->stale_known ? " stale" : "",
			       t->hold_vcpu == TIDAL_VCPU_NONE ? -1 : t->hold_vcpu,
			       t->timer != TIDAL_NEVER);
		printf(", epoch %llu, mapped %u;", (unsigned long long)info.epoch,
		       s->m->host[n].map.prot);
		for (unsigned v = 0; v < s->config.vcpus; v++)
			printf(" vCPU %u %s", v,
			       states[vcpus_at(&s->core[n]->vcpus, (tidal_vcpuid)v)->state]);
		printf("\n");
	}
	for (unsigned i = 0; i < s->m->things; i++) {
		printf("    ");
		print_thing(&s->m->thing[i]);
		printf("\n");
	}
}
