/* SPDX-License-Identifier: BSD-3-Clause */
/* world_guest - guest memory, and the instructions that vCPUs carry out on it. */
#include "world_inside.h"

const struct mapping *guest_translate(const struct world *w, unsigned node, tidal_gfn gfn,
				      uint8_t access)
{
	const struct mapping *m = &w->host[node].map[gfn];
	bool writes = access == TIDAL_WRITE || access == TIDAL_ZERO;

	if (!m->frame || (writes && m->prot != TIDAL_PROT_RW))
		return NULL;
	return m;
}

uint64_t guest_contents(const struct world *w, unsigned node, const struct mapping *m)
{
	return m->frame - 1 == TIDAL_FRAME_ZERO ? 0 : w->host[node].frame[m->frame - 1];
}

static void check_sole(struct world *w, unsigned node, tidal_gfn gfn)
{
	for (unsigned n = 0; n < w->c.nodes; n++)
		if (n != node && w->host[n].map[gfn].frame)
			world_violate(w, "node %u writes page %llu while node %u has it mapped",
				      node, (unsigned long long)gfn, n);
}

void guest_touch(struct world *w, unsigned node, tidal_gfn gfn, uint8_t access)
{
	const struct mapping *m = guest_translate(w, node, gfn, access);
	uint64_t *at;

	if (access == TIDAL_READ || access == TIDAL_EXEC) {
		if (guest_contents(w, node, m) != w->reference[gfn])
			world_violate(w, "node %u reads %llu from page %llu, latest is %llu", node,
				      (unsigned long long)guest_contents(w, node, m),
				      (unsigned long long)gfn,
				      (unsigned long long)w->reference[gfn]);
		return;
	}
	check_sole(w, node, gfn);
	if (m->frame - 1 == TIDAL_FRAME_ZERO) {
		world_violate(w, "node %u may write to the page of zeroes", node);
		return;
	}
	at = &w->host[node].frame[m->frame - 1];
	if (*at != w->reference[gfn])
		world_violate(w, "node %u writes over %llu on page %llu, latest is %llu", node,
			      (unsigned long long)*at, (unsigned long long)gfn,
			      (unsigned long long)w->reference[gfn]);
	*at = w->reference[gfn] = access == TIDAL_ZERO ? 0 : ++w->next_value;
}

/* false: not now. */
static bool stopped(struct world *w, unsigned node, tidal_vcpuid id, uint16_t reason)
{
	struct vcpu_model *v = &w->host[node].vcpu[id];
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_STOPPED };
	int err;

	v->running = false;
	ev.u.stopped.vcpu = id;
	ev.u.stopped.reason = reason;
	ev.u.stopped.retired = w->c.no_retire ? 0 : v->retired;
	err = world_push(w, node, &ev);
	if (err == TIDAL_EAGAIN)
		v->running = true;
	else if (err)
		world_violate(w, "node %u: vCPU %u stopped: refused", node, id);
	return err != TIDAL_EAGAIN;
}

/* Tell that instructions were retired, if that is wanted; if it can't be told now, later. */
static void tell_retired(struct world *w, unsigned node, tidal_vcpuid id)
{
	struct vcpu_model *v = &w->host[node].vcpu[id];
	struct tidal_event ev = { .kind = TIDAL_EV_RETIRED };
	int err;

	if (!v->watch || !v->retired)
		return;
	ev.u.retired.vcpu = id;
	err = world_push(w, node, &ev);
	v->watch = err == TIDAL_EAGAIN;
	if (err && err != TIDAL_EAGAIN)
		world_violate(w, "node %u: retired: refused", node);
}

static int stall(struct world *w, unsigned node, tidal_vcpuid id, tidal_gfn gfn, uint8_t access)
{
	struct vcpu_model *v = &w->host[node].vcpu[id];
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };
	int err;

	tell_retired(w, node, id);
	ev.u.stall.vcpu = id;
	ev.u.stall.access = access;
	ev.u.stall.gpa = access == TIDAL_IO ? DEVICE_GPA : gfn << TIDAL_PAGE_SHIFT;
	ev.u.stall.io_size = 8;
	v->running = false;
	err = world_push(w, node, &ev);
	if (err == TIDAL_EAGAIN)
		v->running = true;
	else if (err)
		world_violate(w, "node %u: stall of vCPU %u: %s", node, id, tidal_strerror(err));
	return err;
}

static void retire(struct world *w, unsigned node, tidal_vcpuid id)
{
	struct vcpu_model *v = &w->host[node].vcpu[id];

	v->s.step++;
	v->resume = TIDAL_RESUME_RETRY;
	if (++v->retired >= w->c.slice)
		tell_retired(w, node, id);
}

/* One instruction. true: the vCPU goes on running. */
static bool instruction(struct world *w, unsigned node, tidal_vcpuid id)
{
	struct vcpu_model *v = &w->host[node].vcpu[id];
	struct world_op op = { 0 };
	tidal_time clock = tidal_core_time(w->host[node].core);

	if (clock < v->s.clock)
		world_violate(w, "vCPU %u sees time go backwards on node %u", id, node);
	v->s.clock = clock;
	if (!w->program(w, id, v->s.step, &op, w->arg)) {
		if (!stopped(w, node, id, TIDAL_STOP_OFF))
			return true;
		v->finished = true;
		w->finished++;
		return false;
	}
	if (op.access == WORLD_WAIT)
		return !stopped(w, node, id, TIDAL_STOP_IDLE);
	if (op.access == TIDAL_IO) {
		if (v->resume != TIDAL_RESUME_IO)
			return stall(w, node, id, 0, TIDAL_IO) == TIDAL_EAGAIN;
		if (v->value <= v->s.device)
			world_violate(w, "vCPU %u reads the device twice", id);
		v->s.device = v->value;
	} else if (v->resume == TIDAL_RESUME_SKIP) {
		if (op.access != TIDAL_ZERO)
			world_violate(w, "vCPU %u is to skip what doesn't zero", id);
		w->skipping[id] = false;
	} else {
		if (op.fetch && !guest_translate(w, node, op.code, TIDAL_EXEC))
			return stall(w, node, id, op.code, TIDAL_EXEC) == TIDAL_EAGAIN;
		for (unsigned i = 0; i <= op.crossing; i++)
			if (!guest_translate(w, node, op.gfn + i, op.access))
				return stall(w, node, id, op.gfn + i, op.access) == TIDAL_EAGAIN;
		if (op.fetch)
			guest_touch(w, node, op.code, TIDAL_EXEC);
		for (unsigned i = 0; i <= op.crossing; i++)
			guest_touch(w, node, op.gfn + i, op.access);
	}
	retire(w, node, id);
	return true;
}

bool guest_run(struct world *w, struct thing *t)
{
	struct vcpu_model *v = &w->host[t->node].vcpu[t->vcpu];

	if (!v->running)
		return true;
	if (v->stop && v->resume == TIDAL_RESUME_RETRY) /* else it is finished first */
		return stopped(w, t->node, t->vcpu, TIDAL_STOP_SLICE);
	return !instruction(w, t->node, t->vcpu);
}
