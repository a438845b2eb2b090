/* SPDX-License-Identifier: BSD-3-Clause */
/* devices - see devices.h. */
#include "devices.h"

#include "move.h"

static tidal_nodeid device_node(const struct engine *e, tidal_gpa gpa)
{
	const struct tidal_vmap *map = &e->guest->map;

	for (uint32_t i = 0; i < map->devices; i++)
		if (gpa - map->device[i].base < map->device[i].bytes)
			return map->device[i].node;
	return TIDAL_NODE_NONE;
}

static void carry_out(struct engine *e, uint64_t token, const struct tidal_act_io *io)
{
	struct tidal_action *a = actq_add(e->actq, TIDAL_ACT_IO);

	a->u.io = *io;
	a->u.io.token = token;
}

/* Access to the device or vCPU to the device? */
static bool would_rather_move(struct engine *e, tidal_vcpuid v, tidal_nodeid to)
{
	const struct vcpu *vcpu = vcpus_at(e->vcpus, v);
	struct tidal_factors f = {
		.access = TIDAL_IO,
		.bytes_page = 8,
		.bytes_vcpu = e->params->vcpu_bytes,
		.local_share = vcpu_share(vcpu, e->self),
		.remote_share = vcpu_share(vcpu, to),
		.load_here = sched_load(e->sched),
		.load_there = e->peers[to].load,
		.free_here = engine_free_share(e),
		.warmth = sched_warmth(e->sched, e->now, v),
		.movable = 1,
		.moves = vcpu->moves,
	};

	if (vcpu->moved || vcpu->pin_bound || vcpu->dest != TIDAL_NODE_NONE ||
	    link_is_down(e->link, to))
		return false;
	e->stats->decisions++;
	if (e->decider->ops->request(&f, decider_weights(e->decider)) != TIDAL_CHOOSE_VCPU)
		return false;
	e->stats->decided_vcpu++;
	return true;
}

static void complete(struct engine *e, tidal_vcpuid v, uint64_t value)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	sched_take(e->sched, SCHED_WAIT_IO, v);
	vcpu->state = TIDAL_VCPU_READY;
	vcpu->resume = TIDAL_RESUME_IO;
	vcpu->value = value;
	if (!move_due(e, v))
		sched_ready(e->sched, e->now, v, vcpu->priority);
}

static void report_failed(struct engine *e, tidal_vcpuid v, int error)
{
	engine_report(e, &(struct tidal_act_report){ .what = TIDAL_REPORT_HOST_FAILED,
						     .error = error,
						     .gfn = TIDAL_GFN_NONE,
						     .vcpu = v,
						     .node = e->self,
						     .text = "device access" });
}

/* The guest reads all ones. */
static void fail(struct engine *e, tidal_vcpuid v, int error)
{
	report_failed(e, v, error);
	complete(e, v, UINT64_MAX);
}

static void ask(struct engine *e, tidal_vcpuid v, tidal_nodeid to, const struct tidal_ev_stall *s)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);
	struct wire m = {
		.kind = MSG_IO_ASK,
		.u.io_ask = { .gpa = s->gpa, .data = s->io_data, .vcpu = v,
			      .write = s->io_write, .bytes = s->io_size },
	};

	if (++e->devices->next_id == 0)
		e->devices->next_id = 1;
	m.u.io_ask.id = vcpu->io = e->devices->next_id;
	vcpu->io_node = to;
	vcpu->io_incarnation = link_incarnation(e->link, to);
	engine_send(e, to, &m, NULL, 0);
}

