/* SPDX-License-Identifier: BSD-3-Clause */
/* move - see move.h. */
#include "move.h"
#include "proto.h"

const void *decider_weights(const struct decider *d)
{
	return d->weights ? d->weights : &d->tables;
}

bool move_possible(const struct engine *e, tidal_vcpuid v)
{
	const struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	ASSERT(v < e->guest->vcpus && e->nodes > 1);
	return vcpu->state == TIDAL_VCPU_STALLED && !vcpu->moved && !vcpu->pin_bound &&
	       vcpu->dest == TIDAL_NODE_NONE;
}

/* Save it; the rest follows in move_on_saved(). */
static void begin(struct engine *e, tidal_vcpuid v, tidal_nodeid to)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);
	struct tidal_action *a = actq_add(e->actq, TIDAL_ACT_SAVE);

	sched_forget(e->sched, v);
	vcpu->state = TIDAL_VCPU_SAVING;
	vcpu->dest = to;
	vcpu->go = false;
	vcpu->pin_bound = false;
	a->u.vcpu.token = tag(TOKEN_SAVE, v);
	a->u.vcpu.vcpu = v;
}

static void cancel(struct engine *e, tidal_vcpuid v, tidal_nodeid to)
{
	struct wire m = { .kind = MSG_MOVE_CANCEL, .u.move_cancel = { .vcpu = v } };

	engine_send(e, to, &m, NULL, 0);
}

/* Is the vCPU at a place where it can be saved? While a zeroing request is out it can't: the
 * page is zeroed in its name. */
static bool is_still(const struct vcpu *v)
{
	return v->state == TIDAL_VCPU_READY || v->state == TIDAL_VCPU_IDLE ||
	       (v->state == TIDAL_VCPU_STALLED && v->access != TIDAL_IO && v->access != TIDAL_ZERO);
}

bool move_go(struct engine *e, tidal_vcpuid v, tidal_gfn gfn, tidal_nodeid to)
{
	struct vcpu *vcpu;

	if (v == TIDAL_VCPU_NONE)
		return false;
	vcpu = vcpus_at(e->vcpus, v);
	if (vcpu->state != TIDAL_VCPU_STALLED || vcpu->gfn != gfn ||
	    vcpu->access == TIDAL_IO || vcpu->dest != TIDAL_NODE_NONE)
		return false;
	vcpu->dest_incarnation = link_incarnation(e->link, to);
	begin(e, v, to);
	return true;
}

void move_ask(struct engine *e, tidal_vcpuid v, tidal_nodeid to)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);
	struct wire m = { .kind = MSG_MOVE_ASK,
			  .u.move_ask = { .vcpu = v, .epoch = vcpu->epoch } };

	vcpu->dest = to;
	vcpu->dest_incarnation = link_incarnation(e->link, to);
	engine_send(e, to, &m, NULL, 0);
}

bool move_due(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	if (!vcpu->go || !is_still(vcpu))
		return false;
	begin(e, v, vcpu->dest);
	return true;
}

void move_off(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	if (!vcpu->go)
		return; /* an answer that is still to come finds it off */
	cancel(e, v, vcpu->dest);
	vcpu->dest = TIDAL_NODE_NONE;
	vcpu->go = false;
}

int move_on_ask(struct engine *e, tidal_nodeid from, const struct wire_move_ask *m)
{
	struct wire a = {
		.kind = MSG_MOVE_ANSWER,
		.u.move_answer = { .vcpu = m->vcpu, .epoch = m->epoch,
				   .yes = e->guest->joined && vcpus_may_promise(e->vcpus) },
	};
	const struct vcpu *vcpu;

	if (m->vcpu >= e->guest->vcpus)
		return TIDAL_EPROTO;
	vcpu = vcpus_at(e->vcpus, m->vcpu);
	if (vcpu->state == TIDAL_VCPU_FROZEN)
		return TIDAL_EAGAIN; /* its departure from here is not acknowledged yet */
	if (vcpu_is_here(vcpu))
		return TIDAL_EPROTO;
	e->vcpus->promised += a.u.move_answer.yes;
	e->peers[from].slots += a.u.move_answer.yes;
	engine_send(e, from, &a, NULL, 0);
	return 0;
}

