/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_push: a push that fails changes nothing; the same events give the same actions, in a copy
 * of the core too; the deadline is never in the past for long; no message breaks a core.
 */
#include "one-core.h"

#include <stdio.h>

/* ---- failing changes nothing ---- */

static void check_refused(struct one_core *o, const struct tidal_event *ev, int err)
{
	void *before = test_malloc(o->bytes);
	int got;

	memcpy(before, o->mem, o->bytes);
	got = one_push(o, ev);
	if (got != err)
		print_error("event %s: %d instead of %d\n", tidal_event_name(ev->kind), got, err);
	assert_int_equal(got, err);
	assert_memory_equal(before, o->mem, o->bytes);
	test_free(before);
}

static void check_refused_events(struct one_core *o)
{
	static const uint32_t kinds[] = { 0, TIDAL_EV_VCPU_WAKE + 1, 1000, UINT32_MAX };
	struct tidal_event ev = { 0 };

	for (unsigned i = 0; i < 4; i++) {
		ev.kind = kinds[i];
		check_refused(o, &ev, TIDAL_EINVAL);
	}
	ev.kind = TIDAL_EV_PEER_UP;
	ev.u.peer.node = 0; /* oneself */
	ev.u.peer.incarnation = 1;
	check_refused(o, &ev, TIDAL_EINVAL);
	ev.kind = TIDAL_EV_PEER_DOWN;
	ev.u.peer.node = 3;
	check_refused(o, &ev, TIDAL_EINVAL);
}

static void check_refused_vcpus(struct one_core *o)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_STOPPED };

	ev.u.stopped.vcpu = ONE_VCPUS;
	check_refused(o, &ev, TIDAL_EBUSY);
	ev.u.stopped.vcpu = TIDAL_VCPU_NONE;
	check_refused(o, &ev, TIDAL_EBUSY);
	ev.u.stopped.vcpu = 3; /* not running: one hyperthread, and vCPU 0 is on it */
	check_refused(o, &ev, TIDAL_EBUSY);
	ev.u.stopped.vcpu = 0;
	ev.u.stopped.reason = TIDAL_STOP_OFF + 1;
	check_refused(o, &ev, TIDAL_EINVAL);
	ev = (struct tidal_event){ .kind = TIDAL_EV_RETIRED };
	ev.u.retired.vcpu = 3;
	check_refused(o, &ev, TIDAL_EBUSY);
	ev = (struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE };
	ev.u.wake.vcpu = ONE_VCPUS;
	check_refused(o, &ev, TIDAL_ENOENT);
}

static void check_refused_stalls(struct one_core *o)
{
	struct tidal_event ev = one_stall(0, 5, TIDAL_IO + 1);

	check_refused(o, &ev, TIDAL_EINVAL);
	ev = one_stall(3, 5, TIDAL_READ);
	check_refused(o, &ev, TIDAL_EBUSY);
	ev = one_stall(ONE_VCPUS, 5, TIDAL_READ);
	check_refused(o, &ev, TIDAL_ENOENT);
	ev = one_stall(TIDAL_VCPU_NONE, 5, TIDAL_ZERO);
	check_refused(o, &ev, TIDAL_EINVAL);
	ev = one_stall(TIDAL_VCPU_NONE, 5, TIDAL_IO);
	check_refused(o, &ev, TIDAL_EINVAL);
	ev = one_stall(TIDAL_VCPU_NONE, ONE_PAGES, TIDAL_READ);
	check_refused(o, &ev, TIDAL_ERANGE);
}

