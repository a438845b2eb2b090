/* SPDX-License-Identifier: BSD-3-Clause */
/* world - see world.h. */
#include "world.h"

#include "core/core_state.h" /* to see when an instruction is skipped, and why nothing moves */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_MAX 320
#define HEADER_BODY 76 /* where a message's kind is in a packet: LINK_HEADER */
#define OP_NS 100      /* an instruction */
#define DEVICE_GPA (UINT64_C(1) << 46)

enum kind { PACKET, DONE, OP };
enum effect { NO_EFFECT, UNMAP, PROTECT };

/* Something that will happen. */
struct thing {
	tidal_time at;
	uint64_t order;
	uint8_t kind;
	uint16_t node, from;
	struct tidal_event ev; /* DONE */
	tidal_vcpuid vcpu;     /* OP */
	uint32_t payload, payload_len; /* PACKET */
	uint64_t value;	       /* contents of a page */
	unsigned char *state;  /* saved vCPU */
	uint8_t effect;	       /* DONE: enum effect, on this page */
	tidal_gfn gfn;
	uint32_t len;
	unsigned char bytes[PACKET_MAX];
};

struct mapping {
	tidal_frame frame; /* + 1; 0: not mapped */
	uint8_t prot;
};

struct saved { /* the state of a vCPU, as far as this machine has one */
	uint64_t step;
	uint64_t device;
	tidal_time clock; /* the latest that it has seen */
};

struct vcpu_model {
	bool here, running, stop, finished;
	bool watch;	  /* retired instructions are to be told */
	unsigned retired; /* since it was run */
	uint8_t resume;
	uint64_t value;
	struct saved s;
};

struct host {
	struct tidal_core *core;
	void *mem;
	uint64_t *frame;	/* contents */
	struct mapping *map;	/* by gfn */
	bool *posted;
	uint32_t *post_list, posts;
	struct vcpu_model vcpu[WORLD_VCPUS];
	struct saved buf[WORLD_VCPUS * 2];
	bool buf_used[WORLD_VCPUS * 2];
	unsigned completed;
	tidal_time ticked, lag;
	uint32_t incarnation;
	bool stopped; /* completions wait */
};

struct world {
	struct world_config c;
	world_program program;
	void *arg;
	struct host host[WORLD_NODES];
	struct thing **heap;
	size_t count, room;
	tidal_time now;
	uint64_t order, random, events, next_value;
	uint64_t *reference;
	unsigned finished;
	unsigned reports[16];
	bool cut[WORLD_NODES][WORLD_NODES];
	bool held_kind[256];
	world_judge judge;
	void *judge_arg;
	struct thing **held; /* packets */
	size_t held_count;
	unsigned sent[MSG_MAX];
	unsigned device_accesses;
	bool skipping[WORLD_VCPUS]; /* told to skip, has not run yet */
	char violation[256];
};

static uint64_t random64(struct world *w)
{
	uint64_t x = w->random += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static void violate(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->violation[0])
		return;
	va_start(args, format);
	vsnprintf(w->violation, sizeof(w->violation), format, args);
	va_end(args);
}

/* ---- what will happen, by time ---- */