static void stop(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	if (vcpu->stop_asked)
		return;
	vcpu->stop_asked = true;
	actq_add(e->actq, TIDAL_ACT_STOP)->u.vcpu.vcpu = v;
}

/* A device access that waited for its vCPU to be moved: it will not be. */
static void stall_again(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	vcpu->moved = true;
	vcpu->state = TIDAL_VCPU_READY;
	vcpu->resume = TIDAL_RESUME_RETRY;
	sched_ready(e->sched, e->now, v, vcpu->priority);
}

/* It may not go: it stays, and what waited for the move goes on here. */
static void give_up(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	vcpu->dest = TIDAL_NODE_NONE;
	vcpu->go = false;
	if (sched_take(e->sched, SCHED_WAIT_MOVE, v) != TIDAL_VCPU_NONE)
		stall_again(e, v);
}

void move_peer_lost(struct engine *e, tidal_vcpuid v)
{
	const struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	/* one that is being saved finds out when that is done; one on its way, when it is settled */
	if (vcpu->state != TIDAL_VCPU_SAVING && vcpu->state != TIDAL_VCPU_FROZEN)
		give_up(e, v);
}

int move_on_answer(struct engine *e, tidal_nodeid from, const struct wire_move_answer *m)
{
	struct vcpu *vcpu;

	if (m->vcpu >= e->guest->vcpus)
		return TIDAL_EPROTO;
	vcpu = vcpus_at(e->vcpus, m->vcpu);
	if (vcpu->dest != from || vcpu->go || vcpu->epoch != m->epoch || !vcpu_is_here(vcpu) ||
	    vcpu->state == TIDAL_VCPU_SAVING || vcpu->state == TIDAL_VCPU_FROZEN)
		return TIDAL_EPROTO; /* not asked, or on its way already */
	if (!m->yes) {
		give_up(e, m->vcpu);
		return 0;
	}
	vcpu->dest_incarnation = link_incarnation(e->link, from);
	if (vcpu->state == TIDAL_VCPU_OFF) {
		vcpu->dest = TIDAL_NODE_NONE;
		cancel(e, m->vcpu, from);
		return 0;
	}
	vcpu->go = true;
	if (vcpu->state == TIDAL_VCPU_RUNNING)
		stop(e, m->vcpu);
	else if (sched_take(e->sched, SCHED_WAIT_MOVE, m->vcpu) != TIDAL_VCPU_NONE)
		begin(e, m->vcpu, from); /* a device access that has not begun */
	else
		move_due(e, m->vcpu);
	return 0;
}

/* A slot that was promised to this peer is used, or given back; false: none was. */
static bool take_slot(struct engine *e, tidal_nodeid from)
{
	if (e->peers[from].slots == 0)
		return false;
	e->peers[from].slots--;
	e->vcpus->promised--;
	return true;
}

int move_on_cancel(struct engine *e, tidal_nodeid from, const struct wire_move_cancel *m)
{
	bool named = m->vcpu != TIDAL_VCPU_NONE;

	if ((named && m->vcpu >= e->guest->vcpus) || !take_slot(e, from))
		return TIDAL_EPROTO;
	if (named)
		proto_release(e, m->vcpu);
	return 0;
}

/* ---- leaving ---- */

