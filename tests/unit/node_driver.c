/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a scripted core, host and transport: how it opens, what it has the host do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_steps.h"

/* --- opening --------------------------------------------------------------------------------- */

static void test_open_judges_what_it_gets(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node = NULL;

	(void)state;
#define OPENS_AS(error, change)                                                                   \
	do {                                                                                      \
		script_reset();                                                                   \
		config = script_config(&params);                                                  \
		change;                                                                           \
		assert_int_equal(tidal_node_open(&config, &node), error);                         \
		assert_null(node);                                                                \
		assert_int_equal(script_calls("reg"), script_calls("dereg"));                     \
	} while (0)
	OPENS_AS(TIDAL_EINVAL, config.size = 0);
	OPENS_AS(TIDAL_EINVAL, config.host = NULL);
	OPENS_AS(TIDAL_EINVAL, config.host_ops = NULL);
	OPENS_AS(TIDAL_EINVAL, config.transport = NULL);
	OPENS_AS(TIDAL_EINVAL, config.transport_ops = NULL);
	OPENS_AS(TIDAL_EINVAL, config.params = NULL);
	OPENS_AS(TIDAL_EINVAL, params.size = 8);
	OPENS_AS(TIDAL_ERANGE, params.frames = SCRIPT_FRAMES + 1);
	OPENS_AS(TIDAL_ERANGE, params.vcpu_slots = 5);
	OPENS_AS(TIDAL_ERANGE, script.host_caps.hthreads = 0);
	OPENS_AS(TIDAL_ERANGE, script.wire_caps.header_max = TIDAL_HEADER_MAX - 1);
	OPENS_AS(TIDAL_ERANGE, script.wire_caps.payload_max = 4095);
	OPENS_AS(TIDAL_ERANGE, script.wire_caps.payload_max = SCRIPT_VCPU_BYTES - 1);
	OPENS_AS(TIDAL_ERANGE, script.host_caps.vcpu_bytes = TIDAL_VCPU_BYTES_MAX + 1);
	OPENS_AS(TIDAL_EINVAL, script.host_caps.vcpu_bytes = 0);
	OPENS_AS(TIDAL_ENOSYS, params.flags = TIDAL_PARAM_RETIRE_EVENTS;
		 script.host_caps.tells_retire = 0);
	OPENS_AS(TIDAL_ENOSYS, params.flags = TIDAL_PARAM_IDEAL_LINK;
		 script.wire_caps.exactly_once = 0);
	OPENS_AS(TIDAL_EVERSION, script.init_error = TIDAL_EVERSION);
	OPENS_AS(TIDAL_EIO, script.reg_result = TIDAL_EIO);
#undef OPENS_AS
	assert_int_equal(tidal_node_open(NULL, &node), TIDAL_EINVAL);
	assert_int_equal(tidal_node_open(&config, NULL), TIDAL_EINVAL);
	tidal_node_close(NULL);
}

/* A caller with a newer header may not ask for what this library does not know. */
static void test_open_with_a_newer_header(void **state)
{
	struct {
		struct tidal_node_config config;
		uint64_t unknown;
	} newer;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	newer.config = script_config(&params);
	newer.config.size = sizeof(newer);
	newer.unknown = 1;
	assert_int_equal(tidal_node_open(&newer.config, &node), TIDAL_EINVAL);
	newer.unknown = 0;
	assert_int_equal(tidal_node_open(&newer.config, &node), 0);
	tidal_node_close(node);
}

/* Registering memory is optional for a transport. */
static void test_open_without_registration(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	script.reg_result = TIDAL_ENOSYS;
	config = script_config(&params);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_true(script_calls("refuse") > 0);
	tidal_node_close(node);
}

static void test_the_cores_first_wishes_come_true(void **state)
{
	const struct tidal_action post = { .kind = TIDAL_ACT_POST, .u.frame = { .token = 0, .frame = 3 } };
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	script_act(&post);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	step(node);
	assert_int_equal(script_call("post page", 0)->cookie, 3);
	assert_int_equal(script_calls("post vcpu"), LANDING_VCPUS);
	tidal_node_close(node);
	assert_int_equal(script_calls("dereg"), script_calls("reg"));
}

/* --- actions on memory ----------------------------------------------------------------------- */

static const struct {
	uint32_t kind;
	const char *what;
} page_actions[] = {
	{ TIDAL_ACT_MAP, "map" }, { TIDAL_ACT_UNMAP, "unmap" }, { TIDAL_ACT_PROTECT, "protect" },
};

static struct tidal_action pages(uint32_t kind)
{
	return (struct tidal_action){ .kind = kind, .u.pages = {
		.token = 4711, .gfn = 9, .mask = 0x11, .frame = 7, .prot = TIDAL_PROT_RW,
		.test = 1 } };
}

