/* SPDX-License-Identifier: BSD-3-Clause */
/* world_host - what a core asks of its host, and when that is done. */
#include "world_inside.h"

#include <stdlib.h>

/* How long an operation takes. */
static tidal_time work(struct world *w, unsigned node)
{
	if (w->c.hooks && w->c.hooks->work)
		return w->c.hooks->work(w, node, w->c.hooks_arg);
	return world_random(w) % (w->c.host_ns + 1);
}

static struct thing *done(struct world *w, unsigned node, uint64_t token,
			  const struct tidal_ev_host_done *d)
{
	struct thing *t = thing_new(DONE, node);

	t->ev.kind = TIDAL_EV_HOST_DONE;
	if (d)
		t->ev.u.done = *d;
	t->ev.u.done.token = token;
	thing_schedule(w, t, w->now + work(w, node));
	return t;
}

/* Does the host fail to do this? Then nothing has changed, and the core hears so. */
static bool fails(struct world *w, unsigned node, uint64_t token)
{
	const struct tidal_ev_host_done d = { .status = TIDAL_EIO };

	if (!w->c.hooks || !w->c.hooks->fails || !w->c.hooks->fails(w, node, w->c.hooks_arg))
		return false;
	done(w, node, token, &d);
	return true;
}

static void act_map(struct world *w, unsigned node, const struct tidal_act_pages *p)
{
	tidal_frame frame = p->frame + 1;

	if (fails(w, node, p->token))
		return;
	for (uint64_t mask = p->mask; mask; mask &= mask - 1) {
		struct mapping *m = &w->host[node].map[p->gfn + (unsigned)__builtin_ctzll(mask)];

		m->frame = frame++;
		m->prot = (uint8_t)p->prot;
	}
	done(w, node, p->token, NULL);
}

/* CPUs can use the old translation until the host is done. */
static void act_unmap(struct world *w, unsigned node, const struct tidal_act_pages *p,
		      enum effect effect)
{
	struct tidal_ev_host_done d = { .zero = p->test };
	struct thing *t;

	if (!w->host[node].map[p->gfn].frame)
		world_violate(w, "node %u unmaps page %llu, which isn't mapped", node,
			      (unsigned long long)p->gfn);
	if (fails(w, node, p->token))
		return;
	t = done(w, node, p->token, &d);
	t->effect = (uint8_t)effect;
	t->gfn = p->gfn;
}

static bool is_deaf(struct world *w, const struct thing *t)
{
	return world_planted(w, t->effect == UNMAP ? PLANT_DEAF_UNMAP : PLANT_DEAF_PROTECT);
}

static void take_effect(struct world *w, struct thing *t)
{
	struct mapping *m = &w->host[t->node].map[t->gfn];

	if (t->effect == NO_EFFECT || is_deaf(w, t))
		return;
	t->ev.u.done.zero = t->ev.u.done.zero && (guest_contents(w, t->node, m) == 0 ||
						  world_planted(w, PLANT_ZERO_LIE));
	if (t->effect == PROTECT)
		m->prot = TIDAL_PROT_R;
	else
		m->frame = 0;
	t->effect = NO_EFFECT;
}

static void start_running(struct world *w, unsigned node, tidal_vcpuid v)
{
	struct thing *t = thing_new(OP, node);

	t->vcpu = v;
	thing_schedule(w, t, w->now + OP_NS);
}

static void act_run(struct world *w, unsigned node, const struct tidal_act_vcpu *a)
{
	struct vcpu_model *v = &w->host[node].vcpu[a->vcpu];

	for (unsigned n = 0; n < w->c.nodes; n++)
		if (w->host[n].vcpu[a->vcpu].running)
			world_violate(w, "vCPU %u is run on node %u while it runs on node %u",
				      a->vcpu, node, n);
	if (!v->here)
		world_violate(w, "vCPU %u is run on node %u, where it isn't", a->vcpu, node);
	v->running = true;
	v->stop = false;
	v->retired = 0;
	v->resume = (uint8_t)a->resume;
	v->value = a->value;
	v->watch = a->watch && !w->c.no_retire;
	start_running(w, node, a->vcpu);
}

uint32_t host_buf(struct host *h)
{
	for (uint32_t i = 0; i < WORLD_VCPUS * 2; i++)
		if (!h->buf_used[i]) {
			h->buf_used[i] = true;
			return i;
		}
	abort();
}

static void act_save(struct world *w, unsigned node, const struct tidal_act_vcpu *a)
{
	struct host *h = &w->host[node];
	struct tidal_ev_host_done d = { .payload_len = sizeof(struct saved) };

	if (!h->vcpu[a->vcpu].here || h->vcpu[a->vcpu].running)
		world_violate(w, "vCPU %u is saved on node %u while it %s", a->vcpu, node,
			      h->vcpu[a->vcpu].here ? "runs" : "isn't there");
	if (fails(w, node, a->token))
		return;
	d.buf = host_buf(h);
	h->buf[d.buf] = h->vcpu[a->vcpu].s;
	done(w, node, a->token, &d);
	if (world_planted(w, PLANT_DEAF_STOP)) {
		h->vcpu[a->vcpu].running = true;
		start_running(w, node, a->vcpu);
	}
}