static void check_refused_dones(struct one_core *o)
{
	static const uint64_t tokens[] = {
		0, 1, UINT64_MAX, (uint64_t)9 << 56,
		(uint64_t)TOKEN_PAGE << 56 | 7,	      /* nothing is under way there */
		(uint64_t)TOKEN_PAGE << 56 | 1 << 30, /* nor is there such a page */
		(uint64_t)TOKEN_ZERO << 56 | 1000,
		(uint64_t)TOKEN_SAVE << 56, (uint64_t)TOKEN_SAVE << 56 | 77,
		(uint64_t)TOKEN_LOAD << 56 | 1, (uint64_t)TOKEN_LOAD << 56 | 77,
		(uint64_t)TOKEN_IO << 56, (uint64_t)TOKEN_IO << 56 | 77,
		(uint64_t)TOKEN_REMOTE_IO << 56, (uint64_t)TOKEN_REMOTE_IO << 56 | 1000,
	};

	for (unsigned i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct tidal_event ev = one_done(tokens[i]);

		check_refused(o, &ev, TIDAL_EINVAL);
	}
}

/* Broken in set_policy(): params_check_policy() not asked. */
static void check_refused_policies(struct one_core *o)
{
	struct tidal_policy_ops lacking[5];
	struct tidal_event ev = one_command(TIDAL_CMD_SET_POLICY, 0);

	for (unsigned i = 0; i < 5; i++)
		lacking[i] = *tidal_policy_page();
	lacking[0].request = NULL;
	lacking[1].answer = NULL;
	lacking[2].full = NULL;
	lacking[3].size = 0;
	lacking[4].size = sizeof(lacking[4]) - 1;
	for (unsigned i = 0; i < 5; i++) {
		ev.u.command.policy = &lacking[i];
		check_refused(o, &ev, TIDAL_EINVAL);
	}
}

static void check_refused_commands(struct one_core *o)
{
	struct tidal_weights weights;
	struct tidal_event ev = one_command(0, 0);

	check_refused(o, &ev, TIDAL_EINVAL);
	ev = one_command(TIDAL_CMD_EVICT + 1, 0);
	check_refused(o, &ev, TIDAL_EINVAL);
	ev = one_command(TIDAL_CMD_MOVE_VCPU, 0);
	ev.u.command.node = 3;
	check_refused(o, &ev, TIDAL_ERANGE);
	ev.u.command.node = 1;
	ev.u.command.vcpu = ONE_VCPUS;
	check_refused(o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_PIN, ONE_PAGES);
	check_refused(o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_UNPIN, 3);
	check_refused(o, &ev, TIDAL_ENOENT);
	ev = one_command(TIDAL_CMD_EVICT, ONE_PAGES);
	check_refused(o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_SET_WEIGHTS, 0);
	tidal_weights_init(&weights, sizeof(weights));
	weights.evict_page.exponent = 17;
	ev.u.command.weights = &weights;
	check_refused(o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_SET_POLICY, 0);
	ev.u.command.policy_data = &weights; /* data for a policy that has none */
	check_refused(o, &ev, TIDAL_EINVAL);
	check_refused_policies(o);
}

static void check_refused_messages(struct one_core *o)
{
	static const struct wire find = { .kind = MSG_FIND };
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p, bad;
	struct tidal_event ev;

	assert_true(one_packet(o, LINK_REQUEST, body, wire_encode(&find, body), &p));
	ev = one_message(&p);
	ev.u.message.from = 0;
	check_refused(o, &ev, TIDAL_ERANGE);
	ev.u.message.from = 3;
	check_refused(o, &ev, TIDAL_ERANGE);
	for (uint32_t len = 0; len < p.len; len++) {
		ev = one_message(&p);
		ev.u.message.len = len;
		check_refused(o, &ev, TIDAL_EPROTO);
	}
	bad = p;
	bad.bytes[0] = LINK_VERSION + 1;
	ev = one_message(&bad);
	check_refused(o, &ev, TIDAL_EVERSION);
	bad = p;
	bad.bytes[1] = 0xff; /* flags that don't exist */
	ev = one_message(&bad);
	check_refused(o, &ev, TIDAL_EPROTO);
	ev = one_message(&p);
	ev.u.message.payload = 3; /* no such kind */
	check_refused(o, &ev, TIDAL_EINVAL);
	ev.u.message.payload = TIDAL_PAYLOAD_PAGE;
	ev.u.message.payload_len = 4095;
	check_refused(o, &ev, TIDAL_EINVAL);
	ev.u.message.payload_len = 4096;
	ev.u.message.buf = 64; /* no such frame */
	check_refused(o, &ev, TIDAL_EINVAL);
}

