/* SPDX-License-Identifier: BSD-3-Clause */
/* core - the public face: init, push, pull. What events mean is in core_events.c. */
#include "boot.h"
#include "core_state.h"
#include "losses.h"
#include "params.h"
#include "proto.h"

#define ALIGN 64

/* What two pushes may cause: their messages, and every vCPU may be woken. */
#define TRACES(p) (4u * (p)->nodes + 64 + (p)->vcpus)

void core_engine(struct tidal_core *core, tidal_time now, struct engine *e)
{
	*e = (struct engine){
		.params = &core->params,
		.self = core->params.node,
		.nodes = core->params.nodes,
		.now = now,
		.stats = &core->stats,
		.actq = &core->actq,
		.link = REL(core, link),
		.pages = &core->pages,
		.ranges = &core->ranges,
		.owners = &core->owners,
		.frames = &core->frames,
		.transits = &core->transits,
		.vcpus = &core->vcpus,
		.sched = REL(core, sched),
		.hot = &core->hot,
		.guest = &core->guest,
		.vmm = &core->vmm,
		.capacity = &core->capacity,
		.ahead = &core->ahead,
		.devices = &core->devices,
		.decider = &core->decider,
		.peers = REL(core, peers),
		.losses = &core->losses,
		.traces = &core->traces,
		.next_id = &core->next_id,
		.random = &core->random,
	};
}

void core_engine_const(const struct tidal_core *core, struct engine *e)
{
	core_engine((struct tidal_core *)(uintptr_t)core, core->now, e);
}

/* ---- init ---- */

static void lay_out(struct arena *a, const struct tidal_params *p, struct tidal_core *core)
{
	struct tidal_core measured;
	struct tidal_core *c = core ? core : &measured;
	const struct link_config link = {
		.nodes = p->nodes, .self = p->node, .incarnation = p->incarnation,
		.messages = p->messages, .rto_ns = p->rto_ns, .seed = p->seed,
		.ideal = p->flags & TIDAL_PARAM_IDEAL_LINK,
	};
	const struct frames_config frames = { p->frames, p->landing, p->reserve, p->low, p->high };
	const struct owners_config owners = { p->homes, p->hints, p->nodes, p->node };
	void *l = link_init(a, &link);
	void *s = sched_init(a, p->topology, p->vcpus, p->slice_ns);
	void *peers = arena_take(a, p->nodes * sizeof(struct peer), ALIGN);

	pages_init(&c->pages, a, p->frames, p->nodes, p->node);
	ranges_init(&c->ranges, a, p->ranges);
	owners_init(&c->owners, a, &owners);
	frames_init(&c->frames, a, &frames);
	transits_init(&c->transits, a, p->transits);
	vcpus_init(&c->vcpus, a, p->vcpus, p->vcpu_slots);
	if (p->flags & TIDAL_PARAM_TRACE)
		traces_init(&c->traces, a, TRACES(p));
	if (!a->base)
		return;
	c->link = rel_to(c, l);
	c->sched = rel_to(c, s);
	c->peers = rel_to(c, peers);
}

size_t tidal_core_footprint(const struct tidal_params *params)
{
	struct tidal_params p;
	struct arena a = { NULL, sizeof(struct tidal_core) };
	const char *why;

	if (params_import(&p, params) || tidal_params_check(&p, &why))
		return 0;
	lay_out(&a, &p, NULL);
	return a.used;
}

/* What every message tells of this node: its load, and the frames that it can spare. */
static void press(struct engine *e)
{
	uint32_t free = frames_free(e->frames), reserve = e->frames->reserve;

	link_pressure(e->link, sched_load(e->sched),
		      free > reserve ? free - reserve : 0);
}

int tidal_core_init(void *mem, size_t bytes, const struct tidal_params *params,
		    struct tidal_core **out)
{
	struct arena a = { mem, sizeof(struct tidal_core) };
	struct tidal_core *core = mem;
	struct tidal_params p;
	struct engine e;
	const char *why;
	int err = params_import(&p, params);