int devices_stall(struct engine *e, const struct tidal_ev_stall *s)
{
	tidal_nodeid to = device_node(e, s->gpa);
	struct vcpu *vcpu = vcpus_at(e->vcpus, s->vcpu);

	if (to == TIDAL_NODE_NONE)
		return TIDAL_ERANGE;
	e->stats->stalls_io++;
	vcpu->state = TIDAL_VCPU_STALLED;
	vcpu->access = TIDAL_IO;
	if (to != e->self && would_rather_move(e, s->vcpu, to)) {
		/* it stalls again there; refused, it stalls again here and may not move */
		sched_wait(e->sched, s->vcpu, SCHED_WAIT_MOVE, s->vcpu);
		move_ask(e, s->vcpu, to);
		return 0;
	}
	sched_wait(e->sched, s->vcpu, SCHED_WAIT_IO, s->vcpu);
	if (to == e->self)
		carry_out(e, tag(TOKEN_IO, s->vcpu),
			  &(struct tidal_act_io){ .gpa = s->gpa, .data = s->io_data,
						  .vcpu = s->vcpu, .write = s->io_write,
						  .size = s->io_size });
	else if (link_is_down(e->link, to))
		fail(e, s->vcpu, TIDAL_EPEER);
	else
		ask(e, s->vcpu, to, s);
	return 0;
}

int devices_on_done(struct engine *e, tidal_vcpuid v, const struct tidal_ev_host_done *done)
{
	struct vcpu *vcpu = vcpus_at(e->vcpus, v);

	if (vcpu->state != TIDAL_VCPU_STALLED || vcpu->access != TIDAL_IO || vcpu->io ||
	    sched_waiting(e->sched, SCHED_WAIT_IO, v) != v)
		return TIDAL_EINVAL; /* it waits for another node, or to be moved */
	if (done->status < 0)
		fail(e, v, done->status);
	else
		complete(e, v, done->value);
	return 0;
}

int devices_on_ask(struct engine *e, tidal_nodeid from, const struct wire_io_ask *m)
{
	if (m->vcpu >= e->guest->vcpus || m->bytes == 0 || m->bytes > 8 ||
	    m->bytes & (m->bytes - 1) || device_node(e, m->gpa) != e->self)
		return TIDAL_EPROTO;
	for (uint32_t i = 0; i < REMOTE_IOS; i++) {
		struct remote_io *r = &e->devices->remote[i];

		if (r->used)
			continue;
		*r = (struct remote_io){ true, from, m->vcpu, m->id,
					 link_incarnation(e->link, from) };
		carry_out(e, tag(TOKEN_REMOTE_IO, i),
			  &(struct tidal_act_io){ .gpa = m->gpa, .data = m->data,
						  .vcpu = m->vcpu, .write = m->write,
						  .size = m->bytes });
		return 0;
	}
	return TIDAL_EAGAIN;
}

int devices_on_remote_done(struct engine *e, uint32_t slot, const struct tidal_ev_host_done *done)
{
	struct remote_io *r = &e->devices->remote[slot % REMOTE_IOS];
	struct wire m = { .kind = MSG_IO_ANSWER };

	if (slot >= REMOTE_IOS || !r->used)
		return TIDAL_EINVAL;
	m.u.io_answer.id = r->id;
	m.u.io_answer.vcpu = r->vcpu;
	m.u.io_answer.value = done->value;
	m.u.io_answer.failed = done->status < 0;
	r->used = false;
	if (engine_lives(e, r->node, r->incarnation))
		engine_send(e, r->node, &m, NULL, 0);
	return 0;
}

int devices_on_answer(struct engine *e, const struct wire_io_answer *m)
{
	struct vcpu *vcpu;

	if (m->vcpu >= e->guest->vcpus)
		return TIDAL_EPROTO;
	vcpu = vcpus_at(e->vcpus, m->vcpu);
	if (vcpu->state != TIDAL_VCPU_STALLED || vcpu->access != TIDAL_IO || vcpu->io != m->id ||
	    vcpu->io == 0)
		return TIDAL_EPROTO; /* 0: it waits for a device here, or to be moved */
	vcpu->io = 0;
	if (m->failed)
		fail(e, m->vcpu, TIDAL_EIO);
	else
		complete(e, m->vcpu, m->value);
	return 0;
}

void devices_peer_lost(struct engine *e, tidal_vcpuid v)
{
	vcpus_at(e->vcpus, v)->io = 0;
	fail(e, v, TIDAL_EPEER);
}