static void check_all_refused(struct one_core *o)
{
	check_refused_events(o);
	check_refused_vcpus(o);
	check_refused_stalls(o);
	check_refused_dones(o);
	check_refused_commands(o);
	check_refused_messages(o);
}

static void test_failing_changes_nothing(void **state)
{
	struct one_core o;
	struct tidal_event ev;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	check_all_refused(&o);
	/* and amid things: a page being mapped, one pinned, a VMM thread waiting */
	ev = one_command(TIDAL_CMD_PIN, 40);
	assert_int_equal(one_push(&o, &ev), 0);
	ev = one_stall(TIDAL_VCPU_NONE, 41, TIDAL_WRITE);
	assert_int_equal(one_push(&o, &ev), 0);
	one_pull(&o);
	check_all_refused(&o);
	ev = one_command(TIDAL_CMD_EVICT, 40);
	check_refused(&o, &ev, TIDAL_EBUSY);
	one_close(&o);
}

/* Nobody pulls: at some point nothing fits any more. */
static void test_full_action_queue(void **state)
{
	struct tidal_event ev = one_command(TIDAL_CMD_PIN, 1);
	struct one_core o;
	int err;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	assert_int_equal(one_push(&o, &ev), 0);
	one_settle(&o);
	do /* the page is here now: each pin is one action */
		err = one_push(&o, &ev);
	while (err == 0);
	assert_int_equal(err, TIDAL_EAGAIN);
	assert_int_equal(o.core->vmm.used, 0);
	assert_true(actq_used(&o.core->actq) > ACTQ_SIZE - ACTQ_PUSH);
	check_refused(&o, &ev, TIDAL_EAGAIN);
	one_settle(&o);
	assert_int_equal(one_push(&o, &ev), 0); /* now it does */
	one_close(&o);
}

/* The host says that it zeroed a frame that it was not asked to zero: it must not count as free
 * a second time. (Found by tests/fuzz/core.) */
static void test_zeroing_of_another_frame(void **state)
{
	struct tidal_event ev;
	struct one_core o;

	(void)state;
	one_open(&o, 0);
	one_pull(&o);
	assert_int_equal(o.dones, 1);
	assert_int_equal(o.done[0] >> 56, TOKEN_ZERO);
	ev = one_done((uint64_t)TOKEN_ZERO << 56 | o.posted[0]);
	check_refused(&o, &ev, TIDAL_EINVAL);
	ev = one_done(o.done[0]);
	assert_int_equal(one_push(&o, &ev), 0);
	check_refused(&o, &ev, TIDAL_EINVAL); /* once is enough */
	one_close(&o);
}

/* More pages under way than there is room for. */
static void test_full_tables(void **state)
{
	struct tidal_event ev;
	struct one_core o;
	int err = 0;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	for (tidal_gfn gfn = 0; err == 0; gfn++) {
		ev = one_stall(TIDAL_VCPU_NONE, gfn, TIDAL_READ);
		err = one_push(&o, &ev);
		one_pull(&o);
	}
	assert_int_equal(err, TIDAL_EAGAIN);
	assert_int_equal(o.core->transits.used, 12); /* three quarters */
	check_refused(&o, &ev, TIDAL_EAGAIN);
	ev = one_stall(0, 599, TIDAL_WRITE);
	check_refused(&o, &ev, TIDAL_EAGAIN);
	one_settle(&o);
	assert_int_equal(one_push(&o, &ev), 0);
	one_close(&o);
}