static void fill(const struct vcpu *v, struct wire_vcpu *w)
{
	uint64_t h[4] = { 0 };

	for (unsigned i = 0; i < VCPU_HISTORY; i++)
		h[i / 4] |= (uint64_t)v->history[i] << (i % 4 * 16);
	w->history0 = h[0];
	w->history1 = h[1];
	w->history2 = h[2];
	w->history3 = h[3];
	w->history_used = v->history_used;
	w->ran_at = v->ran_at;
	w->ran_on = v->ran_on;
	w->since = v->since;
	w->value = v->value;
	w->gfn = v->gfn;
	w->gfn_before = v->gfn_before;
	w->group = v->group;
	w->priority = v->priority;
	w->resume = v->resume;
	w->moves = v->moves;
	w->stalls = v->stalls;
	w->flags = (uint8_t)(WIRE_VCPU_MOVED | (v->pin_bound ? WIRE_VCPU_PIN_BOUND : 0));
}

/* It stays, although a slot was promised for it. */
static void stay(struct engine *e, tidal_vcpuid v)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	vcpu->dest = TIDAL_NODE_NONE;
	vcpu->pin_bound = false; /* it did not go there */
	vcpu->moved = true; /* not again for this instruction, or it would never go on */
	vcpu->state = TIDAL_VCPU_READY;
	sched_ready(e->sched, e->now, v, vcpu->priority);
}

static void report_failed(struct engine *e, tidal_vcpuid v, int error)
{
	engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_HOST_FAILED,
						     .error = error,
						     .gfn = TIDAL_GFN_NONE,
						     .vcpu = v,
						     .node = e->self,
						     .text = "save" });
}

int move_on_saved(struct engine *e, tidal_vcpuid v, const struct tidal_ev_host_done *done)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);
	struct wire m = { .kind = MSG_VCPU };
	struct link_payload payload = { TIDAL_PAYLOAD_VCPU, done->buf, done->payload_len,
					TIDAL_GFN_NONE };
	tidal_nodeid to = vcpu->dest;

	if (vcpu->state != TIDAL_VCPU_SAVING)
		return TIDAL_EINVAL;
	if (done->status < 0) {
		/* busy is no failure: it is within an instruction that the host must see through */
		if (done->status != TIDAL_EBUSY)
			report_failed(e, v, done->status);
		cancel(e, v, to);
		stay(e, v);
		return 0;
	}
	if (!engine_lives(e, to, vcpu->dest_incarnation)) {
		actq_add(e->actq, TIDAL_ACT_BUF_FREE)->u.buf.buf = done->buf;
		stay(e, v);
		return 0;
	}
	vcpu->epoch++;
	if (vcpu->moves < UINT8_MAX)
		vcpu->moves++;
	fill(vcpu, &m.u.vcpu);
	m.u.vcpu.vcpu = v;
	m.u.vcpu.epoch = vcpu->epoch;
	vcpu->state = TIDAL_VCPU_FROZEN;
	vcpu->node = to;
	vcpu->buf = done->buf;
	vcpu->buf_len = done->payload_len;
	e->stats->vcpus_out++;
	engine_trace_vcpu(e, TIDAL_TRACE_VCPU_OUT, v, vcpu->epoch, to);
	engine_send(e, to, &m, &payload, tag(COOKIE_VCPU, v));
	proto_release(e, v);
	return 0;
}

void move_on_settled(struct engine *e, tidal_vcpuid v, tidal_nodeid to, bool lost)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	actq_add(e->actq, TIDAL_ACT_BUF_FREE)->u.buf.buf = vcpu->buf;
	actq_add(e->actq, TIDAL_ACT_DROP)->u.vcpu.vcpu = v;
	vcpu->state = lost ? TIDAL_VCPU_LOST : TIDAL_VCPU_AWAY;
	vcpu->dest = TIDAL_NODE_NONE;
	e->vcpus->here--;
	if (lost)
		engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_VCPU_LOST,
							     .error = TIDAL_EPEER,
							     .gfn = TIDAL_GFN_NONE,
							     .vcpu = v,
							     .node = to,
							     .text = "its node restarted" });
}

/* ---- arriving ---- */

