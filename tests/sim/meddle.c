/* SPDX-License-Identifier: BSD-3-Clause */
/* meddle - what happens to a pod besides its guest: networks break, hosts are slow, somebody
 * moves, pins, evicts, changes policies. */
#include "run_inside.h"

#include <string.h>

/* false: there is no room for it now. */
static bool command(struct run *r, unsigned node, struct tidal_ev_command c)
{
	struct tidal_core *core = r->w->host[node].core;
	uint64_t before = tidal_core_digest(core);
	int err = world_command(r->w, node, &c);

	/* refusals are fine: the vCPU isn't there, the page is under way, ... */
	if (err && tidal_core_digest(core) != before)
		world_violate(r->w, "node %u refuses command %u, and is changed", node, c.command);
	return err != TIDAL_EAGAIN;
}

/* ---- what ends ---- */

void meddle_end_at(struct run *r, tidal_time at, const struct choice *c)
{
	if (r->endings == RUN_ENDINGS) {
		world_violate(r->w, "sim: too many things are to end");
		return;
	}
	r->ending[r->endings++] = (struct ending){ at, *c };
	if (at < r->next_ending)
		r->next_ending = at;
}

static void cut(struct run *r, uint64_t set, unsigned direction, bool off)
{
	for (unsigned a = 0; a < r->s.nodes; a++)
		for (unsigned b = 0; b < r->s.nodes; b++) {
			bool out = set >> a & 1 && !(set >> b & 1);
			bool in = !(set >> a & 1) && set >> b & 1;

			world_cut(r->w, a, b, off && ((out && direction & 1) ||
						      (in && direction & 2)));
		}
}

/* The vCPU gets its interrupt, if it has begun to wait for it. */
static void wake(struct run *r, tidal_vcpuid v, uint64_t step)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_WAKE };

	r->woken[v] = step + 1;
	r->watch.since[v] = r->w->now;
	ev.u.wake.vcpu = v;
	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct tidal_core *core = r->w->host[n].core;
		const struct vcpu *vcpu = vcpus_at(&core->vcpus, v);

		if (!core->guest.known || vcpu->state != TIDAL_VCPU_IDLE)
			continue;
		if (world_push(r->w, n, &ev) == 0)
			return;
	}
	if (deaths_excuse(r, v))
		return; /* it is lost */
	/* it is running still, or on its way: look again until it has gone on */
	meddle_end_at(r, r->w->now + 5000, &(struct choice){ .kind = CHOICE_WAKE, .a = v,
							     .at = step });
}

static bool has_gone_on(const struct run *r, tidal_vcpuid v, uint64_t step)
{
	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct vcpu_model *m = &r->w->host[n].vcpu[v];

		if (m->here && (m->s.step > step || m->finished))
			return true;
	}
	return false;
}

/* false: to be tried again later. */
static bool unpin(struct run *r, struct vmm_access *p)
{
	if (p->state != VMM_PINNED) {
		p->over = true;
		return true;
	}
	if (!command(r, p->node,
		     (struct tidal_ev_command){ .command = TIDAL_CMD_UNPIN, .gfn = p->gfn }))
		return false;
	p->state = VMM_FREE;
	return true;
}

/* The bits of a restart's x; each is by chance. */
enum {
	RESTART_TOLD = 1,	/* others are told that it died, else they find out */
	RESTART_SOME = 2,	/* not all of them, but those whose bits are set */
	RESTART_LATE = 4,	/* not at once: its next life may be known by then */
	RESTART_AWAY = 8,	/* nobody hears of the next life for a while: it is as if it were dead */
	RESTART_SET = 16,	/* bit of node 0 */
};

/* Not to those who were started since; *when*: events by then. */
static void tell_death(struct run *r, unsigned node, uint64_t how, uint32_t incarnation,
		       uint64_t when)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };

	ev.u.peer.node = (tidal_nodeid)node;
	ev.u.peer.incarnation = incarnation;
	for (unsigned n = 0; n < r->s.nodes; n++)
		if (n != node && r->deaths.born[n] <= when &&
		    (!(how & RESTART_SOME) || how / RESTART_SET >> n & 1) &&
		    world_push(r->w, n, &ev) == TIDAL_EINVAL)
			world_violate(r->w, "node %u doesn't hear of a death", n);
}

static void again(struct run *r, const struct choice *c)
{
	meddle_end_at(r, r->w->now + 1000, c);
}