static bool before(const struct thing *a, const struct thing *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void schedule(struct world *w, struct thing *t, tidal_time at)
{
	size_t i = w->count++;

	t->at = at;
	t->order = w->order++;
	if (w->count > w->room) {
		w->room = w->room ? w->room * 2 : 64;
		w->heap = realloc(w->heap, w->room * sizeof(*w->heap));
	}
	for (; i > 0 && before(t, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = t;
}

static struct thing *take_first(struct world *w)
{
	struct thing *first = w->heap[0], *last = w->heap[--w->count];
	size_t i = 0;

	while (2 * i + 1 < w->count) {
		size_t kid = 2 * i + 1;

		if (kid + 1 < w->count && before(w->heap[kid + 1], w->heap[kid]))
			kid++;
		if (!before(w->heap[kid], last))
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = last;
	return first;
}

static struct thing *thing(uint8_t kind, unsigned node)
{
	struct thing *t = calloc(1, sizeof(*t));

	t->kind = kind;
	t->node = (uint16_t)node;
	return t;
}

static struct thing *done(struct world *w, unsigned node, uint64_t token,
			  const struct tidal_ev_host_done *d)
{
	struct thing *t = thing(DONE, node);

	t->ev.kind = TIDAL_EV_HOST_DONE;
	if (d)
		t->ev.u.done = *d;
	t->ev.u.done.token = token;
	schedule(w, t, w->now + random64(w) % (w->c.host_ns + 1));
	return t;
}

/* ---- guest memory ---- */

static const struct mapping *translate(const struct world *w, unsigned node, tidal_gfn gfn,
				       uint8_t access)
{
	const struct mapping *m = &w->host[node].map[gfn];
	bool writes = access == TIDAL_WRITE || access == TIDAL_ZERO;

	if (!m->frame || (writes && m->prot != TIDAL_PROT_RW))
		return NULL;
	return m;
}

static uint64_t contents(const struct world *w, unsigned node, const struct mapping *m)
{
	return m->frame - 1 == TIDAL_FRAME_ZERO ? 0 : w->host[node].frame[m->frame - 1];
}

static void check_sole(struct world *w, unsigned node, tidal_gfn gfn)
{
	for (unsigned n = 0; n < w->c.nodes; n++)
		if (n != node && w->host[n].map[gfn].frame)
			violate(w, "node %u writes page %llu while node %u has it mapped", node,
				(unsigned long long)gfn, n);
}

static void carry_out(struct world *w, unsigned node, tidal_gfn gfn, uint8_t access)
{
	const struct mapping *m = translate(w, node, gfn, access);
	uint64_t *at;

	if (access == TIDAL_READ || access == TIDAL_EXEC) {
		if (contents(w, node, m) != w->reference[gfn])
			violate(w, "node %u reads %llu from page %llu, latest is %llu", node,
				(unsigned long long)contents(w, node, m), (unsigned long long)gfn,
				(unsigned long long)w->reference[gfn]);
		return;
	}
	check_sole(w, node, gfn);
	if (m->frame - 1 == TIDAL_FRAME_ZERO) {
		violate(w, "node %u may write to the page of zeroes", node);
		return;
	}
	at = &w->host[node].frame[m->frame - 1];
	if (*at != w->reference[gfn])
		violate(w, "node %u writes over %llu on page %llu, latest is %llu", node,
			(unsigned long long)*at, (unsigned long long)gfn,
			(unsigned long long)w->reference[gfn]);
	*at = w->reference[gfn] = access == TIDAL_ZERO ? 0 : ++w->next_value;
}

/* ---- actions ---- */

static void act_map(struct world *w, unsigned node, const struct tidal_act_pages *p)
{
	struct mapping *m = &w->host[node].map[p->gfn];

	m->frame = p->frame + 1;
	m->prot = (uint8_t)p->prot;
	done(w, node, p->token, NULL);
}

/* CPUs can use the old translation until the host is done. */
static void act_unmap(struct world *w, unsigned node, const struct tidal_act_pages *p,
		      enum effect effect)
{
	struct tidal_ev_host_done d = { .zero = p->test };
	struct thing *t;

	if (!w->host[node].map[p->gfn].frame)
		violate(w, "node %u unmaps page %llu, which isn't mapped", node,
			(unsigned long long)p->gfn);
	t = done(w, node, p->token, &d);
	t->effect = (uint8_t)effect;
	t->gfn = p->gfn;
}

static void take_effect(struct world *w, struct thing *t)
{
	struct mapping *m = &w->host[t->node].map[t->gfn];

	if (t->effect == NO_EFFECT)
		return;
	t->ev.u.done.zero = t->ev.u.done.zero && contents(w, t->node, m) == 0;
	if (t->effect == PROTECT)
		m->prot = TIDAL_PROT_R;
	else
		m->frame = 0;
	t->effect = NO_EFFECT;
}

static struct thing *copy_of(const struct thing *packet)
{
	struct thing *t = thing(PACKET, packet->node);

	*t = *packet;
	if (packet->state) {
		t->state = malloc(sizeof(struct saved));
		memcpy(t->state, packet->state, sizeof(struct saved));
	}
	return t;
}

static void transmit(struct world *w, struct thing *t)
{
	schedule(w, t, w->now + w->c.delay_ns + random64(w) % (w->c.jitter_ns + 1));
}

static void hold(struct world *w, struct thing *t)
{
	w->held = realloc(w->held, (w->held_count + 1) * sizeof(struct thing *));
	w->held[w->held_count++] = t;
}

static void forget(struct thing *t)
{
	free(t->state);
	free(t);
}

/* What the test wants to become of the packet. */
static enum world_fate fate(struct world *w, const struct thing *t)
{
	struct wire m;
	struct world_packet p = { t->from, t->node, &m, (uint16_t)t->payload };

	if (t->len <= HEADER_BODY || !wire_decode(&m, t->bytes + HEADER_BODY, t->len - HEADER_BODY))
		return WORLD_PASS;
	w->sent[m.kind]++;
	return w->judge ? w->judge(&p, w->judge_arg) : WORLD_PASS;
}

static struct thing *packet_of(struct world *w, unsigned node, const struct tidal_act_send *s)
{
	struct host *h = &w->host[node];
	struct thing *t = thing(PACKET, s->to);

	t->from = (uint16_t)node;
	t->len = s->len;
	memcpy(t->bytes, s->header, s->len);
	t->payload = s->payload;
	t->payload_len = s->payload_len;
	if (s->payload == TIDAL_PAYLOAD_PAGE)
		t->value = h->frame[s->buf];
	if (s->payload == TIDAL_PAYLOAD_VCPU) {
		t->state = malloc(sizeof(struct saved));
		memcpy(t->state, &h->buf[s->buf], sizeof(struct saved));
	}
	return t;
}

static void act_send(struct world *w, unsigned node, const struct tidal_act_send *s)
{
	bool twice = random64(w) % 1000000 < w->c.dup_ppm;
	bool lost = random64(w) % 1000000 < w->c.loss_ppm || w->cut[node][s->to];
	struct thing *t = packet_of(w, node, s);
	enum world_fate f = fate(w, t);

	if (f == WORLD_HOLD) {
		hold(w, t);
		return;
	}
	if (f == WORLD_TWICE)
		hold(w, copy_of(t));
	if (lost || f == WORLD_LOSE) {
		forget(t);
		return;
	}
	if (twice)
		transmit(w, copy_of(t));
	transmit(w, t);
}

static void act_run(struct world *w, unsigned node, const struct tidal_act_vcpu *a)
{
	struct vcpu_model *v = &w->host[node].vcpu[a->vcpu];
	struct thing *t = thing(OP, node);

	for (unsigned n = 0; n < w->c.nodes; n++)
		if (w->host[n].vcpu[a->vcpu].running)
			violate(w, "vCPU %u is run on node %u while it runs on node %u", a->vcpu,
				node, n);
	if (!v->here)
		violate(w, "vCPU %u is run on node %u, where it isn't", a->vcpu, node);
	v->running = true;
	v->stop = false;
	v->retired = 0;
	v->resume = (uint8_t)a->resume;
	v->value = a->value;
	v->watch = a->watch && !w->c.no_retire;
	t->vcpu = a->vcpu;
	schedule(w, t, w->now + OP_NS);
}

static uint32_t buf_take(struct host *h)
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
		violate(w, "vCPU %u is saved on node %u while it %s", a->vcpu, node,
			h->vcpu[a->vcpu].here ? "runs" : "isn't there");
	d.buf = buf_take(h);
	h->buf[d.buf] = h->vcpu[a->vcpu].s;
	done(w, node, a->token, &d);
}

static void act_load(struct world *w, unsigned node, const struct tidal_act_vcpu *a)
{
	struct host *h = &w->host[node];

	if (h->vcpu[a->vcpu].here)
		violate(w, "vCPU %u is loaded on node %u, where it is already", a->vcpu, node);
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
		act_send(w, node, &a->u.send);
		break;
	case TIDAL_ACT_MAP:
		act_map(w, node, &a->u.pages);
		break;
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		act_unmap(w, node, &a->u.pages, a->kind == TIDAL_ACT_PROTECT ? PROTECT : UNMAP);
		break;
	case TIDAL_ACT_ZERO:
		h->frame[a->u.frame.frame] = 0;
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
			violate(w, "node %u reports node %u as broken: %s", node,
				a->u.report.node, a->u.report.text);
		break;
	default:
		violate(w, "node %u asks for action %u", node, a->kind);
	}
}

static void pull(struct world *w, unsigned node)
{
	struct tidal_action a;

	while (tidal_core_pull(w->host[node].core, &a))
		act(w, node, &a);
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
		for (unsigned n = 0; n < w->c.nodes; n++)
			if (translate(w, n, vcpu->gfn, TIDAL_READ) &&
			    contents(w, n, translate(w, n, vcpu->gfn, TIDAL_READ)))
				violate(w, "page %llu counts as zeroed, node %u sees contents",
					(unsigned long long)vcpu->gfn, n);
	}
}

int world_push(struct world *w, unsigned node, const struct tidal_event *ev)
{
	struct host *h = &w->host[node];
	int err = tidal_core_push(h->core, w->now > h->lag ? w->now - h->lag : 0, ev);

	w->events++;
	note_skips(w, node);
	pull(w, node);
	return err;
}

/* ---- things that happen ---- */

/* false: to be tried again a little later. */
static bool packet(struct world *w, struct thing *t)
{
	struct host *h = &w->host[t->node];
	struct tidal_event ev = { .kind = TIDAL_EV_MESSAGE };
	struct tidal_ev_message *m = &ev.u.message;
	int err;

	if (t->len > HEADER_BODY && w->held_kind[t->bytes[HEADER_BODY]])
		return false;
	m->from = t->from;
	m->bytes = t->bytes;
	m->len = t->len;
	m->payload = (uint16_t)t->payload;
	m->payload_len = t->payload_len;
	if (t->payload == TIDAL_PAYLOAD_PAGE) {
		if (h->posts == 0)
			return true; /* nothing to receive into: lost */
		m->buf = h->post_list[--h->posts];
		h->frame[m->buf] = t->value;
	} else if (t->payload == TIDAL_PAYLOAD_VCPU) {
		m->buf = buf_take(h);
		memcpy(&h->buf[m->buf], t->state, sizeof(struct saved));
	}
	err = world_push(w, t->node, &ev);
	if (err == 0)
		return true;
	if (t->payload == TIDAL_PAYLOAD_PAGE)
		h->post_list[h->posts++] = m->buf;
	else if (t->payload == TIDAL_PAYLOAD_VCPU)
		h->buf_used[m->buf] = false;
	if (err != TIDAL_EAGAIN && err != TIDAL_ESTALE)
		violate(w, "node %u: message from %u: %s", t->node, t->from, tidal_strerror(err));
	return err != TIDAL_EAGAIN;
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
		violate(w, "node %u: vCPU %u stopped: refused", node, id);
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
		violate(w, "node %u: retired: refused", node);
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
		violate(w, "node %u: stall of vCPU %u: %s", node, id, tidal_strerror(err));
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
		violate(w, "vCPU %u sees time go backwards on node %u", id, node);
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
			violate(w, "vCPU %u reads the device twice", id);
		v->s.device = v->value;
	} else if (v->resume == TIDAL_RESUME_SKIP) {
		if (op.access != TIDAL_ZERO)
			violate(w, "vCPU %u is to skip what doesn't zero", id);
		w->skipping[id] = false;
	} else {
		if (op.fetch && !translate(w, node, op.code, TIDAL_EXEC))
			return stall(w, node, id, op.code, TIDAL_EXEC) == TIDAL_EAGAIN;
		for (unsigned i = 0; i <= op.crossing; i++)
			if (!translate(w, node, op.gfn + i, op.access))
				return stall(w, node, id, op.gfn + i, op.access) == TIDAL_EAGAIN;
		if (op.fetch)
			carry_out(w, node, op.code, TIDAL_EXEC);
		for (unsigned i = 0; i <= op.crossing; i++)
			carry_out(w, node, op.gfn + i, op.access);
	}
	retire(w, node, id);
	return true;
}