static void take(struct vcpu *v, const struct wire_vcpu *w)
{
	const uint64_t h[4] = { w->history0, w->history1, w->history2, w->history3 };

	for (unsigned i = 0; i < VCPU_HISTORY; i++)
		v->history[i] = (uint16_t)(h[i / 4] >> (i % 4 * 16));
	v->history_used = w->history_used > VCPU_HISTORY ? VCPU_HISTORY : w->history_used;
	v->history_at = v->history_used % VCPU_HISTORY;
	v->ran_at = w->ran_at;
	v->ran_on = w->ran_on;
	v->since = w->since;
	v->value = w->value;
	v->gfn = w->gfn;
	v->gfn_before = w->gfn_before;
	v->group = w->group;
	v->priority = w->priority;
	v->resume = w->resume > TIDAL_RESUME_IO ? TIDAL_RESUME_RETRY : w->resume;
	v->moves = w->moves;
	v->stalls = w->stalls;
	v->moved = w->flags & WIRE_VCPU_MOVED;
	v->pin_bound = w->flags & WIRE_VCPU_PIN_BOUND;
}

int move_on_vcpu(struct engine *e, tidal_nodeid from, const struct wire_vcpu *m, uint32_t buf,
		 uint32_t len)
{
	struct vcpu *vcpu;
	struct tidal_action *a;

	if (m->vcpu >= e->guest->vcpus || len == 0)
		return TIDAL_EPROTO;
	vcpu = vcpus_at(e->vcpus, m->vcpu);
	if (vcpu->state == TIDAL_VCPU_FROZEN)
		return TIDAL_EAGAIN; /* back before its departure was acknowledged */
	if (vcpu_is_here(vcpu) || m->epoch <= vcpu->epoch || !take_slot(e, from))
		return TIDAL_EPROTO;
	e->vcpus->here++;
	take(vcpu, m);
	vcpu->epoch = m->epoch;
	vcpu->state = TIDAL_VCPU_LOADING;
	vcpu->node = e->self;
	vcpu->dest = TIDAL_NODE_NONE;
	vcpu->go = vcpu->stop_asked = false;
	e->stats->vcpus_in++;
	engine_trace_vcpu(e, TIDAL_TRACE_VCPU_IN, m->vcpu, m->epoch, from);
	a = actq_add(e->actq, TIDAL_ACT_LOAD);
	a->u.vcpu.token = tag(TOKEN_LOAD, m->vcpu);
	a->u.vcpu.vcpu = m->vcpu;
	a->u.vcpu.buf = buf;
	a->u.vcpu.buf_len = len;
	return 0;
}

int move_on_loaded(struct engine *e, tidal_vcpuid v, const struct tidal_ev_host_done *done)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);
	struct wire m = { .kind = MSG_VCPU_AT,
			  .u.vcpu_at = { .epoch = vcpu->epoch, .vcpu = v, .node = e->self } };
	tidal_nodeid home = v % e->nodes;

	if (vcpu->state != TIDAL_VCPU_LOADING)
		return TIDAL_EINVAL;
	if (done->status < 0) {
		vcpu->state = TIDAL_VCPU_LOST;
		e->vcpus->here--;
		engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_VCPU_LOST,
							     .error = done->status,
							     .gfn = TIDAL_GFN_NONE,
							     .vcpu = v,
							     .node = e->self,
							     .text = "load" });
		return 0;
	}
	vcpu->state = TIDAL_VCPU_READY;
	sched_ready(e->sched, e->now, v, vcpu->priority);
	if (home != e->self)
		engine_send(e, home, &m, NULL, 0);
	return 0;
}

int move_on_at(struct engine *e, const struct wire_vcpu_at *m)
{
	struct vcpu *vcpu;

	if (m->vcpu >= e->guest->vcpus || m->node >= e->nodes)
		return TIDAL_EPROTO;
	vcpu = vcpus_at(e->vcpus, m->vcpu);
	if (!vcpu_is_here(vcpu) && m->epoch > vcpu->epoch) {
		vcpu->epoch = m->epoch;
		vcpu->node = m->node;
	}
	return 0;
}