/* Without the map there is nothing to do yet. */
static void test_before_the_map(void **state)
{
	struct tidal_event ev;
	struct one_core o = { .now = 0 };

	(void)state;
	one_params(&o, 0);
	o.params.node = 2;
	o.params.vmap = NULL;
	one_start(&o);
	one_pull(&o);
	ev = one_stall(0, 0, TIDAL_READ);
	check_refused(&o, &ev, TIDAL_ENOENT);
	ev = one_stall(TIDAL_VCPU_NONE, 0, TIDAL_READ);
	check_refused(&o, &ev, TIDAL_ENOENT);
	ev = (struct tidal_event){ .kind = TIDAL_EV_VCPU_STOPPED };
	check_refused(&o, &ev, TIDAL_ENOENT);
	ev = (struct tidal_event){ .kind = TIDAL_EV_RETIRED };
	check_refused(&o, &ev, TIDAL_ENOENT);
	ev = (struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE };
	check_refused(&o, &ev, TIDAL_ENOENT);
	ev = one_command(TIDAL_CMD_PIN, 0);
	check_refused(&o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_MOVE_VCPU, 0);
	check_refused(&o, &ev, TIDAL_ERANGE);
	ev = one_done((uint64_t)TOKEN_LOAD << 56);
	check_refused(&o, &ev, TIDAL_EINVAL);
	free(o.mem);
}

/* A peer dies before the map has come: there is nothing to look through for that, so no
 * reason to be called at once, for ever. (Found by tests/fuzz/core.) */
static void test_peer_down_before_the_map(void **state)
{
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };
	struct one_core o = { .now = 0 };

	(void)state;
	one_params(&o, 0);
	o.params.node = 2;
	o.params.vmap = NULL;
	one_start(&o);
	one_pull(&o);
	assert_int_equal(one_push(&o, &ev), 0);
	assert_int_equal(one_push(&o, &tick), 0);
	one_pull(&o);
	assert_true(tidal_core_deadline(o.core) > o.now);
	free(o.mem);
}

/* An ideal link repeats nothing: what can't be taken now stays outside. */
static void test_ideal_link_leaves_it_outside(void **state)
{
	const struct wire ask = { .kind = MSG_MOVE_ASK, .u.move_ask = { .vcpu = 0 } };
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;
	struct one_core o = { .now = 0 };

	(void)state;
	one_params(&o, TIDAL_PARAM_IDEAL_LINK);
	o.params.node = 2;
	o.params.vmap = NULL;
	one_start(&o);
	one_peer(&o);
	one_pull(&o);
	assert_true(one_packet(&o, LINK_REQUEST, body, wire_encode(&ask, body), &p));
	ev = one_message(&p);
	check_refused(&o, &ev, TIDAL_EAGAIN); /* it has no map yet */
	one_close(&o);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
	struct one_core o = { .now = 0 };
	struct tidal_core *core;
	unsigned char *mem;
	size_t bytes;

	(void)state;
	one_params(&o, 0);
	bytes = tidal_core_footprint(&o.params);
	mem = aligned_alloc(64, (bytes + 191) & ~(size_t)63);
	memset(mem, 0, bytes + 64);
	assert_int_equal(tidal_core_init(NULL, bytes, &o.params, &core), TIDAL_EINVAL);
	assert_int_equal(tidal_core_init(mem + 8, bytes, &o.params, &core), TIDAL_EINVAL);
	assert_int_equal(tidal_core_init(mem, bytes - 1, &o.params, &core), TIDAL_ENOMEM);
	assert_int_equal(tidal_core_init(mem, 0, &o.params, &core), TIDAL_ENOMEM);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(mem[i], 0); /* nothing was written */
	memset(mem + bytes, 0xa5, 64);
	assert_int_equal(tidal_core_init(mem, bytes, &o.params, &core), 0);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(mem[bytes + i], 0xa5);
	o.params.frames = 0;
	assert_int_equal(tidal_core_footprint(&o.params), 0);
	assert_int_equal(tidal_core_init(mem, bytes, &o.params, &core), TIDAL_ERANGE);
	free(mem);
}

/* ---- the same again ---- */

/* Two cores that are told the same. */
struct twins {
	struct one_core a, b;
	uint64_t random;
	unsigned acts;
};