	if (!err)
		err = tidal_params_check(&p, &why);
	if (err)
		return err;
	if (!mem || (uintptr_t)mem % ALIGN)
		return TIDAL_EINVAL;
	if (bytes < tidal_core_footprint(params))
		return TIDAL_ENOMEM;
	lay_out(&a, &p, core);
	core->random = p.seed;
	core->paused = true;
	core->decider.ops = p.policy ? p.policy : tidal_policy_cost();
	core->decider.weights = p.policy_data;
	core->capacity.retry_at = TIDAL_NEVER;
	policy_compile(&core->decider.tables, p.weights);
	core->params = p;
	core->params.vmap = NULL;
	core->params.topology = NULL;
	core->params.weights = NULL;
	core_engine(core, 0, &e);
	sched_pause(e.sched, true);
	press(&e);
	if (p.vmap && !boot_fits(&e, p.vmap))
		return TIDAL_ERANGE;
	if (p.vmap)
		boot_master(&e, p.vmap);
	else
		boot_join(&e);
	*out = core;
	return 0;
}

/* ---- push ---- */

/* Of itself; what waits goes on when there is room again. News of a peer may be the only way to get
 * some, and a pod can be paused at any time. */
static bool sends_nothing(const struct tidal_event *ev)
{
	switch (ev->kind) {
	case TIDAL_EV_PEER_UP:
	case TIDAL_EV_PEER_DOWN:
		return true;
	case TIDAL_EV_COMMAND:
		return ev->u.command.command == TIDAL_CMD_PAUSE ||
		       ev->u.command.command == TIDAL_CMD_CONTINUE ||
		       ev->u.command.command == TIDAL_CMD_SET_POLICY ||
		       ev->u.command.command == TIDAL_CMD_SET_WEIGHTS ||
		       ev->u.command.command == TIDAL_CMD_SET_ZEROING ||
		       ev->u.command.command == TIDAL_CMD_SET_AHEAD;
	default:
		return false;
	}
}

/* Room for what an event may cause? One that brings things to an end needs less. */
static int room_for(const struct engine *e, uint32_t kind)
{
	bool ends = kind == TIDAL_EV_HOST_DONE || kind == TIDAL_EV_TICK;

	if (engine_room(e, LINK_REQUEST))
		return 0;
	return ends && engine_room(e, LINK_REPLY) ? 0 : TIDAL_EAGAIN;
}

int tidal_core_push(struct tidal_core *core, tidal_time now, const struct tidal_event *event)
{
	struct engine e;
	int err;

	core_engine(core, now > core->now ? now : core->now, &e);
	if (!actq_room(e.actq))
		return TIDAL_EAGAIN;
	if (event->kind == TIDAL_EV_MESSAGE) {
		err = core_message(&e, &event->u.message);
	} else {
		err = sends_nothing(event) ? 0 : room_for(&e, event->kind);
		if (err && event->kind == TIDAL_EV_TICK) {
			core->now = e.now; /* or nothing would be sent again, and no room made */
			return 0;
		}
		if (!err)
			err = core_event(&e, core, event);
	}
	if (err)
		return err;
	core->now = e.now;
	press(&e);
	if (!e.guest->known)
		return 0;
	if (core->guest.to_tell)
		boot_tell(&e);
	core_settled(&e);
	if (engine_room(&e, LINK_FORWARD)) {
		if (losses_any(&core->losses))
			losses_look(&e);
		if (e.vmm->used)
			proto_poked(&e);
		proto_capacity(&e);
	}
	return 0;
}

/* ---- pull: without an engine, which takes longer to set up than to see that nothing waits ---- */

/* Frames for the driver to receive into: dirty ones first, they are overwritten anyway. */
static bool pull_post(struct frames *f, struct tidal_action *action)
{
	tidal_frame frame;

	if (f->posted >= f->landing)
		return false;
	frame = frames_take_dirty(f);
	if (frame == TIDAL_FRAME_NONE)
		frame = frames_take_zeroed(f);
	if (frame == TIDAL_FRAME_NONE)
		return false;
	f->posted++;
	*action = (struct tidal_action){ .kind = TIDAL_ACT_POST, .u.frame = { .frame = frame } };
	return true;
}

