/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a scripted core, host and transport: vCPUs come, run and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_steps.h"

static void test_vcpu_leaves(void **state)
{
	struct tidal_node *node = script_open();
	const struct script_call *save;
	uint32_t buf;

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_SAVE, 3, 900, 0, 0));
	save = script_call("save", 0);
	assert_int_equal(save->action.u.vcpu.vcpu, 3);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.payload_len, 5000);
	buf = pushed(TIDAL_EV_HOST_DONE, 0)->u.done.buf;
	act(node, send_of(TIDAL_PAYLOAD_VCPU, buf, 5000));
	assert_int_equal(script_call("send", 0)->data_len, 5000);
	assert_int_equal(script_call("send", 0)->first, 0x77);
	act(node, vcpu_action(TIDAL_ACT_DROP, 3, 0, 0, 0));
	assert_int_equal(script_call("drop", 0)->action.u.vcpu.vcpu, 3);
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_BUF_FREE, .u.buf = { buf } });
	act(node, send_of(TIDAL_PAYLOAD_VCPU, buf, 5000));
	assert_int_equal(script_calls("send"), 0); /* it is free */
	assert_int_equal(script.reports, 1);
	tidal_node_close(node);
}

/* The core can't free what is the transport's. */
static void test_buffers_that_are_not_the_cores(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_BUF_FREE, .u.buf = { 0 } });
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_BUF_FREE, .u.buf = { UINT32_MAX } });
	assert_int_equal(script.reports, 2);
	assert_int_equal(script.report.error, TIDAL_EBROKEN);
	for (unsigned i = 0; i < 4; i++) { /* nobody saves into it */
		act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 100 + i, 0, 0));
		assert_int_not_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.buf, 0);
	}
	tidal_node_close(node);
}

/* A transport without room for buffers keeps none from the saves. */
static void test_buffers_that_can_not_be_posted(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	script.post_result = TIDAL_EAGAIN;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	for (unsigned i = 0; i < 20; i++)
		step(node);
	script.post_result = 0;
	script_forget();
	step(node);
	assert_int_equal(script_calls("post vcpu"), LANDING_VCPUS);
	act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 100, 0, 0));
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	tidal_node_close(node);
}

/* As many saves as there are slots always work; one more is answered, and so is one that fails. */
static void test_saves_find_buffers(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	for (unsigned i = 0; i < 20; i++) { /* failures keep no buffer */
		act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 50 + i, 0, 0));
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EBUSY);
	}
	script.host_result = 0;
	for (unsigned i = 0; i < 4; i++) {
		act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 100 + i, 0, 0));
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	}
	act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 200, 0, 0));
	assert_int_equal(script_calls("save"), 0);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_ENOMEM);
	tidal_node_close(node);
}

/* A host that finishes a save later, among others, and one that fails later. */
static void test_saves_that_take_time(void **state)
{
	const struct tidal_event late[] = {
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 302, .payload_len = 1 } },
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 301, .status = TIDAL_EIO } },
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 303, .payload_len = 3 } },
	};
	struct tidal_node *node = script_open();
	const void *data[4];
	uint32_t two, three;

	(void)state;
	script.complete = false;
	for (unsigned i = 1; i <= 3; i++) {
		act(node, vcpu_action(TIDAL_ACT_SAVE, (tidal_vcpuid)i, 300 + i, 0, 0));
		data[i] = script_call("save", 0)->data;
	}
	assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 0);
	script_forget();
	for (unsigned i = 0; i < 3; i++)
		script_event(&late[i]);
	step(node);
	two = pushed(TIDAL_EV_HOST_DONE, 0)->u.done.buf;
	three = pushed(TIDAL_EV_HOST_DONE, 2)->u.done.buf;
	assert_int_not_equal(two, three);
	act(node, send_of(TIDAL_PAYLOAD_VCPU, two, 1));
	assert_ptr_equal(script_call("send", 0)->data, data[2]);
	act(node, send_of(TIDAL_PAYLOAD_VCPU, three, 3));
	assert_ptr_equal(script_call("send", 0)->data, data[3]);
	tidal_node_close(node);
}