static void check_same_report(const struct tidal_act_report *a, const struct tidal_act_report *b)
{
	assert_int_equal(a->what, b->what);
	assert_int_equal(a->error, b->error);
	assert_int_equal(a->gfn, b->gfn);
	assert_int_equal(a->vcpu, b->vcpu);
	assert_int_equal(a->node, b->node);
	assert_ptr_equal(a->text, b->text);
}

static void check_same_action(const struct tidal_action *a, const struct tidal_action *b)
{
	struct tidal_action x = *a, y = *b;

	assert_int_equal(a->kind, b->kind);
	if (a->kind == TIDAL_ACT_REPORT) { /* the only action with padding */
		check_same_report(&a->u.report, &b->u.report);
		return;
	}
	if (a->kind == TIDAL_ACT_SEND) { /* the header lies in the core */
		assert_int_equal(a->u.send.len, b->u.send.len);
		assert_memory_equal(a->u.send.header, b->u.send.header, a->u.send.len);
		x.u.send.header = y.u.send.header = NULL;
	}
	assert_memory_equal(&x, &y, sizeof(x));
}

static void pull_same(struct twins *t)
{
	struct tidal_action a, b;

	for (;;) {
		int got;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		got = tidal_core_pull(t->a.core, &a);
		assert_int_equal(tidal_core_pull(t->b.core, &b), got);
		if (!got)
			return;
		check_same_action(&a, &b);
		one_act(&t->a, &a);
		t->acts++;
	}
}

/* A request, an answer to nothing, news: node 1 says something. */
static bool random_message(struct one_core *o, uint64_t *random, struct one_packet *p)
{
	struct wire m = { .kind = (uint8_t)(1 + random_below(random, MSG_MAX - 1)) };
	uint8_t body[LINK_BODY_MAX], *raw = (uint8_t *)&m.u;
	uint32_t len;

	for (unsigned i = 0; i < sizeof(m.u); i++) /* small numbers are the likely ones */
		raw[i] = i % 8 == 0 || random_below(random, 20) == 0 ?
				 (uint8_t)random_below(random, 8) : 0;
	if (m.kind == MSG_REQUEST) {
		m.u.request.node = (uint16_t)(1 + random_below(random, 2));
		m.u.request.vcpu = TIDAL_VCPU_NONE;
		m.u.request.want = (uint8_t)random_below(random, 4);
		m.u.request.flags &= (uint8_t)~(WIRE_MOVABLE | WIRE_WANTS_MOVE);
	}
	len = wire_encode(&m, body);
	return one_packet(o, wire_class(m.kind), body, len, p);
}

static struct tidal_event random_vcpu_event(struct one_core *o, uint64_t *random)
{
	tidal_vcpuid v = (tidal_vcpuid)random_below(random, ONE_VCPUS);
	struct tidal_event ev = one_stall(v, random_below(random, 12),
					  (uint16_t)random_below(random, 5));

	if (random_below(random, 4) == 0) {
		ev = (struct tidal_event){ .kind = TIDAL_EV_VCPU_STOPPED };
		ev.u.stopped.vcpu = v;
		ev.u.stopped.reason = (uint16_t)random_below(random, 2);
		ev.u.stopped.retired = random_below(random, 2);
	} else if (random_below(random, 4) == 0) {
		ev = (struct tidal_event){ .kind = TIDAL_EV_RETIRED };
		ev.u.retired.vcpu = v;
	} else if (random_below(random, 4) == 0) {
		ev = (struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE };
		ev.u.wake.vcpu = v;
	}
	(void)o;
	return ev;
}

static struct tidal_event random_command(uint64_t *random)
{
	struct tidal_event ev = one_command(1 + (uint32_t)random_below(random, 9),
					    random_below(random, 12));

	ev.u.command.vcpu = (tidal_vcpuid)random_below(random, ONE_VCPUS);
	ev.u.command.node = (tidal_nodeid)random_below(random, 4);
	if (ev.u.command.command == TIDAL_CMD_PAUSE)
		ev.u.command.command = TIDAL_CMD_CONTINUE;
	return ev;
}