static bool run_op(struct world *w, struct thing *t)
{
	struct vcpu_model *v = &w->host[t->node].vcpu[t->vcpu];

	if (!v->running)
		return true;
	if (v->stop && v->resume == TIDAL_RESUME_RETRY) /* else that instruction is finished first */
		return stopped(w, t->node, t->vcpu, TIDAL_STOP_SLICE);
	return !instruction(w, t->node, t->vcpu);
}

/* The host is done with something. false: to be tried again a little later. */
static bool complete(struct world *w, struct thing *t)
{
	if (w->host[t->node].stopped)
		return false;
	take_effect(w, t);
	return world_push(w, t->node, &t->ev) != TIDAL_EAGAIN;
}

static void happen(struct world *w, struct thing *t)
{
	tidal_time again = 0;

	switch (t->kind) {
	case PACKET:
		again = packet(w, t) ? 0 : 2000;
		break;
	case OP:
		again = run_op(w, t) ? 0 : OP_NS;
		break;
	default:
		again = complete(w, t) ? 0 : 1000;
	}
	if (again) {
		schedule(w, t, w->now + again);
		return;
	}
	forget(t);
}

/* The node that is to get the next tick, and when; TIDAL_NEVER: none. */
static tidal_time next_tick(const struct world *w, unsigned *who)
{
	tidal_time when = TIDAL_NEVER;

	for (unsigned n = 0; n < w->c.nodes; n++) {
		tidal_time d = tidal_core_deadline(w->host[n].core);

		if (d != TIDAL_NEVER)
			d += w->host[n].lag;
		if (d <= w->host[n].ticked) /* one tick each time; the clock has to move on */
			d = w->host[n].ticked + 1;
		if (d < when) {
			when = d;
			*who = n;
		}
	}
	return when;
}

