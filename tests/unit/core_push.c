/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_push: a push that fails changes nothing, and what makes one fail; memory and time.
 * Random events: core_random.c.
 */
#include "one-core.h"

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
	ev = one_command(TIDAL_CMD_SET_AHEAD + 1, 0);
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
	ev = one_command(TIDAL_CMD_SET_ZEROING, 0);
	check_refused(o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_SET_AHEAD, TIDAL_AHEAD_MAX + 1);
	check_refused(o, &ev, TIDAL_ERANGE);
	ev = one_command(TIDAL_CMD_SET_ZEROING, TIDAL_ZEROING_MAX + 1);
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

/*
 * The host can't zero the frame of a page: the page stays dormant, the frame is free, and it is tried
 * again after a while. It was at once, without end. (make mutation showed that nothing tested it.)
 */
static void test_zeroing_that_fails(void **state)
{
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	struct one_core o;
	uint32_t page;

	(void)state;
	one_open(&o, 0);
	assert_int_equal(one_push(&o, &ev), 0);
	one_pull(&o);
	assert_int_equal(one_page(&o, 5).transient, SIT_ZEROING);
	for (page = 0; o.done[page] >> 56 != TOKEN_PAGE; page++)
		assert_true(page + 1 < o.dones);
	ev = one_done(o.done[page]);
	ev.u.done.status = -5;
	o.done[page] = o.done[--o.dones];
	assert_int_equal(one_push(&o, &ev), 0);
	one_check(&o);
	assert_int_equal(one_page(&o, 5).state, TIDAL_PAGE_DORMANT);
	assert_int_equal(one_page(&o, 5).transient, SIT_FRAME);
	one_pull(&o);
	assert_int_equal(o.reports[TIDAL_REPORT_HOST_FAILED], 1);
	assert_int_equal(o.last_report.error, -5);
	o.now += 1000000;
	assert_int_equal(one_push(&o, &tick), 0);
	one_settle(&o);
	assert_int_equal(one_page(&o, 5).state, TIDAL_PAGE_EXCLUSIVE);
	one_check(&o);
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

/* ---- time ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failing_changes_nothing),
		cmocka_unit_test(test_full_action_queue),
		cmocka_unit_test(test_zeroing_of_another_frame),
		cmocka_unit_test(test_zeroing_that_fails),
		cmocka_unit_test(test_full_tables),
		cmocka_unit_test(test_before_the_map),
		cmocka_unit_test(test_peer_down_before_the_map),
		cmocka_unit_test(test_ideal_link_leaves_it_outside),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_time_does_not_go_back),
	};

	return cmocka_run_group_tests_name("core_push", tests, NULL, NULL);
}
