/* SPDX-License-Identifier: BSD-3-Clause */
/* See gate.h. */
#include "gate.h"

#include <string.h>

static struct gate_host *of(struct tidal_host *host)
{
	return (struct gate_host *)(void *)host;
}

struct tidal_host *gate_host(struct gate *gate, unsigned node)
{
	return (struct tidal_host *)(void *)&gate->host[node];
}

static struct tidal_event *tell(struct gate_host *h, uint32_t kind)
{
	struct tidal_event *event = &h->event[h->events++];

	*event = (struct tidal_event){ .kind = kind };
	h->poked = true;
	return event;
}

/* ---- faults ---- */

void gate_break(struct gate *gate, enum gate_fault fault, unsigned nth)
{
	gate->fault = fault;
	gate->countdown = nth;
}

static bool is_due(struct gate *gate, enum gate_fault fault)
{
	return gate->fault == fault && gate->countdown > 0 && --gate->countdown == 0;
}

/* What the fake host says of a late change, nobody shall hear: token 0. */
static void carry_out(struct gate_host *h, struct gate_late *late)
{
	late->used = false;
	if (late->unmap ? tidal_fake_ops()->unmap(h->fake, &late->act)
			: tidal_fake_ops()->protect(h->fake, &late->act))
		h->gate->confused = true;
}

/* Nothing is late any more for a page that the core maps or changes anew. */
static void settle(struct gate_host *h, tidal_gfn gfn)
{
	for (unsigned i = 0; i < GATE_LATE; i++)
		if (h->late[i].used && h->late[i].act.gfn == gfn)
			carry_out(h, &h->late[i]);
}

void gate_mend(struct gate *gate)
{
	gate_break(gate, FAULT_NONE, 0);
	for (unsigned i = 0; i < GATE_NODES; i++)
		for (unsigned k = 0; k < GATE_LATE; k++)
			if (gate->host[i].late[k].used)
				carry_out(&gate->host[i], &gate->host[i].late[k]);
}

static bool is_variable(const struct gate *gate, tidal_gfn gfn)
{
	for (unsigned v = 0; v < LITMUS_VARS; v++)
		if (gate->at[v] == gfn)
			return true;
	return false;
}

/* The frame is the core's again; the harts go on with what was in it. */
static void keep_copy(struct gate_host *h, const struct tidal_act_pages *act, tidal_frame spare)
{
	const struct tidal_host_ops *ops = tidal_fake_ops();
	const struct tidal_act_pages copy = {
		.gfn = act->gfn, .mask = 1, .frame = spare, .prot = TIDAL_PROT_RW };
	const void *from = ops->frame_data(h->fake, act->frame, act->gfn);
	void *to = ops->frame_data(h->fake, spare, TIDAL_GFN_NONE);

	if (from && to)
		memcpy(to, from, TIDAL_PAGE_SIZE);
	if (!from || !to || ops->map(h->fake, &copy))
		h->gate->confused = true;
}

static bool postpone(struct gate_host *h, const struct tidal_act_pages *act, bool unmap)
{
	unsigned i = 0;

	while (i < GATE_LATE && h->late[i].used)
		i++;
	if (i == GATE_LATE || !is_variable(h->gate, act->gfn) || !is_due(h->gate, FAULT_LATE))
		return false;
	h->late[i] = (struct gate_late){ .used = true, .unmap = unmap, .act = *act };
	h->late[i].act.token = 0;
	h->late[i].act.test = 0;
	if (unmap) {
		keep_copy(h, act, h->spare + i);
		h->late[i].act.frame = h->spare + i;
	}
	tell(h, TIDAL_EV_HOST_DONE)->u.done.token = act->token;
	return true;
}

/* ---- pages ---- */

static int map(struct tidal_host *host, const struct tidal_act_pages *act)
{
	settle(of(host), act->gfn);
	return tidal_fake_ops()->map(of(host)->fake, act);
}

static int unmap(struct tidal_host *host, const struct tidal_act_pages *act)
{
	settle(of(host), act->gfn);
	if (postpone(of(host), act, true))
		return 0;
	return tidal_fake_ops()->unmap(of(host)->fake, act);
}

static int protect(struct tidal_host *host, const struct tidal_act_pages *act)
{
	settle(of(host), act->gfn);
	if (postpone(of(host), act, false))
		return 0;
	return tidal_fake_ops()->protect(of(host)->fake, act);
}

static int zero(struct tidal_host *host, uint64_t token, tidal_frame frame)
{
	return tidal_fake_ops()->zero(of(host)->fake, token, frame);
}

static void *frame_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn)
{
	return tidal_fake_ops()->frame_data(of(host)->fake, frame, gfn);
}

static int pin(struct tidal_host *host, tidal_gfn gfn)
{
	return tidal_fake_ops()->pin(of(host)->fake, gfn);
}

static int unpin(struct tidal_host *host, tidal_gfn gfn)
{
	return tidal_fake_ops()->unpin(of(host)->fake, gfn);
}

/* ---- harts ---- */

void gate_open(struct gate *gate, unsigned hart, const struct tidal_fake_boot *piece)
{
	struct gate_hart *h = &gate->hart[hart];

	h->piece = *piece;
	h->waits = false;
	h->given = true;
	gate->waiting--;
	tell(&gate->host[h->node], TIDAL_EV_VCPU_WAKE)->u.wake.vcpu = (tidal_vcpuid)hart;
}

