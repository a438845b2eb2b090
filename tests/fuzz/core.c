/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: whole cores. The input is a pod (pod_start.c) and what happens to it, a byte or
 * several each. After every push: nothing was written outside of the core's memory, a push that
 * failed changed nothing, the actions come to an end and make sense to a host, and
 * tidal_core_check() holds.
 */
#include "pod.h"

#define STEPS 400
#define ROUNDS 12
#define TICKS 64

static struct pod_node *any_node(struct pod *p, uint8_t op)
{
	return &p->node[op / 64 % p->cores];
}

static void push(struct pod *p, struct pod_node *n, const struct tidal_event *ev)
{
	(void)pod_push(p, n, ev);
}

/* ---- vCPUs and VMM threads ---- */

static void stall(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };
	uint8_t b = fuzz_u8(&p->in);
	struct tidal_ev_stall *s = &ev.u.stall;

	s->vcpu = b & 128 ? TIDAL_VCPU_NONE : b / 8 % (POD_VCPUS + 1);
	s->access = b % 8;
	p->gfn = pod_gfn(p);
	s->gpa = s->access == TIDAL_IO ? POD_DEVICE + b / 16 : p->gfn << TIDAL_PAGE_SHIFT;
	s->requester = b;
	s->io_size = (uint8_t)(1u << b / 32 % 4);
	s->io_write = b / 64 & 1;
	push(p, n, &ev);
}

static void stop(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_STOPPED };
	uint8_t b = fuzz_u8(&p->in);

	ev.u.stopped.vcpu = b % (POD_VCPUS + 1);
	ev.u.stopped.reason = b / 8 % 4;
	ev.u.stopped.retired = b / 32;
	push(p, n, &ev);
}

static void retire_or_wake(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { 0 };
	uint8_t b = fuzz_u8(&p->in);

	ev.kind = b & 128 ? TIDAL_EV_VCPU_WAKE : TIDAL_EV_RETIRED;
	ev.u.retired.vcpu = b % (POD_VCPUS + 1);
	push(p, n, &ev);
}

/* ---- the host ---- */

static void answer(struct pod *p, struct pod_node *n, bool honest)
{
	struct tidal_ev_host_done done = { 0 };
	uint8_t b = fuzz_u8(&p->in);

	if (n->pendings == 0)
		return;
	done.zero = b / 128;
	if (!honest)
		done.status = b & 64 ? TIDAL_EIO : TIDAL_EAGAIN;
	done.value = b;
	pod_answer(p, n, b % n->pendings, &done);
}

/* The answer to nothing that was asked. */
static void answer_wrongly(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { .kind = TIDAL_EV_HOST_DONE };
	uint8_t b = fuzz_u8(&p->in);

	ev.u.done.token = tag(b % 8, b & 128 ? fuzz_int(&p->in, 7) : p->gfn & 63);
	ev.u.done.status = b & 64 ? TIDAL_EIO : 0;
	ev.u.done.zero = b / 32 & 1;
	ev.u.done.payload_len = b;
	pod_pull(p, n); /* a question that was not heard yet may be answered, if wrongly */
	if (pod_pending(n, ev.u.done.token) == POD_PENDING)
		push(p, n, &ev);
}

/* ---- time, peers, the embedder ---- */

static void tick(struct pod *p, struct pod_node *n)
{
	const struct tidal_event ev = { .kind = TIDAL_EV_TICK };
	uint8_t b = fuzz_u8(&p->in);

	if (b < 128)
		p->now += UINT64_C(1) << b % 40;
	else if (b < 192)
		p->now += fuzz_int(&p->in, 2);
	push(p, n, &ev);
}

/* Ticks at the deadline: it moves on. */
static void tick_on(struct pod *p, struct pod_node *n)
{
	const struct tidal_event ev = { .kind = TIDAL_EV_TICK };
	tidal_time when = tidal_core_deadline(n->core);

	if (when == TIDAL_NEVER)
		return;
	if (when > p->now)
		p->now = when;
	p->held = 0;
	for (unsigned i = 0; tidal_core_deadline(n->core) <= p->now; i++) {
		MUST(i < TICKS);
		push(p, n, &ev);
	}
}