static void act_load(struct world *w, unsigned node, const struct tidal_act_vcpu *a)
{
	struct host *h = &w->host[node];

	if (h->vcpu[a->vcpu].here)
		world_violate(w, "vCPU %u is loaded on node %u, where it is already", a->vcpu,
			      node);
	h->vcpu[a->vcpu] = (struct vcpu_model){ .here = true, .s = h->buf[a->buf] };
	h->buf_used[a->buf] = false;
	done(w, node, a->token, NULL);
}

static void act(struct world *w, unsigned node, const struct tidal_action *a)
{
	struct host *h = &w->host[node];
	struct tidal_ev_host_done d = { 0 };

	switch (a->kind) {
	case TIDAL_ACT_SEND:
		packet_send(w, node, &a->u.send);
		break;
	case TIDAL_ACT_MAP:
		act_map(w, node, &a->u.pages);
		break;
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		act_unmap(w, node, &a->u.pages, a->kind == TIDAL_ACT_PROTECT ? PROTECT : UNMAP);
		break;
	case TIDAL_ACT_ZERO:
		if (fails(w, node, a->u.frame.token))
			break;
		for (uint64_t mask = a->u.frame.mask; mask; mask &= mask - 1)
			h->frame[a->u.frame.frame + (unsigned)__builtin_ctzll(mask)] = 0;
		done(w, node, a->u.frame.token, NULL);
		break;
	case TIDAL_ACT_POST:
		h->post_list[h->posts++] = a->u.frame.frame;
		break;
	case TIDAL_ACT_RUN:
		act_run(w, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_STOP:
		h->vcpu[a->u.vcpu.vcpu].stop = true;
		break;
	case TIDAL_ACT_SAVE:
		act_save(w, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_LOAD:
		act_load(w, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_DROP:
		h->vcpu[a->u.vcpu.vcpu].here = false;
		break;
	case TIDAL_ACT_BUF_FREE:
		h->buf_used[a->u.buf.buf] = false;
		break;
	case TIDAL_ACT_COMPLETE:
		h->completed++;
		break;
	case TIDAL_ACT_IO:
		w->device_accesses++;
		d.value = ++w->next_value;
		done(w, node, a->u.io.token, &d);
		break;
	case TIDAL_ACT_REPORT:
		w->reports[a->u.report.what % 16]++;
		if (a->u.report.what == TIDAL_REPORT_BAD_PEER)
			world_violate(w, "node %u reports node %u as broken: %s", node,
				      a->u.report.node, a->u.report.text);
		break;
	default:
		world_violate(w, "node %u asks for action %u", node, a->kind);
	}
}

static void pull(struct world *w, unsigned node)
{
	struct tidal_action a;

	while (tidal_core_pull(w->host[node].core, &a)) {
		if (w->c.hooks && w->c.hooks->acted)
			w->c.hooks->acted(w, node, &a, w->c.hooks_arg);
		act(w, node, &a);
	}
	w->host[node].deadline = tidal_core_deadline(w->host[node].core);
}

static void check_zeroed(struct world *w, tidal_gfn gfn)
{
	for (unsigned n = 0; n < w->c.nodes; n++) {
		const struct mapping *m = guest_translate(w, n, gfn, TIDAL_READ);

		if (m && guest_contents(w, n, m))
			world_violate(w, "page %llu counts as zeroed, node %u sees contents",
				      (unsigned long long)gfn, n);
	}
}

/* A zeroing instruction takes effect when the core decides that it may be skipped. */
static void note_skips(struct world *w, unsigned node)
{
	const struct tidal_core *core = w->host[node].core;

	for (unsigned v = 0; v < core->guest.vcpus; v++) {
		const struct vcpu *vcpu = vcpus_at(&core->vcpus, (tidal_vcpuid)v);

		if ((vcpu->state != TIDAL_VCPU_READY && vcpu->state != TIDAL_VCPU_SAVING) ||
		    vcpu->resume != TIDAL_RESUME_SKIP || w->skipping[v])
			continue;
		w->skipping[v] = true;
		w->reference[vcpu->gfn] = 0;
		check_zeroed(w, vcpu->gfn);
	}
}

int world_push(struct world *w, unsigned node, const struct tidal_event *ev)
{
	struct host *h = &w->host[node];
	int err = tidal_core_push(h->core, w->now > h->lag ? w->now - h->lag : 0, ev);

	w->events++;
	note_skips(w, node);
	pull(w, node);
	if (w->c.hooks && w->c.hooks->pushed)
		w->c.hooks->pushed(w, node, ev, err, w->c.hooks_arg);
	return err;
}

/* The host is done with something. false: to be tried again a little later. */
bool host_completes(struct world *w, struct thing *t)
{
	if (w->host[t->node].stopped)
		return false;
	take_effect(w, t);
	return world_push(w, t->node, &t->ev) != TIDAL_EAGAIN;
}