static uint64_t retired(const struct gate_host *h, tidal_vcpuid vcpu, uint64_t *x)
{
	struct tidal_fake_regs regs;

	if (tidal_fake_vcpu_regs(h->fake, vcpu, &regs)) {
		h->gate->confused = true;
		return 0;
	}
	for (unsigned i = 0; x && i < 32; i++)
		x[i] = regs.x[i];
	return regs.retired;
}

static int vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act)
{
	struct gate_host *h = of(host);
	struct gate_hart *hart = &h->gate->hart[act->vcpu];

	if (hart->given && tidal_fake_vcpu_boot(h->fake, act->vcpu, &hart->piece) == 0)
		hart->given = false;
	hart->began = retired(h, act->vcpu, NULL);
	return tidal_fake_ops()->vcpu_run(h->fake, act);
}

static bool is_at_gate(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL && event->u.stall.access == TIDAL_IO &&
	       event->u.stall.gpa == TIDAL_FAKE_DEVICES;
}

/* It may have come here before, and be moved since; it waits on. */
static void arrive(struct gate_host *h, struct tidal_event *event)
{
	tidal_vcpuid vcpu = event->u.stall.vcpu;
	struct gate_hart *hart = &h->gate->hart[vcpu];
	uint64_t now = retired(h, vcpu, hart->x);

	hart->node = h->node;
	if (!hart->waits && !hart->given) {
		hart->waits = true;
		h->gate->waiting++;
	}
	*event = (struct tidal_event){
		.kind = TIDAL_EV_VCPU_STOPPED,
		.u.stopped = { .vcpu = vcpu, .reason = TIDAL_STOP_IDLE, .retired = now - hart->began },
	};
	if (hart->given)
		event->u.stopped.reason = TIDAL_STOP_SLICE;
}

/* Without the completions of late changes, which nobody waits for. */
static int without_own(struct tidal_event *events, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (events[i].kind != TIDAL_EV_HOST_DONE || events[i].u.done.token != 0)
			events[kept++] = events[i];
	return kept;
}

static int poll_events(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n)
{
	struct gate_host *h = of(host);
	int got = tidal_fake_ops()->poll(h->fake, budget, events, n);
	unsigned kept = 0;

	got = without_own(events, got);
	for (int i = 0; i < got; i++)
		if (is_at_gate(&events[i]))
			arrive(h, &events[i]);
	for (unsigned i = 0; i < h->events; i++) {
		if (got >= 0 && got < n)
			events[got++] = h->event[i];
		else
			h->event[kept++] = h->event[i];
	}
	h->events = kept;
	h->poked = kept > 0;
	return got;
}

static int vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid vcpu, const void *buf,
		     size_t len)
{
	struct gate_host *h = of(host);
	struct gate_hart *hart = &h->gate->hart[vcpu];
	int err = tidal_fake_ops()->vcpu_load(h->fake, token, vcpu, buf, len);

	if (!err && !hart->waits && !hart->given && is_due(h->gate, FAULT_TWICE) &&
	    tidal_fake_vcpu_boot(h->fake, vcpu, &hart->piece))
		h->gate->confused = true;
	return err;
}

static int vcpu_create(struct tidal_host *host, tidal_vcpuid vcpu)
{
	return tidal_fake_ops()->vcpu_create(of(host)->fake, vcpu);
}

static int vcpu_kick(struct tidal_host *host, tidal_vcpuid vcpu)
{
	return tidal_fake_ops()->vcpu_kick(of(host)->fake, vcpu);
}

static int vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid vcpu, void *buf,
		     size_t room)
{
	return tidal_fake_ops()->vcpu_save(of(host)->fake, token, vcpu, buf, room);
}

static int vcpu_drop(struct tidal_host *host, tidal_vcpuid vcpu)
{
	return tidal_fake_ops()->vcpu_drop(of(host)->fake, vcpu);
}

/* ---- the rest ---- */

static int query(struct tidal_host *host, struct tidal_host_caps *caps)
{
	return tidal_fake_ops()->query(of(host)->fake, caps);
}

static void close_host(struct tidal_host *host)
{
	tidal_fake_ops()->close(of(host)->fake);
}

static int region_add(struct tidal_host *host, const struct tidal_region *region)
{
	return tidal_fake_ops()->region_add(of(host)->fake, region);
}

static int region_del(struct tidal_host *host, tidal_gpa base)
{
	return tidal_fake_ops()->region_del(of(host)->fake, base);
}

static void set_clock(struct tidal_host *host, tidal_time now)
{
	tidal_fake_ops()->clock(of(host)->fake, now);
}

static int wait_fd(struct tidal_host *host)
{
	return tidal_fake_ops()->wait_fd(of(host)->fake);
}

const struct tidal_host_ops *gate_ops(void)
{
	static const struct tidal_host_ops ops = {
		.size = sizeof(ops),
		.name = "fake with a gate",
		.query = query,
		.close = close_host,
		.region_add = region_add,
		.region_del = region_del,
		.map = map,
		.unmap = unmap,
		.protect = protect,
		.zero = zero,
		.frame_data = frame_data,
		.pin = pin,
		.unpin = unpin,
		.vcpu_create = vcpu_create,
		.vcpu_run = vcpu_run,
		.vcpu_kick = vcpu_kick,
		.vcpu_save = vcpu_save,
		.vcpu_load = vcpu_load,
		.vcpu_drop = vcpu_drop,
		.clock = set_clock,
		.poll = poll_events,
		.wait_fd = wait_fd,
	};

	return &ops;
}
