/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_random: random events, sound and hostile. The same ones give the same actions, in a copy of the
 * core too; the deadline is never in the past for long; no message breaks a core.
 */
#include "one-core.h"

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
		m.u.request.incarnation = 1;
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
	assert_true(t.acts > 2000);
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

/* ---- the deadline ---- */

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
		cmocka_unit_test(test_same_events_same_actions),
		cmocka_unit_test(test_snapshot_goes_on),
		cmocka_unit_test(test_deadline_is_no_busy_loop),
		cmocka_unit_test(test_hostile_messages),
	};

	return cmocka_run_group_tests_name("core_random", tests, NULL, NULL);
}
