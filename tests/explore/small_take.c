/* SPDX-License-Identifier: BSD-3-Clause */
/* small_take - carrying out the steps of a small pod. */
#include <string.h>

#include "link_look.h"
#include "small_state.h"

#define LATE_NS UINT64_C(100000000) /* longer than anything is ever waited for */

/* ---- after every push ---- */

/* A zeroing instruction takes effect when the core decides that it may be skipped. */
static void note_skips(struct small *s, unsigned node)
{
	for (unsigned v = 0; v < s->config.vcpus; v++) {
		const struct vcpu *vcpu = vcpus_at(&s->core[node]->vcpus, (tidal_vcpuid)v);
		unsigned page = small_page(s, vcpu->gfn);

		if (!vcpu_is_here(vcpu) || vcpu->resume != TIDAL_RESUME_SKIP || s->m->skipping[v])
			continue;
		s->m->skipping[v] = true;
		s->m->latest[page] = 0;
	}
}

/* Counters of failures that never get far: nobody starves, nobody searches for the owner. */
static void stay_patient(struct small *s, unsigned node)
{
	for (unsigned v = 0; v < s->config.vcpus; v++) {
		struct vcpu *vcpu = vcpus_at(&s->core[node]->vcpus, (tidal_vcpuid)v);

		if (vcpu->stalls > 1)
			vcpu->stalls = 1;
	}
	for (unsigned p = 0; p < s->config.pages; p++) {
		struct transit *t = transits_find(&s->core[node]->transits, s->gfn[p]);

		if (t)
			t->tries = 0;
	}
}

/* What statistics tell the core itself: how much has left since it looked last. */
static void scrub_stats(struct tidal_core *core)
{
	const struct tidal_stats *st = &core->stats;
	uint64_t gone = st->drops + st->evictions + st->redormant - core->capacity.gone;

	core->stats = (struct tidal_stats){ .drops = gone };
	core->capacity.gone = 0;
}

/* Bytes that nobody will read again are zeroed: snapshots are smaller, no state is another. */
static void scrub(struct tidal_core *core)
{
	if (core->actq.tail == 0)
		memset(core->actq.ring, 0, 24 * sizeof(core->actq.ring[0]));
	scrub_stats(core);
	link_scrub(REL(core, link));
}

/* ---- pushing ---- */

static bool deliver_done(struct small *s, unsigned i);

/* Zeroing in the background that takes no time: the last thing begun is done. */
static bool zeroed_at_once(struct small *s)
{
	uint32_t last = s->m->things - 1;

	if (s->config.features & SMALL_SLOW_ZERO || s->m->things == 0 ||
	    s->m->thing[last].token >> 56 != TOKEN_ZERO)
		return false;
	return deliver_done(s, last);
}

int small_push(struct small *s, unsigned node, tidal_time now, const struct tidal_event *ev)
{
	struct tidal_action a;
	int err = tidal_core_push(s->core[node], now, ev);

	if (err)
		return err;
	note_skips(s, node);
	if (!(s->config.features & SMALL_STARVE))
		stay_patient(s, node);
	if (!(s->config.features & SMALL_REFUSALS))
		memset(&s->core[node]->capacity.refused, 0, sizeof(struct tidal_nodeset));
	do
		while (tidal_core_pull(s->core[node], &a))
			small_act(s, node, &a);
	while (zeroed_at_once(s));
	scrub(s->core[node]);
	return 0;
}

static bool push_ok(struct small *s, unsigned node, const struct tidal_event *ev)
{
	int err = small_push(s, node, 0, ev);

	if (err && err != TIDAL_EAGAIN)
		small_violate(s, "a core refuses an event that makes sense");
	return err == 0;
}

/* Not now: it goes to the end of the queue. */
static void put_back(struct small *s, const struct thing *t)
{
	struct thing *end = small_begin(s, t->kind, t->node);

	*end = *t;
}

/* ---- what is under way ---- */

static bool deliver_message(struct small *s, unsigned i, bool stays)
{
	const struct thing t = s->m->thing[i];
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
		h->posted[h->posts] = 0;
		if (s->config.fault != FAULT_CONTENTS)
			h->frame[m->buf] = t.value;
	}
	if (!stays)
		small_end(s, i);
	if (push_ok(s, t.node, &ev))
		return true;
	if (t.payload == TIDAL_PAYLOAD_PAGE)
		h->posted[h->posts++] = (uint8_t)m->buf;
	if (!stays)
		put_back(s, &t);
	return false;
}

