/* SPDX-License-Identifier: BSD-3-Clause */
/* core_events - what the events mean that don't come from other nodes. */
#include "core_state.h"
#include "devices.h"
#include "losses.h"
#include "move.h"
#include "params.h"
#include "proto.h"

#define TIMERS_PER_TICK 16

typedef int (*event_fn)(struct engine *, struct tidal_core *, const struct tidal_event *);

#define EVENT(name)                                                                           \
	static int name(struct engine *e, struct tidal_core *core, const struct tidal_event *ev)

/* ---- stalls ---- */

static void count_stall(struct engine *e, uint16_t access)
{
	if (access == TIDAL_WRITE)
		e->stats->stalls_write++;
	else if (access == TIDAL_ZERO)
		e->stats->stalls_zero++;
	else
		e->stats->stalls_read++;
}

static bool can_begin(const struct engine *e, tidal_gfn gfn)
{
	if (engine_ahead(e, gfn))
		return false;
	return transits_room_local(e->transits) || transits_find(e->transits, gfn);
}

static int bad_stall(struct engine *e, const struct tidal_ev_stall *s)
{
	sched_forget(e->sched, s->vcpu);
	vcpus_at(e->vcpus, s->vcpu)->state = TIDAL_VCPU_OFF;
	engine_report(e, &(struct tidal_act_report){
				 .what = TIDAL_REPORT_BAD_STALL,
				 .error = TIDAL_ERANGE,
				 .gfn = s->gpa >> TIDAL_PAGE_SHIFT,
				 .vcpu = s->vcpu,
				 .node = e->self,
				 .text = "neither memory nor a device is at this address" });
	return 0;
}

static int stall_vcpu(struct engine *e, const struct tidal_ev_stall *s)
{
	tidal_gfn gfn = s->gpa >> TIDAL_PAGE_SHIFT;
	struct vcpu *vcpu;
	bool memory = s->access != TIDAL_IO && gfn < e->guest->pages;

	if (s->vcpu >= e->guest->vcpus)
		return TIDAL_ENOENT;
	vcpu = vcpus_at(e->vcpus, s->vcpu);
	if (vcpu->state != TIDAL_VCPU_RUNNING)
		return TIDAL_EBUSY;
	if (memory && !can_begin(e, gfn))
		return TIDAL_EAGAIN;
	sched_stopped(e->sched, e->now, s->vcpu);
	vcpu_ran(vcpu, e->now, e->self);
	vcpu->stop_asked = false;
	vcpu->state = TIDAL_VCPU_READY;
	if (move_due(e, s->vcpu)) {
		if (memory)
			count_stall(e, s->access);
		return 0; /* it stalls again where it goes */
	}
	if (!memory)
		return devices_stall(e, s) == 0 ? 0 : bad_stall(e, s);
	count_stall(e, s->access);
	vcpu->state = TIDAL_VCPU_STALLED;
	vcpu_stalled(vcpu, e->now, gfn, (uint8_t)s->access,
		     e->params->flags & TIDAL_PARAM_RETIRE_EVENTS);
	sched_wait(e->sched, s->vcpu, SCHED_WAIT_PAGE, gfn);
	return proto_stall(e, gfn, (uint8_t)s->access, true);
}

static int stall_vmm(struct engine *e, tidal_gfn gfn, uint8_t access, uint32_t requester, bool pin)
{
	if (gfn >= e->guest->pages)
		return TIDAL_ERANGE;
	if (e->vmm->used == VMM_WAITERS || !can_begin(e, gfn) || !e->guest->joined)
		return TIDAL_EAGAIN;
	for (uint32_t i = 0; i < VMM_WAITERS; i++) {
		struct vmm_waiter *w = &e->vmm->waiter[i];

		if (w->used)
			continue;
		*w = (struct vmm_waiter){ .gfn = gfn, .requester = requester, .access = access,
					  .used = true, .pin = pin };
		break;
	}
	e->vmm->used++;
	e->stats->stalls_vmm++;
	return proto_stall(e, gfn, access, false);
}

