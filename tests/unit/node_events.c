/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a scripted core, host and transport: events, ticks, the order of things, ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_steps.h"

/* Stalls find no room until then. */
static bool core_has_room;

static int no_stalls(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL && !core_has_room ? TIDAL_EAGAIN : 0;
}

/* A stall put off holds up what follows of its vCPU, and nothing else. */
static void test_stalls_put_off(void **state)
{
	const struct tidal_event events[] = {
		{ .kind = TIDAL_EV_STALL, .u.stall = { .vcpu = 1, .gpa = 0x1000 } },
		{ .kind = TIDAL_EV_RETIRED, .u.retired = { 1 } },
		{ .kind = TIDAL_EV_RETIRED, .u.retired = { 2 } },
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 6 } },
		{ .kind = TIDAL_EV_VCPU_WAKE, .u.wake = { 1 } },
	};
	struct tidal_node *node = script_open();

	(void)state;
	core_has_room = false;
	script.on_push = no_stalls;
	script_forget();
	for (unsigned i = 0; i < 5; i++)
		script_event(&events[i]);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_RETIRED), 1);
	assert_int_equal(pushed(TIDAL_EV_RETIRED, 0)->u.retired.vcpu, 2);
	assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
	assert_int_equal(script_pushes(TIDAL_EV_VCPU_WAKE), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	core_has_room = true;
	script_forget();
	step(node);
	assert_int_equal(script_call("push", 0)->event.kind, TIDAL_EV_STALL);
	assert_int_equal(script_call("push", 0)->event.u.stall.gpa, 0x1000);
	assert_int_equal(script_call("push", 1)->event.kind, TIDAL_EV_RETIRED);
	assert_int_equal(script_call("push", 2)->event.kind, TIDAL_EV_VCPU_WAKE);
	assert_int_equal(tidal_node_deadline(node), 5000);
	tidal_node_close(node);
}

static int refuse_stalls(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL || event->kind == TIDAL_EV_VCPU_WAKE ? TIDAL_ERANGE
										   : 0;
}

static void test_stalls_refused_are_reported(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.on_push = refuse_stalls;
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_STALL, .u.stall = { .vcpu = 2 } });
	step(node);
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.error, TIDAL_ERANGE);
	assert_int_equal(script.report.vcpu, 2);
	/* an interrupt for a vCPU that has just left is nobody's fault */
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE, .u.wake = { 2 } });
	step(node);
	assert_int_equal(script.reports, 1);
	tidal_node_close(node);
}

/* More events than the driver holds stay in the host. */
static void test_events_beyond_bounds_stay_in_the_host(void **state)
{
	struct tidal_node *node = script_open();
	unsigned total = 0;

	(void)state;
	core_has_room = false;
	script.on_push = no_stalls;
	for (unsigned i = 0; i < 2000; i++)
		script_event(&(struct tidal_event){ .kind = TIDAL_EV_STALL,
						    .u.stall = { .vcpu = i % 20, .gpa = i } });
	for (unsigned i = 0; i < 100; i++) {
		step(node);
		script_forget();
	}
	assert_in_range(script.event_tail - script.event_head, 1000, 1990);
	core_has_room = true;
	for (unsigned i = 0; i < 100; i++) {
		script_forget();
		step(node);
		for (unsigned k = 0; k < script.count; k++)
			if (script.calls[k].event.kind == TIDAL_EV_STALL)
				assert_int_equal(script.calls[k].event.u.stall.gpa, total++);
	}
	assert_int_equal(total, 2000);
	tidal_node_close(node);
}

static void test_messages_come_before_vcpus_run(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	script_forget();
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	assert_int_equal(tidal_node_step(node, 1000, 50), 1);
	assert_string_equal(script.calls[0].what, "push");
	assert_string_equal(script.calls[1].what, "execute");
	tidal_node_close(node);
}

static void test_ticks_come_at_the_deadline(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script.deadline = 2000;
	assert_int_equal(tidal_node_deadline(node), 2000);
	assert_int_equal(tidal_node_step(node, 1999, 0), 0);
	assert_int_equal(script_pushes(TIDAL_EV_TICK), 0);
	assert_int_equal(tidal_node_step(node, 2000, 0), 1);
	assert_int_equal(script_pushes(TIDAL_EV_TICK), 1);
	script.deadline = 6000;
	assert_int_equal(tidal_node_deadline(node), 5000); /* of the transport */
	tidal_node_close(node);
}

static void test_messages_come_before_ticks(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script.deadline = 0;
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script_call("push", 0)->event.kind, TIDAL_EV_MESSAGE);
	assert_int_equal(script_call("push", 1)->event.kind, TIDAL_EV_TICK);
	tidal_node_close(node);
}

static void test_time_never_goes_back(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.deadline = 0;
	assert_int_equal(tidal_node_step(node, 5000, 0), 1);
	assert_int_equal(script.now, 5000);
	assert_int_equal(tidal_node_step(node, 4000, 0), 1);
	assert_int_equal(script.now, 5000);
	tidal_node_close(node);
}

/* Recording begins before everything else, and stops when nobody takes the bytes. */
static void test_recording(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node = script_open();

	(void)state;
	assert_int_equal(tidal_node_record(node), TIDAL_EBUSY);
	tidal_node_close(node);
	assert_int_equal(script.recorded, 0);
	script_reset();
	config = script_config(&params);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	script.record_result = TIDAL_EIO;
	assert_int_equal(tidal_node_record(node), TIDAL_EIO);
	script.record_result = 0;
	assert_int_equal(tidal_node_record(node), 0);
	assert_int_equal(tidal_node_record(node), TIDAL_EBUSY);
	assert_int_equal(script.recorded, 2);
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script.recorded, 3);
	script.record_result = 1;
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	script_message(2, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script.recorded, 4); /* refused: that was the last */
	tidal_node_close(node);
	assert_int_equal(script.recorded, 4);
}

static int broken_core(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_MESSAGE ? TIDAL_EBROKEN : 0;
}

static void test_a_broken_core_ends_the_node(void **state)
{
	const struct tidal_ev_command command = { .command = TIDAL_CMD_PAUSE };
	struct tidal_node *node = script_open();
	uint8_t byte;

	(void)state;
	script.on_push = broken_core;
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	assert_int_equal(tidal_node_step(node, 2, 0), TIDAL_EBROKEN);
	assert_int_equal(tidal_node_step(node, 3, 0), TIDAL_EBROKEN);
	assert_int_equal(tidal_node_command(node, &command), TIDAL_EBROKEN);
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 0), TIDAL_EBROKEN);
	tidal_node_close(node);
}

static void test_an_unknown_action_ends_the_node(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_act(&(struct tidal_action){ .kind = 0 });
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_RETIRED });
	assert_int_equal(tidal_node_step(node, 2, 0), TIDAL_EBROKEN);
	tidal_node_close(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stalls_put_off),
		cmocka_unit_test(test_stalls_refused_are_reported),
		cmocka_unit_test(test_events_beyond_bounds_stay_in_the_host),
		cmocka_unit_test(test_messages_come_before_vcpus_run),
		cmocka_unit_test(test_ticks_come_at_the_deadline),
		cmocka_unit_test(test_messages_come_before_ticks),
		cmocka_unit_test(test_time_never_goes_back),
		cmocka_unit_test(test_recording),
		cmocka_unit_test(test_a_broken_core_ends_the_node),
		cmocka_unit_test(test_an_unknown_action_ends_the_node),
	};

	return cmocka_run_group_tests_name("node_events", tests, NULL, NULL);
}