static bool pull_send(struct tidal_core *core, struct tidal_action *action)
{
	struct link_out out;

	if (!link_next(REL(core, link), core->now, &out, &core->stats))
		return false;
	*action = (struct tidal_action){
		.kind = TIDAL_ACT_SEND,
		.u.send = { .to = out.to, .payload = out.payload.kind, .len = out.len,
			    .header = out.header, .buf = out.payload.buf,
			    .payload_len = out.payload.len, .gfn = out.payload.gfn },
	};
	return true;
}

static bool pull_run(struct tidal_core *core, struct tidal_action *action)
{
	struct vcpu *vcpu;
	tidal_vcpuid v;
	uint16_t hthread;

	if (!sched_next(REL(core, sched), core->now, &v, &hthread))
		return false;
	vcpu = vcpus_at(&core->vcpus, v);
	*action = (struct tidal_action){
		.kind = TIDAL_ACT_RUN,
		.u.vcpu = { .vcpu = v, .hthread = hthread, .resume = vcpu->resume,
			    .value = vcpu->value,
			    .watch = core->params.flags & TIDAL_PARAM_RETIRE_EVENTS &&
				     (vcpu->stalls || vcpu->held || vcpu->moved) },
	};
	vcpu->state = TIDAL_VCPU_RUNNING;
	vcpu->resume = TIDAL_RESUME_RETRY;
	vcpu->stop_asked = false;
	vcpu->ran_on = core->params.node;
	vcpu->ran_at = core->now;
	core->stats.runs++;
	return true;
}

/* Paused: tell those that run to stop. */
static bool pull_stop(struct tidal_core *core, struct tidal_action *action)
{
	for (; core->paused && core->stop_cursor < core->guest.vcpus; core->stop_cursor++) {
		struct vcpu *vcpu = vcpus_at(&core->vcpus, core->stop_cursor);

		if (vcpu->state != TIDAL_VCPU_RUNNING || vcpu->stop_asked)
			continue;
		vcpu->stop_asked = true;
		*action = (struct tidal_action){ .kind = TIDAL_ACT_STOP,
						 .u.vcpu = { .vcpu = core->stop_cursor } };
		return true;
	}
	return false;
}

/* Zeroing in the background, when there is nothing else to do. */
static bool pull_zero(struct tidal_core *core, struct tidal_action *action)
{
	struct frame_run run;

	if (core->transits.room_first || !frames_begin_scrub(&core->frames, &run))
		return false;
	*action = (struct tidal_action){
		.kind = TIDAL_ACT_ZERO,
		.u.frame = { tag(TOKEN_ZERO, run.first), run.first, 1, run.mask },
	};
	return true;
}

static bool pull_settled(struct tidal_core *core, struct tidal_action *action)
{
	struct engine e;

	if (!link_any_settled(REL(core, link)))
		return false;
	core_engine(core, core->now, &e);
	core_settled(&e);
	return actq_take(&core->actq, action);
}

/* Before what follows: what left comes before it is sent, what a vCPU waited for before it runs. */
static bool pull_trace(struct tidal_core *core, struct tidal_action *action)
{
	struct tidal_trace record;

	if (!traces_any(&core->traces) || !traces_take(&core->traces, &record))
		return false;
	*action = (struct tidal_action){ .kind = TIDAL_ACT_TRACE, .u.trace = record };
	return true;
}

int tidal_core_pull(struct tidal_core *core, struct tidal_action *action)
{
	return actq_take(&core->actq, action) || pull_settled(core, action) ||
	       pull_trace(core, action) || pull_post(&core->frames, action) ||
	       pull_send(core, action) || pull_stop(core, action) || pull_run(core, action) ||
	       pull_zero(core, action);
}

/* What is put off while there is no room for messages goes on when the link has made some. */
tidal_time tidal_core_deadline(const struct tidal_core *core)
{
	struct engine e;
	tidal_time when;

	core_engine_const(core, &e);
	when = link_deadline(e.link);
	if (room_for(&e, TIDAL_EV_TICK))
		return when;
	when = min_u64(when, sched_deadline(e.sched));
	if (!engine_room(&e, LINK_FORWARD))
		return when;
	if (proto_any_poked(&e) || losses_any(&core->losses))
		when = min_u64(when, core->now);
	when = min_u64(when, transits_deadline(e.transits));
	return min_u64(when, proto_capacity_deadline(&e));
}