EVENT(on_stall_event)
{
	const struct tidal_ev_stall *s = &ev->u.stall;

	(void)core;
	if (s->access > TIDAL_IO)
		return TIDAL_EINVAL;
	if (s->vcpu != TIDAL_VCPU_NONE)
		return stall_vcpu(e, s);
	if (s->access >= TIDAL_ZERO)
		return TIDAL_EINVAL;
	return stall_vmm(e, s->gpa >> TIDAL_PAGE_SHIFT, (uint8_t)s->access, s->requester, false);
}

/* ---- the host ---- */

static int zeroed(struct engine *e, uint64_t which, int status)
{
	uint32_t n = which < e->frames->total
			     ? frames_end_scrub(e->frames, (tidal_frame)which, status >= 0)
			     : 0;

	if (status >= 0)
		e->stats->zeroed_idle += n;
	return n ? 0 : TIDAL_EINVAL;
}

static int page_done(struct engine *e, const struct tidal_ev_host_done *done, tidal_gfn gfn)
{
	struct occasion o = { .gfn = gfn, .done = done, .payload = TIDAL_FRAME_NONE };
	int err = proto_happen(e, HAP_DONE, &o);

	return err == TIDAL_EPROTO ? TIDAL_EINVAL : err;
}

EVENT(on_host_done)
{
	const struct tidal_ev_host_done *done = &ev->u.done;
	uint64_t value = done->token & ((UINT64_C(1) << 56) - 1);

	(void)core;
	switch (done->token >> 56) {
	case TOKEN_PAGE:
		return page_done(e, done, value);
	case TOKEN_ZERO:
		return zeroed(e, value, done->status);
	case TOKEN_AHEAD:
		return proto_ahead_done(e, value, done->status);
	case TOKEN_REMOTE_IO:
		return devices_on_remote_done(e, (uint32_t)value, done);
	default:
		break;
	}
	if (value >= e->guest->vcpus)
		return TIDAL_EINVAL;
	switch (done->token >> 56) {
	case TOKEN_SAVE:
		return move_on_saved(e, (tidal_vcpuid)value, done);
	case TOKEN_LOAD:
		return move_on_loaded(e, (tidal_vcpuid)value, done);
	case TOKEN_IO:
		return devices_on_done(e, (tidal_vcpuid)value, done);
	default:
		return TIDAL_EINVAL;
	}
}

/* ---- vCPUs ---- */

static struct vcpu *running(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = v < e->guest->vcpus ? vcpus_at(e->vcpus, v) : NULL;

	return vcpu && vcpu->state == TIDAL_VCPU_RUNNING ? vcpu : NULL;
}

static void retired(struct engine *e, tidal_vcpuid v)
{
	vcpu_retired(vcpus_at(e->vcpus, v));
	proto_release(e, v);
}

EVENT(on_stopped)
{
	tidal_vcpuid v = ev->u.stopped.vcpu;
	struct vcpu *vcpu = running(e, v);

	(void)core;
	if (!vcpu)
		return TIDAL_EBUSY;
	if (ev->u.stopped.reason > TIDAL_STOP_OFF)
		return TIDAL_EINVAL;
	sched_stopped(e->sched, e->now, v);
	vcpu_ran(vcpu, e->now, e->self);
	vcpu->stop_asked = false;
	if (ev->u.stopped.retired)
		retired(e, v);
	if (ev->u.stopped.reason == TIDAL_STOP_OFF) {
		vcpu->state = TIDAL_VCPU_OFF;
		move_off(e, v);
		proto_release(e, v);
		return 0;
	}
	vcpu->state = ev->u.stopped.reason == TIDAL_STOP_IDLE ? TIDAL_VCPU_IDLE : TIDAL_VCPU_READY;
	if (!move_due(e, v) && vcpu->state == TIDAL_VCPU_READY)
		sched_ready(e->sched, e->now, v, vcpu->priority);
	return 0;
}

EVENT(on_retired)
{
	(void)core;
	if (!running(e, ev->u.retired.vcpu))
		return TIDAL_EBUSY;
	retired(e, ev->u.retired.vcpu);
	return 0;
}