static bool deliver_done(struct small *s, unsigned i)
{
	const struct thing t = s->m->thing[i];
	struct tidal_event ev = { .kind = TIDAL_EV_HOST_DONE };

	ev.u.done.token = t.token;
	ev.u.done.zero = t.zero;
	ev.u.done.payload_len = t.payload_len;
	ev.u.done.status = t.failed ? TIDAL_EIO : 0;
	small_end(s, i);
	if (push_ok(s, t.node, &ev))
		return true;
	put_back(s, &t);
	return false;
}

/* The change itself; false: the planted fault. */
static bool change(struct small *s, const struct thing *t)
{
	struct mapping *map = &s->m->host[t->node].map[small_page(s, t->pages.gfn)];

	switch (t->action) {
	case TIDAL_ACT_MAP:
		*map = (struct mapping){ t->pages.frame, (uint8_t)t->pages.prot };
		return s->config.fault != FAULT_WAKE || s->m->faulty;
	case TIDAL_ACT_PROTECT:
		if (s->config.fault != FAULT_PROTECT)
			map->prot = TIDAL_PROT_R;
		return true;
	default:
		if (!map->prot)
			small_violate(s, "a page is unmapped that isn't mapped");
		if (s->config.fault != FAULT_UNMAP)
			*map = (struct mapping){ 0 };
		return true;
	}
}

static bool take_effect(struct small *s, unsigned i)
{
	struct thing *t = &s->m->thing[i];
	bool forgotten = !change(s, t);

	if (t->pages.test)
		t->zero = small_contents(s, t->node, t->pages.frame) == 0 ||
			  s->config.fault == FAULT_TEST;
	t->kind = THING_DONE;
	if (forgotten)
		s->m->faulty = true;
	if (forgotten || !t->token)
		small_end(s, i);
	return true;
}

static bool fail(struct small *s, unsigned i)
{
	s->m->thing[i].kind = THING_DONE;
	s->m->thing[i].failed = true;
	return true;
}

static bool lose(struct small *s, unsigned i)
{
	s->m->losses--;
	small_end(s, i);
	return true;
}

static bool repeat(struct small *s, unsigned i)
{
	s->m->repeats--;
	return deliver_message(s, i, true);
}

/* ---- instructions ---- */

static bool stall(struct small *s, const struct step *step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	ev.u.stall.vcpu = step->vcpu;
	ev.u.stall.access = step->what;
	ev.u.stall.gpa = s->gfn[step->page] << TIDAL_PAGE_SHIFT;
	s->m->stubborn[step->vcpu] = (struct stubborn){ (uint8_t)(step->what + 1), step->page };
	s->m->host[step->node].vcpu[step->vcpu].running = false;
	return push_ok(s, step->node, &ev);
}

static bool retire(struct small *s, const struct step *step)
{
	struct vcpu_model *v = &s->m->host[step->node].vcpu[step->vcpu];
	struct tidal_event ev = { .kind = TIDAL_EV_RETIRED };

	v->skip = false;
	s->m->stubborn[step->vcpu] = (struct stubborn){ 0, 0 };
	if (!v->watch || s->config.features & SMALL_NO_RETIRE)
		return true;
	v->watch = false;
	ev.u.retired.vcpu = step->vcpu;
	return push_ok(s, step->node, &ev);
}

static bool access_page(struct small *s, const struct step *step)
{
	struct host_model *h = &s->m->host[step->node];
	const struct mapping *map = &h->map[step->page];
	bool writes = step->what == TIDAL_WRITE || step->what == TIDAL_ZERO;

	if (!map->prot || (writes && map->prot != TIDAL_PROT_RW))
		return stall(s, step);
	/* that it sees the latest value is checked in every state */
	if (writes)
		s->m->latest[step->page] = step->what == TIDAL_ZERO ? 0 : ++s->m->values;
	if (writes)
		h->frame[map->frame] = s->m->latest[step->page];
	return retire(s, step);
}