static void end(struct run *r, const struct choice *c)
{
	if (c->kind != CHOICE_WAKE)
		r->disturbed = r->w->now;
	switch (c->kind) {
	case CHOICE_CUT:
		cut(r, 0, 0, false);
		break;
	case CHOICE_SLOW:
		r->slow[c->a] = 1;
		break;
	case CHOICE_HALT:
		world_stop_host(r->w, c->a, false);
		break;
	case CHOICE_LAG:
		world_lag(r->w, c->a, 0);
		break;
	case CHOICE_PIN:
		if (!unpin(r, &r->vmm[c->x]))
			again(r, c);
		break;
	case CHOICE_PAUSE:
		if (!command(r, c->a, (struct tidal_ev_command){ .command = TIDAL_CMD_CONTINUE }))
			again(r, c);
		break;
	case CHOICE_WAKE:
		if (!has_gone_on(r, c->a, c->at))
			wake(r, c->a, c->at);
		break;
	case CHOICE_RESTART:
		tell_death(r, c->a, c->x, c->b, c->at);
		break;
	default:
		break;
	}
}

void meddle_end(struct run *r, bool all)
{
	struct ending old[RUN_ENDINGS];
	size_t n = r->endings;

	memcpy(old, r->ending, n * sizeof(*old));
	r->endings = 0; /* what ends may begin something else */
	r->next_ending = TIDAL_NEVER;
	for (size_t i = 0; i < n; i++) {
		if (old[i].at <= r->w->now || all)
			end(r, &old[i].c);
		else
			meddle_end_at(r, old[i].at, &old[i].c);
	}
}

/* ---- what begins ---- */

static void begin(struct run *r, const struct choice *c)
{
	meddle_end_at(r, r->w->now + c->y, c);
}

/* Is something of this kind going on (on this node)? */
static bool goes_on(const struct run *r, const struct choice *c)
{
	for (size_t i = 0; i < r->endings && c->kind != CHOICE_PIN; i++) {
		const struct choice *o = &r->ending[i].c;

		if (o->kind == c->kind && (c->kind == CHOICE_CUT || o->a == c->a))
			return true;
	}
	return false;
}

static void set_weights(struct run *r, const struct choice *c)
{
	struct tidal_weights weights;

	tidal_weights_init(&weights, sizeof(weights));
	weights.page_fixed.weight = (int32_t)(c->x % 100000);
	weights.vcpu_fixed.weight = (int32_t)(c->x / 100000 % 100000);
	(void)command(r, c->a, (struct tidal_ev_command){ .command = TIDAL_CMD_SET_WEIGHTS,
						    .weights = &weights });
}

static void set_policy(struct run *r, const struct choice *c)
{
	const struct tidal_policy_ops *ops[POLICIES] = { tidal_policy_cost(), tidal_policy_page(),
							 tidal_policy_vcpu() };

	(void)command(r, c->a, (struct tidal_ev_command){ .command = TIDAL_CMD_SET_POLICY,
						    .policy = ops[c->x % POLICIES] });
}

static struct vmm_access *vmm_slot(struct run *r, const struct choice *c, uint32_t *number)
{
	for (uint32_t i = 0; i < RUN_VMM; i++)
		if (r->vmm[i].state == VMM_FREE) {
			*number = i;
			r->vmm[i] = (struct vmm_access){ .state = VMM_ASKED, .node = c->a,
							 .gfn = c->x, .since = r->w->now };
			return &r->vmm[i];
		}
	return NULL;
}

static void touch(struct run *r, const struct choice *c)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };
	uint32_t number = 0;
	struct vmm_access *p = c->x < r->guest ? vmm_slot(r, c, &number) : NULL;

	if (!p)
		return;
	p->access = c->b == TIDAL_WRITE ? TIDAL_WRITE : TIDAL_READ;
	ev.u.stall.vcpu = TIDAL_VCPU_NONE;
	ev.u.stall.access = p->access;
	ev.u.stall.gpa = c->x << TIDAL_PAGE_SHIFT;
	ev.u.stall.requester = number;
	if (world_push(r->w, c->a, &ev))
		p->state = VMM_FREE;
}

static void pin(struct run *r, const struct choice *c)
{
	struct tidal_ev_command pin = { .command = TIDAL_CMD_PIN, .gfn = c->x };
	struct vmm_access *p = vmm_slot(r, c, &pin.requester);

	if (!p)
		return;
	p->pin = true;
	if (world_command(r->w, c->a, &pin)) {
		p->state = VMM_FREE;
		return;
	}
	meddle_end_at(r, r->w->now + c->y, &(struct choice){ .kind = CHOICE_PIN, .a = c->a,
							     .x = pin.requester });
}