EVENT(on_wake)
{
	tidal_vcpuid v = ev->u.wake.vcpu;
	struct vcpu *vcpu = v < e->guest->vcpus ? vcpus_at(e->vcpus, v) : NULL;

	(void)core;
	if (!vcpu)
		return TIDAL_ENOENT;
	if (vcpu->state != TIDAL_VCPU_IDLE)
		return 0; /* it runs, or will, and finds its interrupt */
	vcpu->state = TIDAL_VCPU_READY;
	sched_ready(e->sched, e->now, v, vcpu->priority);
	return 0;
}

/* ---- time and peers ---- */

EVENT(on_tick)
{
	struct transit *t;
	tidal_vcpuid v;

	(void)ev;
	(void)core;
	for (unsigned i = 0; i < TIMERS_PER_TICK; i++) {
		struct occasion o = { .payload = TIDAL_FRAME_NONE };

		t = transits_due(e->transits, e->now);
		if (!t)
			break;
		if (!engine_room(e, LINK_FORWARD))
			break; /* they ring again: the deadline is past */
		o.gfn = t->gfn;
		if (proto_happen(e, HAP_TIMER, &o) < 0)
			break;
	}
	while ((v = sched_preempt(e->sched, e->now)) != TIDAL_VCPU_NONE) {
		if (vcpus_at(e->vcpus, v)->stop_asked)
			continue;
		e->stats->preemptions++;
		vcpus_at(e->vcpus, v)->stop_asked = true;
		actq_add(e->actq, TIDAL_ACT_STOP)->u.vcpu.vcpu = v;
		if (!actq_room(e->actq))
			break;
	}
	return 0;
}

EVENT(on_peer)
{
	tidal_nodeid n = ev->u.peer.node;
	uint32_t is = ev->u.peer.incarnation, before;
	bool down = ev->kind == TIDAL_EV_PEER_DOWN;

	(void)core;
	if (n >= e->nodes || n == e->self)
		return TIDAL_EINVAL;
	before = link_incarnation(e->link, n);
	if (down && is && is < before)
		return 0; /* late news: its next life is known, and with it this death */
	if (is)
		link_peer(e->link, n, is);
	if (down)
		link_down(e->link, n);
	if (down || (before && link_incarnation(e->link, n) != before))
		losses_note(e, n, link_incarnation(e->link, n));
	return 0;
}

/* ---- commands ---- */

static int move_command(struct engine *e, tidal_vcpuid v, tidal_nodeid to)
{
	struct vcpu *vcpu = v < e->guest->vcpus ? vcpus_at(e->vcpus, v) : NULL;

	if (!vcpu || to >= e->nodes)
		return TIDAL_ERANGE;
	if (!vcpu_is_here(vcpu))
		return TIDAL_ENOENT;
	if (to != e->self && link_is_down(e->link, to))
		return TIDAL_EPEER;
	if (vcpu->dest != TIDAL_NODE_NONE || vcpu->state == TIDAL_VCPU_FROZEN ||
	    vcpu->state == TIDAL_VCPU_LOADING || vcpu->state == TIDAL_VCPU_OFF)
		return TIDAL_EBUSY;
	if (to != e->self)
		move_ask(e, v, to);
	return 0;
}

static int set_policy(struct engine *e, const struct tidal_ev_command *c)
{
	const char *why;

	if (params_check_policy(c->policy, c->policy_data, &why))
		return TIDAL_EINVAL;
	e->decider->ops = c->policy ? c->policy : tidal_policy_cost();
	e->decider->weights = c->policy_data;
	return 0;
}

static int set_weights(struct engine *e, const struct tidal_weights *w)
{
	const char *name;
	int err = w ? tidal_weights_check(w, &name) : 0;

	if (!err)
		policy_compile(&e->decider->tables, w);
	return err;
}

/* Whoever came for this pin is free to go to another one; for another pin: asks, and is told. */
static void unbind(struct engine *e)
{
	for (uint32_t v = 0; v < e->guest->vcpus; v++)
		vcpus_at(e->vcpus, (tidal_vcpuid)v)->pin_bound = false;
}