static bool stop(struct small *s, const struct step *step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_STOPPED };

	s->m->host[step->node].vcpu[step->vcpu].running = false;
	ev.u.stopped.vcpu = step->vcpu;
	ev.u.stopped.reason = TIDAL_STOP_SLICE;
	return push_ok(s, step->node, &ev);
}

/* ---- time ---- */

static bool tick(struct small *s, unsigned node, tidal_time now)
{
	const struct tidal_event ev = { .kind = TIDAL_EV_TICK };

	return small_push(s, node, now, &ev) == 0;
}

/*
 * One timer rings now, and the others later: which was set first is never of importance. That of
 * a page, or (no page) that of capacity.
 */
static bool ring(struct small *s, const struct step *step)
{
	struct tidal_core *core = s->core[step->node];
	bool capacity = step->kind == STEP_TICK;

	for (unsigned p = 0; p < s->config.pages; p++) {
		struct transit *t = transits_find(&core->transits, s->gfn[p]);

		if (t && t->timer != TIDAL_NEVER)
			transit_timer(&core->transits, t,
				      core->now + (p == step->page && !capacity ? 0 : LATE_NS));
	}
	if (core->capacity.retry_at != TIDAL_NEVER)
		core->capacity.retry_at = core->now + (capacity ? 0 : LATE_NS);
	return tick(s, step->node, 0);
}

/* A timer of the link. */
static bool ring_link(struct small *s, const struct step *step)
{
	link_ring(small_link(s, step->node), step->vcpu, step->what, s->core[step->node]->now);
	return tick(s, step->node, 0);
}

/* ---- from outside ---- */

static bool command(struct small *s, const struct step *step, uint32_t what)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };
	struct host_model *h = &s->m->host[step->node];

	ev.u.command.command = what;
	ev.u.command.vcpu = step->vcpu;
	ev.u.command.node = step->what;
	ev.u.command.gfn = s->gfn[step->page];
	ev.u.command.requester = REQUESTER_PIN;
	if (what == TIDAL_CMD_PIN)
		h->vmm_waits = true;
	if (what == TIDAL_CMD_UNPIN)
		h->pinned = false;
	s->m->commands += s->config.commands && what != TIDAL_CMD_PIN && what != TIDAL_CMD_UNPIN;
	return small_push(s, step->node, 0, &ev) == 0; /* a command may be refused */
}

/* To this peer, as if the others had refused. */
static bool evict(struct small *s, const struct step *step)
{
	for (unsigned n = 0; !(s->config.features & SMALL_REFUSALS) && n < s->config.nodes; n++)
		if (n != step->what)
			nodeset_add(&s->core[step->node]->capacity.refused, n);
	return command(s, step, TIDAL_CMD_EVICT);
}

static bool vmm(struct small *s, const struct step *step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	s->m->host[step->node].vmm_waits = true;
	ev.u.stall.vcpu = TIDAL_VCPU_NONE;
	ev.u.stall.access = step->what;
	ev.u.stall.gpa = s->gfn[step->page] << TIDAL_PAGE_SHIFT;
	ev.u.stall.requester = REQUESTER_VMM;
	return push_ok(s, step->node, &ev);
}

/* ---- news that is old ---- */

/* A home's: does it know better of all pages that these news are about? */
static bool is_old_owner(const struct small *s, const struct owners *home, const struct wire_owner *o)
{
	for (unsigned p = 0; p < s->config.pages; p++) {
		struct whereabouts w = owners_recorded(home, s->gfn[p]);

		if (small_tells(o, s->gfn[p]) &&
		    (w.node == TIDAL_NODE_NONE || epoch_newer(o->epoch, w.epoch)))
			return false;
	}
	return true;
}

/* Of no use to whom it goes to, who knows better, for good. */
static bool is_old_news(const struct small *s, const struct thing *t)
{
	const struct tidal_core *core = s->core[t->node];
	struct whereabouts w;
	struct wire m;

	if (!small_decode(t, &m))
		return false;
	if (m.kind == MSG_VCPU_AT) /* which is for people to look at only */
		return !(s->config.features & SMALL_RUMOUR) ||
		       m.u.vcpu_at.epoch <= vcpus_at(&core->vcpus, m.u.vcpu_at.vcpu)->epoch;
	if (m.kind == MSG_FOUND) {
		w = owners_hinted(&core->owners, m.u.found.gfn); /* of one page no hint is lost */
		return s->config.pages == 1 && w.node != TIDAL_NODE_NONE &&
		       !epoch_newer(m.u.found.epoch, w.epoch);
	}
	return m.kind == MSG_OWNER && is_old_owner(s, &core->owners, &m.u.owner);
}