/* What happens next, to a core that is in any state. */
static struct tidal_event random_event(struct one_core *o, uint64_t *random, struct one_packet *p)
{
	struct tidal_event ev = { .kind = TIDAL_EV_TICK };
	uint64_t pick = random_below(random, 100);
	uint32_t i;

	o->now += random_below(random, 3000);
	if (pick < 35 && o->dones) {
		i = (uint32_t)random_below(random, o->dones);
		ev = one_done(o->done[i]);
		ev.u.done.zero = random_below(random, 4) == 0;
		ev.u.done.status = random_below(random, 20) == 0 ? TIDAL_EIO : 0;
		o->done[i] = o->done[--o->dones];
		return ev;
	}
	if (pick < 70)
		return random_vcpu_event(o, random);
	if (pick < 85 && random_message(o, random, p)) {
		ev = one_message(p);
		if (o->posts && random_below(random, 2)) {
			ev.u.message.payload = TIDAL_PAYLOAD_PAGE;
			ev.u.message.payload_len = TIDAL_PAGE_SIZE;
			ev.u.message.buf = o->posted[o->posts - 1];
		}
		return ev;
	}
	if (pick < 90)
		return random_command(random);
	return ev;
}

/* The core has the payload when it took the event; the host's answer waits when it did not. */
static void take_payload(struct one_core *o, const struct tidal_event *ev, int err)
{
	if (err == 0 && ev->kind == TIDAL_EV_MESSAGE &&
	    ev->u.message.payload == TIDAL_PAYLOAD_PAGE)
		o->posts--;
	if (err == TIDAL_EAGAIN && ev->kind == TIDAL_EV_HOST_DONE)
		one_note(o, ev->u.done.token);
}

static void step_twins(struct twins *t)
{
	struct one_packet p;
	struct tidal_event ev = random_event(&t->a, &t->random, &p);
	int err = one_push(&t->a, &ev);

	t->b.now = t->a.now;
	assert_int_equal(one_push(&t->b, &ev), err);
	take_payload(&t->a, &ev, err);
	pull_same(t);
	assert_int_equal(tidal_core_digest(t->a.core), tidal_core_digest(t->b.core));
	assert_int_equal(tidal_core_deadline(t->a.core), tidal_core_deadline(t->b.core));
}

static void test_same_events_same_actions(void **state)
{
	struct twins t = { .random = 1 };

	(void)state;
	one_open(&t.a, 0);
	one_open(&t.b, 0);
	one_run(&t.a);
	one_run(&t.b);
	for (unsigned i = 0; i < 20000; i++)
		step_twins(&t);
	assert_true(t.acts > 3000);
	one_close(&t.a);
	one_close(&t.b);
}

/* A copy of the memory somewhere else is the same core. */
static void test_snapshot_goes_on(void **state)
{
	struct twins t = { .random = 2 };

	(void)state;
	one_open(&t.a, 0);
	one_open(&t.b, 0);
	one_run(&t.a);
	for (unsigned i = 0; i < 40; i++) {
		memcpy(t.b.mem, t.a.mem, t.a.bytes);
		for (unsigned k = 0; k < 200; k++)
			step_twins(&t);
		one_check(&t.b);
	}
	one_close(&t.a);
	one_close(&t.b);
}

/* ---- time ---- */

/* Ticks at the deadline, all actions pulled: it moves on, whatever state the core is in. */
static void check_deadline_moves_on(struct one_core *o)
{
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };

	for (unsigned i = 0; tidal_core_deadline(o->core) <= o->now; i++) {
		assert_true(i < 32);
		assert_int_equal(one_push(o, &tick), 0);
		one_pull(o);
	}
}