static int unpin(struct engine *e, tidal_gfn gfn)
{
	struct vmm *vmm = e->vmm;
	struct transit *t;

	for (uint32_t i = 0; i < vmm->pins_used; i++) {
		if (vmm->pin[i].gfn != gfn)
			continue;
		if (--vmm->pin[i].count == 0) {
			vmm->pin[i] = vmm->pin[--vmm->pins_used];
			unbind(e);
			t = transits_find(e->transits, gfn);
			if (t && t->state == SIT_HELD && t->hold_vcpu == TIDAL_VCPU_NONE)
				proto_settle(e, t);
		}
		return 0;
	}
	return TIDAL_ENOENT;
}

static int evict(struct engine *e, tidal_gfn gfn)
{
	struct occasion o = { .gfn = gfn, .payload = TIDAL_FRAME_NONE };
	enum situation s;
	struct page page;

	if (gfn >= e->guest->pages)
		return TIDAL_ERANGE;
	engine_page(e, gfn, &page);
	s = proto_situation(transits_find(e->transits, gfn), &page);
	if (s > SIT_DORMANT || engine_pinned(e, gfn))
		return TIDAL_EBUSY;
	return s == SIT_INVALID ? TIDAL_ENOENT : proto_happen(e, HAP_EVICT, &o);
}

EVENT(on_command)
{
	const struct tidal_ev_command *c = &ev->u.command;

	switch (c->command) {
	case TIDAL_CMD_MOVE_VCPU:
		return move_command(e, c->vcpu, c->node);
	case TIDAL_CMD_SET_POLICY:
		return set_policy(e, c);
	case TIDAL_CMD_SET_WEIGHTS:
		return set_weights(e, c->weights);
	case TIDAL_CMD_PIN:
		return stall_vmm(e, c->gfn, TIDAL_WRITE, c->requester, true);
	case TIDAL_CMD_UNPIN:
		return unpin(e, c->gfn);
	case TIDAL_CMD_PAUSE:
	case TIDAL_CMD_CONTINUE:
		core->paused = c->command == TIDAL_CMD_PAUSE;
		core->stop_cursor = 0;
		sched_pause(e->sched, core->paused);
		return 0;
	case TIDAL_CMD_EVICT:
		return evict(e, c->gfn);
	case TIDAL_CMD_SET_ZEROING:
		if (c->gfn == 0 || c->gfn > TIDAL_ZEROING_MAX)
			return TIDAL_ERANGE;
		e->frames->zeroing_max = (uint32_t)c->gfn;
		return 0;
	case TIDAL_CMD_SET_AHEAD:
		if (c->gfn > TIDAL_AHEAD_MAX)
			return TIDAL_ERANGE;
		e->ahead->most = (uint32_t)c->gfn;
		return 0;
	default:
		return TIDAL_EINVAL;
	}
}

static const event_fn events[] = {
	[TIDAL_EV_STALL] = on_stall_event,  [TIDAL_EV_HOST_DONE] = on_host_done,
	[TIDAL_EV_VCPU_STOPPED] = on_stopped, [TIDAL_EV_RETIRED] = on_retired,
	[TIDAL_EV_TICK] = on_tick,	    [TIDAL_EV_PEER_UP] = on_peer,
	[TIDAL_EV_PEER_DOWN] = on_peer,	    [TIDAL_EV_COMMAND] = on_command,
	[TIDAL_EV_VCPU_WAKE] = on_wake,
};

/* Which need the guest's map. */
static bool needs_guest(const struct tidal_event *ev)
{
	return ev->kind == TIDAL_EV_STALL || ev->kind == TIDAL_EV_VCPU_STOPPED ||
	       ev->kind == TIDAL_EV_RETIRED;
}

int core_event(struct engine *e, struct tidal_core *core, const struct tidal_event *event)
{
	if (event->kind >= sizeof(events) / sizeof(events[0]) || !events[event->kind])
		return TIDAL_EINVAL;
	if (needs_guest(event) && !e->guest->known)
		return TIDAL_ENOENT;
	return events[event->kind](e, core, event);
}