/*
 * A reduction by partial order: such a message will be dropped whenever it arrives, changes
 * nothing then, and hides or allows nothing meanwhile. So it arrives at once. Without that any
 * number of them could be under way, and no space of states would close. Above the cores' own
 * link only the packets that mean nothing to the link are such.
 */
static void take_old_news(struct small *s)
{
	for (unsigned i = s->m->things; i-- > 0;) {
		const struct thing *t = &s->m->thing[i];
		bool idle;

		if (t->kind != THING_MESSAGE)
			continue;
		if (s->config.link)
			idle = link_packet_is_idle(small_link(s, t->node), t->from, t->bytes,
						   t->len);
		else
			idle = is_old_news(s, t);
		if (idle)
			(void)deliver_message(s, i, false);
	}
}

/*
 * A home that takes no part in what goes on may have any number of news on their way to it; and a
 * node may search again before an answer comes. This wire has room for so many messages of such a
 * kind about a page or vCPU: of more the oldest arrives first. That is a bound of the exploration,
 * not a reduction.
 */
#define NEWS_ROOM 2

static bool are_alike(const struct thing *a, const struct thing *b)
{
	struct wire m, other;

	if (!small_decode(a, &m) || !small_decode(b, &other) || m.kind != other.kind ||
	    a->node != b->node)
		return false;
	if (m.kind == MSG_VCPU_AT)
		return m.u.vcpu_at.vcpu == other.u.vcpu_at.vcpu;
	if (m.kind == MSG_OWNER && m.u.owner.order != other.u.owner.order)
		return false;
	return (m.kind == MSG_OWNER || m.kind == MSG_FIND || m.kind == MSG_FOUND) &&
	       m.u.find.gfn == other.u.find.gfn;
}

static void make_room_for_news(struct small *s)
{
	for (unsigned i = s->m->things; !s->config.link && i-- > 0;) {
		unsigned later = 0;

		for (unsigned k = i + 1; k < s->m->things; k++)
			later += are_alike(&s->m->thing[i], &s->m->thing[k]);
		if (later >= NEWS_ROOM)
			(void)deliver_message(s, i, false);
	}
}

/* ---- all ---- */

static bool take(struct small *s, const struct step *step)
{
	struct tidal_core *core = s->core[step->node];

	switch ((enum step_kind)step->kind) {
	case STEP_DELIVER:
		return s->m->thing[step->what].kind == THING_MESSAGE ?
			       deliver_message(s, step->what, false) : deliver_done(s, step->what);
	case STEP_EFFECT:
		return take_effect(s, step->what);
	case STEP_FAIL:
		return fail(s, step->what);
	case STEP_LOSE:
		return lose(s, step->what);
	case STEP_REPEAT:
		return repeat(s, step->what);
	case STEP_ACCESS:
		return access_page(s, step);
	case STEP_SKIP:
		return retire(s, step);
	case STEP_STOP:
		return stop(s, step);
	case STEP_RING:
	case STEP_TICK:
		return ring(s, step);
	case STEP_LINK:
		return ring_link(s, step);
	case STEP_LATE:
		return tick(s, step->node, core->now + LATE_NS);
	case STEP_MOVE:
		return command(s, step, TIDAL_CMD_MOVE_VCPU);
	case STEP_EVICT:
		return evict(s, step);
	case STEP_VMM:
		return vmm(s, step);
	case STEP_PIN:
		return command(s, step, TIDAL_CMD_PIN);
	case STEP_UNPIN:
		return command(s, step, TIDAL_CMD_UNPIN);
	}
	return false;
}

bool small_take(void *small, const struct step *step, unsigned *questions)
{
	struct small *s = small;
	bool ok;

	s->script = step->policy;
	s->asked = 0;
	ok = take(s, step);
	take_old_news(s);
	make_room_for_news(s);
	for (unsigned n = 0; s->config.link && n < s->config.nodes; n++)
		link_calm(small_link(s, n), s->core[n]->now);
	*questions = s->config.features & SMALL_POLICY ? s->asked : 0;
	return ok;
}
