/* SPDX-License-Identifier: BSD-3-Clause */
/* hostile-io: what a peer can't do with messages about device accesses and moves, and a host with
 * answers. */
#include "one-core.h"

#include "core/proto.h"

/* A vCPU touches a device, which is at *node*; vCPUs rather move than that. */
static void open_touching(struct one_core *o, tidal_nodeid node)
{
	struct tidal_event ev = one_stall(0, 0, TIDAL_IO);

	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->map.device[0].node = node;
	o->params.policy = tidal_policy_vcpu();
	one_start(o);
	one_peer(o);
	one_run(o);
	assert_int_equal(one_push(o, &ev), 0);
	one_pull(o);
}

/* The answer to no question: reported, and nothing else happens. */
static void check_disbelieved(struct one_core *o)
{
	const struct wire m = { .kind = MSG_IO_ANSWER };
	uint8_t body[LINK_BODY_MAX];
	struct tidal_vcpu_info info;
	struct tidal_action a;
	struct one_packet p;
	struct tidal_event ev;

	assert_true(one_packet(o, LINK_REPLY, body, wire_encode(&m, body), &p));
	ev = one_message(&p);
	assert_int_equal(one_push(o, &ev), 0);
	assert_int_equal(tidal_core_pull(o->core, &a), 1);
	assert_int_equal(a.kind, TIDAL_ACT_REPORT);
	assert_int_equal(a.u.report.what, TIDAL_REPORT_BAD_PEER);
	one_pull(o);
	assert_int_equal(tidal_core_vcpu(o->core, 0, &info), 0);
	assert_int_equal(info.state, TIDAL_VCPU_STALLED);
	one_check(o);
}

/* The device is here. The host's own answer came to a vCPU that did not wait any more.
 * (Found by tests/fuzz/core.) */
static void answer_to_local_access(void **state)
{
	struct one_core o;

	(void)state;
	open_touching(&o, 0);
	check_disbelieved(&o);
	one_settle(&o); /* the host's answer is the one that counts */
	one_close(&o);
}

/* The second of two devices is found as well as the first. Broken in device_node(): only that one. */
static void the_second_device(void **state)
{
	struct tidal_event ev = one_stall(0, 0, TIDAL_IO);
	struct tidal_action a = { 0 };
	struct one_core o;

	(void)state;
	memset(&o, 0, sizeof(o));
	one_params(&o, 0);
	o.map.devices = 2;
	o.map.device[1] = (struct tidal_vmap_device){ ONE_DEVICE + 8192, 64, 0 };
	one_start(&o);
	one_peer(&o);
	one_run(&o);
	ev.u.stall.gpa = ONE_DEVICE + 8192 + 60;
	assert_int_equal(one_push(&o, &ev), 0);
	while (a.kind != TIDAL_ACT_IO)
		assert_int_equal(tidal_core_pull(o.core, &a), 1);
	assert_int_equal(a.u.io.gpa, ev.u.stall.gpa);
	one_note(&o, a.u.io.token);
	one_settle(&o);
	one_close(&o);
}

/* The vCPU waits to be moved to the device: it was woken where it still waited, and the
 * scheduler trapped. (Found by tests/fuzz/core.) */
static void answer_to_vcpu_that_wants_to_move(void **state)
{
	struct one_core o;

	(void)state;
	open_touching(&o, 1);
	check_disbelieved(&o);
	one_settle(&o);
	one_close(&o);
}

/* The host answers for an access that it was not asked to carry out: the vCPU waits to be moved
 * to the device, or for the node that has it. The scheduler trapped. (Found by tests/fuzz/core.) */
static void answer_of_the_host_to_nothing(void **state)
{
	const struct tidal_event ev = one_done((uint64_t)TOKEN_IO << 56);
	struct one_core o;

	(void)state;
	open_touching(&o, 1);
	assert_int_equal(one_push(&o, &ev), TIDAL_EINVAL);
	one_check(&o);
	one_close(&o);
}

static void answer_of_the_host_for_a_peer(void **state)
{
	const struct tidal_event ev = one_done((uint64_t)TOKEN_IO << 56);
	struct tidal_event touch = one_stall(0, 0, TIDAL_IO);
	struct one_core o;

	(void)state;
	memset(&o, 0, sizeof(o));
	one_params(&o, 0);
	o.map.device[0].node = 1;
	o.params.policy = tidal_policy_page();
	one_start(&o);
	one_peer(&o);
	one_run(&o);
	assert_int_equal(one_push(&o, &touch), 0);
	one_pull(&o);
	assert_int_equal(one_push(&o, &ev), TIDAL_EINVAL);
	one_check(&o);
	one_close(&o);
}

/* Accesses have 1, 2, 4 or 8 bytes; a host may rely on that. */
static void access_of_odd_size(void **state)
{
	struct wire m = { .kind = MSG_IO_ASK, .u.io_ask = { .gpa = ONE_DEVICE, .id = 1 } };
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;
	struct one_core o;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	for (unsigned bytes = 0; bytes < 256; bytes++) {
		m.u.io_ask.bytes = (uint8_t)bytes;
		assert_true(one_packet(&o, LINK_REQUEST, body, wire_encode(&m, body), &p));
		ev = one_message(&p);
		assert_int_equal(one_push(&o, &ev), 0);
		one_pull(&o);
		if (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8)
			assert_int_equal(o.dones, 1);
		else
			assert_int_equal(o.dones, 0);
		one_settle(&o);
	}
	one_close(&o);
}

static void answer_move(struct one_core *o, uint8_t yes)
{
	const struct wire m = { .kind = MSG_MOVE_ANSWER, .u.move_answer = { .vcpu = 3, .yes = yes } };
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;

	assert_true(one_packet(o, LINK_REPLY, body, wire_encode(&m, body), &p));
	ev = one_message(&p);
	assert_int_equal(one_push(o, &ev), 0);
	one_pull(o);
}

/* Yes, and then no, while the vCPU is being saved: it went nowhere, and its node trapped.
 * (Found by tests/fuzz/core.) */
static void move_answered_twice(void **state)
{
	struct tidal_event ev = one_command(TIDAL_CMD_MOVE_VCPU, 0);
	struct tidal_vcpu_info info;
	struct one_core o;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	ev.u.command.vcpu = 3;
	ev.u.command.node = 1;
	assert_int_equal(one_push(&o, &ev), 0);
	one_pull(&o);
	answer_move(&o, 1);
	assert_int_equal(tidal_core_vcpu(o.core, 3, &info), 0);
	assert_int_equal(info.state, TIDAL_VCPU_SAVING);
	answer_move(&o, 0);
	one_settle(&o);
	assert_int_equal(tidal_core_vcpu(o.core, 3, &info), 0);
	assert_int_equal(info.node, 1);
	one_check(&o);
	one_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_device),
		cmocka_unit_test(answer_to_local_access),
		cmocka_unit_test(answer_to_vcpu_that_wants_to_move),
		cmocka_unit_test(answer_of_the_host_to_nothing),
		cmocka_unit_test(answer_of_the_host_for_a_peer),
		cmocka_unit_test(access_of_odd_size),
		cmocka_unit_test(move_answered_twice),
	};

	return cmocka_run_group_tests_name("hostile-io", tests, NULL, NULL);
}