tidal_time world_next(const struct world *w)
{
	unsigned who;
	tidal_time tick = next_tick(w, &who);
	tidal_time next = w->count && w->heap[0]->at <= tick ? w->heap[0]->at : tick;

	return next > w->now ? next : w->now;
}

bool world_step(struct world *w)
{
	struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	unsigned who = 0;
	tidal_time when = next_tick(w, &who);

	if (w->violation[0])
		return false;
	if (w->count && w->heap[0]->at <= when) {
		struct thing *t = take_first(w);

		if (t->at > w->now)
			w->now = t->at;
		happen(w, t);
		return !w->violation[0];
	}
	if (when == TIDAL_NEVER)
		return false;
	if (when > w->now)
		w->now = when;
	w->host[who].ticked = w->now;
	world_push(w, who, &tick);
	return !w->violation[0];
}

bool world_run(struct world *w, tidal_time until)
{
	while (w->finished < w->c.vcpus && w->now < until)
		if (!world_step(w))
			return false;
	return w->finished == w->c.vcpus && !w->violation[0];
}

void world_settle(struct world *w, tidal_time for_ns)
{
	tidal_time until = w->now + for_ns;

	while (world_next(w) <= until && world_step(w))
		;
	if (w->now < until)
		w->now = until;
}

/* ---- making a world ---- */