void meddle_completed(struct run *r, unsigned node, uint32_t requester, tidal_gfn gfn, int status)
{
	struct vmm_access *p = requester < RUN_VMM ? &r->vmm[requester] : NULL;

	if (!p || p->state != VMM_ASKED || p->node != node || p->gfn != gfn || status) {
		world_violate(r->w, "node %u completes what nobody asked for", node);
		return;
	}
	if (!guest_translate(r->w, node, gfn, p->pin ? TIDAL_WRITE : p->access)) {
		world_violate(r->w, "node %u completes an access to page %llu, which isn't mapped so",
			      node, (unsigned long long)gfn);
		return;
	}
	p->state = p->pin ? VMM_PINNED : VMM_FREE;
	if (!p->pin)
		guest_touch(r->w, node, gfn, p->access);
	else if (p->over) /* not here: an action pushes nothing */
		meddle_end_at(r, r->w->now, &(struct choice){ .kind = CHOICE_PIN, .a = p->node,
							      .x = requester });
}

/* An ending is late news: b is the life that ended, at how many events there were then. */
static void restart(struct run *r, const struct choice *c)
{
	uint32_t died = r->w->host[c->a].incarnation;
	bool booted = r->w->host[c->a].core->guest.known;
	uint64_t initial = 0; /* vCPUs that never ran: the embedder still has their states */
	struct choice late = *c;

	if (c->a == 0)
		return; /* the master can't be lost */
	for (unsigned v = 0; !booted && v < r->s.vcpus; v++)
		initial |= (uint64_t)r->w->host[c->a].vcpu[v].here << v;
	deaths_note(r, c->a);
	for (unsigned i = 0; i < RUN_VMM; i++)
		if (r->vmm[i].node == c->a)
			r->vmm[i].state = VMM_FREE;
	r->disturbed = r->w->now;
	if (c->x & RESTART_AWAY && !goes_on(r, &(struct choice){ .kind = CHOICE_CUT })) {
		cut(r, UINT64_C(1) << c->a, 3, true);
		meddle_end_at(r, r->w->now + c->y, &(struct choice){ .kind = CHOICE_CUT });
	}
	world_restart(r->w, c->a);
	for (unsigned v = 0; v < r->s.vcpus; v++)
		r->w->host[c->a].vcpu[v].here = initial >> v & 1;
	late.b = (uint16_t)died;
	late.at = r->out->events;
	if (c->x & RESTART_TOLD && c->x & RESTART_LATE)
		begin(r, &late);
	else if (c->x & RESTART_TOLD)
		tell_death(r, c->a, c->x, died, late.at);
}

void meddle(struct run *r, const struct choice *c)
{
	if (c->a >= r->s.nodes || r->endings > RUN_ENDINGS - WORLD_VCPUS - RUN_VMM - 4 ||
	    goes_on(r, c))
		return;
	switch (c->kind) {
	case CHOICE_CUT:
		cut(r, c->x, c->b, true);
		begin(r, c);
		break;
	case CHOICE_SLOW:
		r->slow[c->a] = (unsigned)c->x;
		begin(r, c);
		break;
	case CHOICE_HALT:
		world_stop_host(r->w, c->a, true);
		begin(r, c);
		break;
	case CHOICE_LAG:
		world_lag(r->w, c->a, c->x);
		begin(r, c);
		break;
	case CHOICE_PAUSE:
		if (command(r, c->a, (struct tidal_ev_command){ .command = TIDAL_CMD_PAUSE }))
			begin(r, c);
		break;
	case CHOICE_MOVE:
		(void)command(r, c->a, (struct tidal_ev_command){
							    .command = TIDAL_CMD_MOVE_VCPU,
							    .vcpu = (tidal_vcpuid)c->x,
							    .node = (tidal_nodeid)c->b });
		break;
	case CHOICE_EVICT:
		(void)command(r, c->a, (struct tidal_ev_command){ .command = TIDAL_CMD_EVICT,
								  .gfn = c->x });
		break;
	case CHOICE_POLICY:
		set_policy(r, c);
		break;
	case CHOICE_WEIGHTS:
		set_weights(r, c);
		break;
	case CHOICE_TOUCH:
		touch(r, c);
		break;
	case CHOICE_PIN:
		pin(r, c);
		break;
	case CHOICE_RESTART:
		restart(r, c);
		break;
	default:
		break;
	}
}