static void test_vcpu_arrives(void **state)
{
	struct tidal_node *node;
	uint8_t *memory;

	(void)state;
	node = script_open();
	memory = (uint8_t *)(uintptr_t)script_call("post vcpu", 1)->data;
	assert_int_equal(script_call("post vcpu", 1)->data_len, SCRIPT_VCPU_BYTES);
	memory[0] = 0x99; /* what the transport wrote */
	script_message(1, TIDAL_PAYLOAD_VCPU, script_call("post vcpu", 1)->cookie, 4000);
	script_forget();
	script.complete = false;
	step(node);
	/* a landed buffer is the core's: another takes its place while it is there */
	assert_int_equal(script_calls("post vcpu"), 1);
	act(node, vcpu_action(TIDAL_ACT_LOAD, 2, 800, 1, 4000));
	assert_int_equal(script_call("load", 0)->action.u.vcpu.vcpu, 2);
	assert_ptr_equal(script_call("load", 0)->data, memory);
	assert_int_equal(script_call("load", 0)->data_len, 4000);
	assert_int_equal(script_call("load", 0)->first, 0x99);
	/* until the host is done nobody else may have it */
	act(node, send_of(TIDAL_PAYLOAD_VCPU, 1, 100));
	assert_int_equal(script_calls("send"), 0);
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_HOST_DONE,
					    .u.done = { .token = 800 } });
	script_forget();
	step(node);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 800);
	/* and then it can be saved into */
	act(node, vcpu_action(TIDAL_ACT_SAVE, 2, 801, 0, 0));
	assert_ptr_equal(script_call("save", 0)->data, memory);
	tidal_node_close(node);
}

static void test_loads_that_fail(void **state)
{
	struct tidal_node *node = script_open();
	uint64_t cookie = 1, next;

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_LOAD, 2, 800, 1, 4000)); /* still the transport's */
	assert_int_equal(script_calls("load"), 0);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EINVAL);
	for (unsigned i = 0; i < 20; i++) { /* the buffer is free afterwards */
		script.host_result = 0;
		script_forget();
		script_message(1, TIDAL_PAYLOAD_VCPU, cookie, 4000);
		step(node);
		next = script_call("post vcpu", 0)->cookie;
		script.host_result = TIDAL_EFORMAT;
		act(node, vcpu_action(TIDAL_ACT_LOAD, 2, 900 + i, (uint32_t)cookie, 4000));
		assert_int_equal(script_calls("load"), 1);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EFORMAT);
		cookie = next;
	}
	tidal_node_close(node);
}

static void test_run_and_stop(void **state)
{
	struct tidal_node *node = script_open();
	const struct tidal_act_vcpu *v;

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	v = &script_call("run", 0)->action.u.vcpu;
	assert_true(v->vcpu == 3 && v->hthread == 1 && v->resume == TIDAL_RESUME_IO);
	assert_true(v->watch == 1 && v->value == 55);
	assert_int_equal(tidal_node_deadline(node), 0); /* this host runs it within poll() */
	script.fd = 5;
	assert_int_equal(tidal_node_deadline(node), 5000);
	script.fd = -1;
	act(node, vcpu_action(TIDAL_ACT_STOP, 3, 0, 0, 0));
	assert_int_equal(script_call("kick", 0)->action.u.vcpu.vcpu, 3);
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_VCPU_STOPPED,
					    .u.stopped = { .vcpu = 3 } });
	step(node);
	assert_int_equal(tidal_node_deadline(node), 5000);
	tidal_node_close(node);
}

/* A vCPU that can't be run counts as stopped, one step later. */
static void test_run_that_fails(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.what, TIDAL_REPORT_HOST_FAILED);
	assert_int_equal(script.report.vcpu, 3);
	assert_int_equal(script.report.error, TIDAL_EBUSY);
	assert_int_equal(script_pushes(TIDAL_EV_VCPU_STOPPED), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	step(node);
	assert_int_equal(pushed(TIDAL_EV_VCPU_STOPPED, 0)->u.stopped.vcpu, 3);
	assert_int_equal(pushed(TIDAL_EV_VCPU_STOPPED, 0)->u.stopped.reason, TIDAL_STOP_SLICE);
	script.host_result = TIDAL_EPERM;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	step(node);
	assert_int_equal(pushed(TIDAL_EV_VCPU_STOPPED, 0)->u.stopped.reason, TIDAL_STOP_OFF);
	script.host_result = TIDAL_ENOENT;
	act(node, vcpu_action(TIDAL_ACT_DROP, 3, 0, 0, 0));
	act(node, vcpu_action(TIDAL_ACT_STOP, 3, 0, 0, 0));
	assert_int_equal(script.reports, 3);
	tidal_node_close(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vcpu_leaves),
		cmocka_unit_test(test_buffers_that_are_not_the_cores),
		cmocka_unit_test(test_buffers_that_can_not_be_posted),
		cmocka_unit_test(test_saves_find_buffers),
		cmocka_unit_test(test_saves_that_take_time),
		cmocka_unit_test(test_vcpu_arrives),
		cmocka_unit_test(test_loads_that_fail),
		cmocka_unit_test(test_run_and_stop),
		cmocka_unit_test(test_run_that_fails),
	};

	return cmocka_run_group_tests_name("node_vcpus", tests, NULL, NULL);
}