static void make_map(struct tidal_vmap *map, const struct world_config *c)
{
	int err = tidal_vmap_init(map, sizeof(*map), c->pages, c->vcpus);

	if (err)
		abort();
	map->devices = 1;
	map->device[0] = (struct tidal_vmap_device){ DEVICE_GPA, 4096, 0 };
	if (c->spread)
		map->vcpu_runs = 0;
	for (unsigned v = 0; c->spread && v < c->vcpus; v++)
		map->vcpu[map->vcpu_runs++] = (struct tidal_vmap_vcpus){
			(tidal_vcpuid)v, 1, (tidal_nodeid)(v % c->nodes) };
	if (c->place)
		c->place(map, c->arg);
}

static void make_host(struct world *w, unsigned n, const struct tidal_vmap *map)
{
	const struct world_config *c = &w->c;
	struct tidal_topo_object objects[2 + WORLD_VCPUS];
	struct tidal_topology topo;
	struct tidal_params p;
	struct host *h = &w->host[n];
	size_t bytes;

	tidal_params_init(&p, sizeof(p), c->frames);
	p.node = (tidal_nodeid)n;
	p.nodes = (uint16_t)c->nodes;
	p.vcpus = c->vcpus;
	p.seed = c->seed + n;
	p.incarnation = ++h->incarnation;
	p.policy = c->policy;
	p.flags = (c->no_retire ? 0 : TIDAL_PARAM_RETIRE_EVENTS) |
		  (c->ideal ? TIDAL_PARAM_IDEAL_LINK : 0);
	if (tidal_topology_regular(&topo, objects, 2 + WORLD_VCPUS, 1, 1,
				   c->hthreads ? c->hthreads : 1))
		abort();
	p.topology = &topo;
	p.vmap = n == 0 ? map : NULL;
	if (c->tune)
		c->tune(&p, c->arg);
	bytes = tidal_core_footprint(&p);
	if (bytes == 0) {
		const char *why = "?";

		fprintf(stderr, "world: %d: %s\n", tidal_params_check(&p, &why), why);
		abort();
	}
	h->mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	memset(h->mem, 0, bytes);
	if (tidal_core_init(h->mem, bytes, &p, &h->core))
		abort();
	h->frame = malloc(c->frames * sizeof(*h->frame));
	for (uint32_t i = 0; i < c->frames; i++)
		h->frame[i] = 0xdeadbeef00000000u + i; /* never zero by chance */
	h->map = calloc(c->pages + 1, sizeof(*h->map));
	h->post_list = calloc(c->frames, sizeof(*h->post_list));
}