static void peer(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { 0 };
	uint8_t b = fuzz_u8(&p->in);

	ev.kind = b & 128 ? TIDAL_EV_PEER_UP : TIDAL_EV_PEER_DOWN;
	ev.u.peer.node = b % 5;
	ev.u.peer.incarnation = b / 8 % 4;
	push(p, n, &ev);
}

static void command(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };
	struct tidal_ev_command *c = &ev.u.command;
	struct tidal_weights w;
	uint8_t b = fuzz_u8(&p->in);

	c->command = b % 10;
	c->vcpu = b / 16 % (POD_VCPUS + 1);
	c->node = c->command == TIDAL_CMD_MOVE_VCPU ? fuzz_u8(&p->in) % 5 : 0;
	c->requester = b;
	c->gfn = c->command == TIDAL_CMD_MOVE_VCPU ? 0 : pod_gfn(p);
	if (c->command == TIDAL_CMD_SET_POLICY)
		c->policy = b & 128 ? tidal_policy_vcpu() : b & 64 ? tidal_policy_page() : NULL;
	if (c->command == TIDAL_CMD_SET_WEIGHTS) {
		tidal_weights_init(&w, sizeof(w));
		w.page_fixed.weight = (int32_t)fuzz_int(&p->in, 4);
		w.vcpu_fixed.exponent = fuzz_u8(&p->in);
		c->weights = &w;
	}
	push(p, n, &ev);
}

static void go(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };

	ev.u.command.command = TIDAL_CMD_CONTINUE;
	push(p, n, &ev);
}

static void nonsense(struct pod *p, struct pod_node *n)
{
	struct tidal_event ev = { .kind = fuzz_u8(&p->in) };

	if (ev.kind > 0 && ev.kind <= TIDAL_EV_VCPU_WAKE)
		ev.kind += 1000;
	MUST(pod_push(p, n, &ev) < 0);
}

/* ---- the wire ---- */

static void deliver(struct pod *p, struct pod_node *n)
{
	uint8_t b = fuzz_u8(&p->in);

	(void)n;
	if (p->packets == 0)
		return;
	if (b >= 224 && !p->ideal)
		pod_lose(p, b % p->packets);
	else
		pod_deliver(p, b % p->packets, b & 128);
}

/* Everything that is under way arrives, everything that was asked is done; not for ever. */
static void settle(struct pod *p)
{
	struct tidal_ev_host_done done = { 0 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (uint32_t i = p->packets; i > 0 && p->packets; i--)
			pod_deliver(p, 0, false);
		for (unsigned c = 0; c < p->cores; c++)
			for (uint32_t i = p->node[c].pendings; i > 0 && p->node[c].pendings; i--) {
				done = (struct tidal_ev_host_done){ 0 };
				pod_answer(p, &p->node[c], 0, &done);
			}
	}
}

static void step(struct pod *p)
{
	uint8_t op = fuzz_u8(&p->in);
	struct pod_node *n = any_node(p, op);

	switch (op % 32) {
	case 0: case 1: case 2: case 3: stall(p, n); break;
	case 4: case 5: case 6: answer(p, n, true); break;
	case 7: answer(p, n, false); break;
	case 8: answer_wrongly(p, n); break;
	case 9: stop(p, n); break;
	case 10: retire_or_wake(p, n); break;
	case 11: tick(p, n); break;
	case 12: case 13: tick_on(p, n); break;
	case 14: peer(p, n); break;
	case 15: case 16: command(p, n); break;
	case 17: go(p, n); break;
	case 18: nonsense(p, n); break;
	case 19: case 20: deliver(p, n); break;
	case 21: case 22: settle(p); break;
	case 23: p->held = fuzz_u8(&p->in) % 32; break;
	case 24: pod_attack(p, n, 1); break;
	case 25: pod_attack(p, n, 2); break;
	case 26: pod_attack(p, n, 3); break;
	default: pod_attack(p, n, 0); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct pod *p = calloc(1, sizeof(*p));

	MUST(p);
	p->in = (struct fuzz_in){ bytes, len };
	if (!pod_open(p))
		p->over = true;
	for (unsigned i = 0; i < STEPS && p->in.left && !p->over; i++)
		step(p);
	p->held = 0;
	if (!p->over)
		settle(p);
	pod_log_close(p);
	pod_close(p);
	free(p);
	return 0;
}