static void test_pages_go_to_the_host_and_back(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct tidal_act_pages *p;

		act(node, pages(page_actions[i].kind));
		assert_int_equal(script_calls(page_actions[i].what), 1);
		p = &script_call(page_actions[i].what, 0)->action.u.pages;
		assert_true(p->token == 4711 && p->gfn == 9 && p->mask == 0x11 && p->frame == 7);
		assert_true(p->prot == TIDAL_PROT_RW && p->test == 1);
		assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 4711);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	}
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_ZERO, .u.frame = { .token = 12, .frame = 5 } });
	assert_int_equal(script_call("zero", 0)->action.u.frame.frame, 5);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 12);
	tidal_node_close(node);
}

static void test_what_the_host_refuses_is_answered(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	for (unsigned i = 0; i < 3; i++) {
		act(node, pages(page_actions[i].kind));
		assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 4711);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EBUSY);
	}
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_ZERO, .u.frame = { .token = 12, .frame = 5 } });
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EBUSY);
	script.host_result = 5; /* not an error number: an error all the same */
	act(node, pages(TIDAL_ACT_MAP));
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EIO);
	assert_int_equal(stats_of(node).host_failed, 5);
	assert_int_equal(script.reports, 0); /* the core knows, and reports what matters */
	tidal_node_close(node);
}

/* A host without room for more has events to give away first. */
static void test_a_full_host_is_asked_again(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_again = 2;
	act(node, pages(TIDAL_ACT_MAP));
	assert_int_equal(script_calls("map"), 3);
	assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	script.host_again = 1000;
	act(node, pages(TIDAL_ACT_MAP));
	assert_in_range(script_calls("map"), 2, 100);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EAGAIN);
	tidal_node_close(node);
}

/* A host that refuses for ever, and a core that insists, don't keep a step from ending. */
static int insist(const struct tidal_event *event)
{
	const struct tidal_action again = pages(TIDAL_ACT_MAP);

	if (event->kind == TIDAL_EV_HOST_DONE)
		script_act(&again);
	return 0;
}

static void test_a_step_ends_whatever_happens(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	script.on_push = insist;
	act(node, pages(TIDAL_ACT_MAP));
	assert_in_range(script_calls("map"), 2, 200);
	tidal_node_close(node);
}

static void test_io(void **state)
{
	struct tidal_action io = { .kind = TIDAL_ACT_IO, .u.io = {
		.token = 8, .gpa = 0xf000, .data = 42, .vcpu = 3, .write = 0, .size = 4 } };
	struct tidal_node *node = script_open();

	(void)state;
	script.io_value = 99;
	act(node, io);
	assert_int_equal(script_call("io", 0)->action.u.io.gpa, 0xf000);
	assert_int_equal(script_call("io", 0)->action.u.io.vcpu, 3);
	assert_int_equal(script_call("io", 0)->action.u.io.size, 4);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 8);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.value, 99);
	io.u.io.write = 1;
	act(node, io);
	assert_int_equal(script_call("io", 0)->action.u.io.data, 42);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.value, 0);
	script.io_result = TIDAL_EPERM;
	act(node, io);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EPERM);
	script.io_result = 5; /* not an error number: an error all the same */
	act(node, io);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EIO);
	tidal_node_close(node);
}

static void test_without_callbacks(void **state)
{
	const struct tidal_action io = { .kind = TIDAL_ACT_IO, .u.io = { .token = 8, .size = 4 } };
	const struct tidal_action report = { .kind = TIDAL_ACT_REPORT };
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;
	uint8_t byte;

	(void)state;
	script_reset();
	config = script_config(&params);
	config.callbacks = NULL;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_record(node), TIDAL_EINVAL);
	script_act(&io);
	script_act(&report);
	script_act(&(struct tidal_action){ .kind = TIDAL_ACT_COMPLETE });
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 0), 0);
	script.on_push = NULL;
	step(node);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_ENOSYS);
	tidal_node_close(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_judges_what_it_gets),
		cmocka_unit_test(test_open_with_a_newer_header),
		cmocka_unit_test(test_open_without_registration),
		cmocka_unit_test(test_the_cores_first_wishes_come_true),
		cmocka_unit_test(test_pages_go_to_the_host_and_back),
		cmocka_unit_test(test_what_the_host_refuses_is_answered),
		cmocka_unit_test(test_a_full_host_is_asked_again),
		cmocka_unit_test(test_a_step_ends_whatever_happens),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_without_callbacks),
	};

	return cmocka_run_group_tests_name("node_driver", tests, NULL, NULL);
}