static void free_host(struct host *h)
{
	free(h->mem);
	free(h->frame);
	free(h->map);
	free(h->post_list);
}

static void start_host(struct world *w, unsigned node)
{
	struct tidal_event go = { .kind = TIDAL_EV_COMMAND };

	go.u.command.command = TIDAL_CMD_CONTINUE;
	if (world_push(w, node, &go))
		violate(w, "node %u does not start", node);
}

struct world *world_open(const struct world_config *config, world_program program, void *arg)
{
	struct world *w = calloc(1, sizeof(*w));
	struct tidal_vmap map;

	w->c = *config;
	w->program = program;
	w->arg = arg;
	w->random = config->seed;
	w->reference = calloc(config->pages + 1, sizeof(*w->reference));
	make_map(&map, config);
	for (unsigned n = 0; n < config->nodes; n++)
		make_host(w, n, &map);
	for (unsigned i = 0; i < map.vcpu_runs; i++)
		for (unsigned v = 0; v < map.vcpu[i].count; v++)
			w->host[map.vcpu[i].node].vcpu[map.vcpu[i].first + v].here = true;
	for (unsigned n = 0; n < config->nodes; n++)
		start_host(w, n);
	return w;
}

void world_close(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		forget(w->heap[i]);
	for (size_t i = 0; i < w->held_count; i++)
		forget(w->held[i]);
	for (unsigned n = 0; n < w->c.nodes; n++)
		free_host(&w->host[n]);
	free(w->heap);
	free(w->held);
	free(w->reference);
	free(w);
}

/* ---- looking ---- */

static void check_vcpu(struct world *w, tidal_vcpuid v)
{
	unsigned live = 0;

	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(w->host[n].core, v, &info))
			continue; /* has no map yet */
		live += info.state != TIDAL_VCPU_AWAY && info.state != TIDAL_VCPU_FROZEN &&
			info.state != TIDAL_VCPU_LOST;
	}
	if (live > 1)
		violate(w, "vCPU %u lives on %u nodes", v, live);
}

static void check_owner(struct world *w, tidal_gfn gfn)
{
	struct tidal_page_info info;
	unsigned owners = 0;

	for (unsigned n = 0; n < w->c.nodes; n++)
		if (tidal_core_page(w->host[n].core, gfn, &info) == 0)
			owners += info.state >= TIDAL_PAGE_PRIMARY;
	if (owners > 1)
		violate(w, "page %llu has %u owners", (unsigned long long)gfn, owners);
}

bool world_check(struct world *w)
{
	const char *why;

	for (unsigned n = 0; n < w->c.nodes; n++)
		if (tidal_core_check(w->host[n].core, &why))
			violate(w, "node %u: %s", n, why);
	for (unsigned v = 0; v < w->c.vcpus; v++)
		check_vcpu(w, (tidal_vcpuid)v);
	for (tidal_gfn gfn = 0; gfn < w->c.pages && gfn < 4096; gfn++)
		check_owner(w, gfn);
	return !w->violation[0];
}

const char *world_violation(const struct world *w)
{
	return w->violation[0] ? w->violation : NULL;
}

tidal_time world_now(const struct world *w)
{
	return w->now;
}