static void test_deadline_is_no_busy_loop(void **state)
{
	struct one_core o;
	uint64_t random = 3;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	o.silent = true; /* nothing is ever acknowledged */
	for (unsigned i = 0; i < 10000; i++) {
		struct one_packet p;
		struct tidal_event ev = random_event(&o, &random, &p);

		take_payload(&o, &ev, one_push(&o, &ev));
		one_pull(&o);
		check_deadline_moves_on(&o);
		if (i % 10 == 0 && tidal_core_deadline(o.core) != TIDAL_NEVER) {
			o.now = tidal_core_deadline(o.core);
			check_deadline_moves_on(&o);
		}
	}
	one_close(&o);
}

/* A clock that goes backwards counts as one that stands. */
static void test_time_does_not_go_back(void **state)
{
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct one_core o;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	o.now = 1000000;
	assert_int_equal(one_push(&o, &tick), 0);
	o.now = 5;
	assert_int_equal(one_push(&o, &tick), 0);
	assert_int_equal(tidal_core_time(o.core), 1000000);
	one_close(&o);
}

/* ---- hostile peers ---- */

static bool garbage(struct one_core *o, uint64_t *random, struct one_packet *p)
{
	uint8_t body[64];
	uint32_t len = 1 + (uint32_t)random_below(random, sizeof(body));

	for (uint32_t i = 0; i < len; i++)
		body[i] = (uint8_t)random_below(random, 256);
	body[0] %= MSG_MAX + 1;
	return one_packet(o, (unsigned)random_below(random, LINK_CLASSES), body, len, p);
}

/* A sound packet, and one byte of its message is not what it was. */
static bool mutant(struct one_core *o, uint64_t *random, struct one_packet *p)
{
	if (!random_message(o, random, p))
		return false;
	p->bytes[LINK_HEADER + random_below(random, p->len - LINK_HEADER)] =
		(uint8_t)random_below(random, 256);
	return true;
}

static void attack(struct one_core *o, uint64_t *random, bool with_payload)
{
	uint64_t pick = random_below(random, 3);
	struct one_packet p;
	struct tidal_event ev;
	bool made = pick == 0 ? garbage(o, random, &p) : pick == 1 ? mutant(o, random, &p) :
								      random_message(o, random, &p);

	if (!made)
		return;
	ev = one_message(&p);
	if (with_payload && o->posts) {
		ev.u.message.payload = TIDAL_PAYLOAD_PAGE;
		ev.u.message.payload_len = TIDAL_PAGE_SIZE;
		ev.u.message.buf = o->posted[o->posts - 1];
	} else if (random_below(random, 4) == 0) {
		ev.u.message.payload = TIDAL_PAYLOAD_VCPU;
		ev.u.message.payload_len = 100;
	}
	take_payload(o, &ev, one_push(o, &ev));
	one_pull(o);
}

static void survive(uint32_t flags, uint64_t random)
{
	struct one_core o;

	one_open(&o, flags);
	one_run(&o);
	for (unsigned i = 0; i < 4000; i++) {
		struct one_packet p;
		struct tidal_event ev = random_event(&o, &random, &p);

		take_payload(&o, &ev, one_push(&o, &ev));
		one_pull(&o);
		attack(&o, &random, random_below(&random, 2));
		one_check(&o);
	}
	one_close(&o);
}

static void test_hostile_messages(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++)
		survive(seed % 2 ? 0 : TIDAL_PARAM_IDEAL_LINK, seed << 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failing_changes_nothing),
		cmocka_unit_test(test_full_action_queue),
		cmocka_unit_test(test_zeroing_of_another_frame),
		cmocka_unit_test(test_full_tables),
		cmocka_unit_test(test_before_the_map),
		cmocka_unit_test(test_peer_down_before_the_map),
		cmocka_unit_test(test_ideal_link_leaves_it_outside),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_same_events_same_actions),
		cmocka_unit_test(test_snapshot_goes_on),
		cmocka_unit_test(test_deadline_is_no_busy_loop),
		cmocka_unit_test(test_time_does_not_go_back),
		cmocka_unit_test(test_hostile_messages),
	};

	return cmocka_run_group_tests_name("core_push", tests, NULL, NULL);
}