struct tidal_core *world_core(struct world *w, unsigned node)
{
	return w->host[node].core;
}

uint64_t world_events(const struct world *w)
{
	return w->events;
}

unsigned world_finished(const struct world *w)
{
	return w->finished;
}

uint64_t world_value(const struct world *w, tidal_gfn gfn)
{
	return w->reference[gfn];
}

void world_stats(const struct world *w, unsigned node, struct tidal_stats *s)
{
	tidal_core_stats(w->host[node].core, s, sizeof(*s));
}

void world_total(const struct world *w, struct tidal_stats *total)
{
	memset(total, 0, sizeof(*total));
	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_stats s;
		uint64_t longest = total->forward_max;

		world_stats(w, n, &s);
#define ADD(name, text) total->name += s.name;
		TIDAL_STATS(ADD)
		total->forward_max = s.forward_max > longest ? s.forward_max : longest;
	}
}

unsigned world_reports(const struct world *w, uint32_t what)
{
	return w->reports[what % 16];
}

tidal_nodeid world_where(const struct world *w, tidal_vcpuid v)
{
	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(w->host[n].core, v, &info) == 0 &&
		    info.state != TIDAL_VCPU_AWAY && info.state != TIDAL_VCPU_FROZEN &&
		    info.state != TIDAL_VCPU_SAVING && info.state != TIDAL_VCPU_LOST)
			return (tidal_nodeid)n;
	}
	return TIDAL_NODE_NONE;
}

int world_command(struct world *w, unsigned node, const struct tidal_ev_command *c)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };

	ev.u.command = *c;
	return world_push(w, node, &ev);
}

unsigned world_completed(const struct world *w, unsigned node)
{
	return w->host[node].completed;
}

void world_cut(struct world *w, unsigned from, unsigned to, bool cut)
{
	w->cut[from][to] = cut;
}

void world_delay_kind(struct world *w, uint8_t kind, bool hold)
{
	w->held_kind[kind] = hold;
}

int world_mapping(const struct world *w, unsigned node, tidal_gfn gfn)
{
	const struct mapping *m = &w->host[node].map[gfn];

	return m->frame ? m->prot : 0;
}

uint64_t world_frame_value(const struct world *w, unsigned node, tidal_frame frame)
{
	return w->host[node].frame[frame];
}

/* ---- scripted tests ---- */

void world_filter(struct world *w, world_judge judge, void *arg)
{
	w->judge = judge;
	w->judge_arg = arg;
}

unsigned world_release(struct world *w)
{
	unsigned n = (unsigned)w->held_count;

	for (size_t i = 0; i < w->held_count; i++)
		transmit(w, w->held[i]);
	w->held_count = 0;
	return n;
}

unsigned world_sent(const struct world *w, uint8_t kind)
{
	return w->sent[kind];
}

void world_stop_host(struct world *w, unsigned node, bool stop)
{
	w->host[node].stopped = stop;
}

void world_lag(struct world *w, unsigned node, tidal_time lag)
{
	w->host[node].lag = lag;
}

/* What the host of this node was about to do will not happen. */
static void cancel(struct world *w, unsigned node)
{
	struct thing **all = w->heap;
	size_t count = w->count;

	w->heap = NULL;
	w->count = w->room = 0;
	for (size_t i = 0; i < count; i++) {
		if (all[i]->node == node && all[i]->kind != PACKET)
			forget(all[i]);
		else
			schedule(w, all[i], all[i]->at);
	}
	free(all);
}

void world_restart(struct world *w, unsigned node)
{
	struct host *h = &w->host[node];
	const struct host fresh = { .incarnation = h->incarnation, .lag = h->lag };

	cancel(w, node);
	free_host(h);
	*h = fresh;
	make_host(w, node, NULL);
	start_host(w, node);
}

void world_wake(struct world *w, tidal_vcpuid v)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_WAKE };

	ev.u.wake.vcpu = v;
	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(w->host[n].core, v, &info) == 0 &&
		    info.state == TIDAL_VCPU_IDLE && world_push(w, n, &ev))
			violate(w, "node %u: vCPU %u is not woken", n, v);
	}
}

unsigned world_device_accesses(const struct world *w)
{
	return w->device_accesses;
}
