/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a scripted core, host and transport: commands, pins, accesses of a VMM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_steps.h"

static void test_commands(void **state)
{
	struct tidal_ev_command command = { .command = TIDAL_CMD_MOVE_VCPU, .vcpu = 3, .node = 1 };
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	assert_int_equal(tidal_node_command(node, &command), 0);
	assert_int_equal(pushed(TIDAL_EV_COMMAND, 0)->u.command.vcpu, 3);
	assert_int_equal(tidal_node_command(node, NULL), TIDAL_EINVAL);
	command.requester = TIDAL_NODE_REQUESTERS;
	assert_int_equal(tidal_node_command(node, &command), TIDAL_EINVAL);
	/* not from within */
	script.node = node;
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_REPORT });
	assert_int_equal(script.nested, TIDAL_EBUSY);
	tidal_node_close(node);
}

static void test_pins_reach_the_host(void **state)
{
	const struct tidal_ev_command unpin = { .command = TIDAL_CMD_UNPIN, .gfn = 6 };
	const struct tidal_action pinned = { .kind = TIDAL_ACT_COMPLETE,
					     .u.complete = { .requester = 4, .gfn = 6 } };
	struct tidal_action conflict = pinned;
	struct tidal_node *node = script_open();

	(void)state;
	act(node, pinned);
	assert_int_equal(script_call("pin", 0)->action.u.pages.gfn, 6);
	assert_int_equal(script.pinned, 1);
	assert_int_equal(script.pin_status, 0);
	assert_int_equal(tidal_node_command(node, &unpin), 0);
	assert_int_equal(script_call("unpin", 0)->action.u.pages.gfn, 6);
	conflict.u.complete.status = TIDAL_EBUSY;
	act(node, conflict);
	assert_int_equal(script_calls("pin"), 0);
	assert_int_equal(script.pin_status, TIDAL_EBUSY);
	assert_int_equal(script_pushes(TIDAL_EV_COMMAND), 0);
	tidal_node_close(node);
}

/* Then the core is told to let it go, and the host isn't: there may be other pins of the page. */
static void test_pins_that_the_host_refuses(void **state)
{
	const struct tidal_action pinned = { .kind = TIDAL_ACT_COMPLETE,
					     .u.complete = { .requester = 4, .gfn = 6 } };
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_ENOENT;
	act(node, pinned);
	assert_int_equal(script.pin_status, TIDAL_ENOENT);
	assert_int_equal(pushed(TIDAL_EV_COMMAND, 0)->u.command.command, TIDAL_CMD_UNPIN);
	assert_int_equal(pushed(TIDAL_EV_COMMAND, 0)->u.command.gfn, 6);
	assert_int_equal(script_calls("unpin"), 0);
	script.host_result = 0;
	script.host_again = 2; /* it has events to be taken first */
	act(node, pinned);
	assert_int_equal(script.pin_status, 0);
	assert_int_equal(script_pushes(TIDAL_EV_COMMAND), 0);
	tidal_node_close(node);
}

static bool complete_stalls;

static int answer_stalls(const struct tidal_event *event)
{
	if (event->kind == TIDAL_EV_STALL && complete_stalls)
		script_act(&(struct tidal_action){ .kind = TIDAL_ACT_COMPLETE, .u.complete = {
			.requester = event->u.stall.requester,
			.gfn = event->u.stall.gpa >> TIDAL_PAGE_SHIFT } });
	return 0;
}

/* A node whose pages are all here, page n in frame n. */
static struct tidal_node *open_with_pages(void)
{
	struct tidal_node *node = script_open();

	script.page.state = TIDAL_PAGE_EXCLUSIVE;
	script.page.frame = PAGE_IS_ITS_GFN;
	script.on_push = answer_stalls;
	complete_stalls = true;
	script_forget();
	return node;
}

static void test_access_of_several_pages(void **state)
{
	static uint8_t out[10000], in[10000];
	struct tidal_node *node = open_with_pages();

	(void)state;
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 11 + i / 256);
	assert_int_equal(tidal_node_access(node, 3 * 4096 + 100, out, sizeof(out), 1, 77), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct tidal_ev_stall *s = &pushed(TIDAL_EV_STALL, i)->u.stall;

		assert_int_equal(s->vcpu, TIDAL_VCPU_NONE);
		assert_int_equal(s->access, TIDAL_WRITE);
		assert_int_equal(s->gpa, i == 0 ? 3 * 4096 + 100 : (3 + i) * 4096);
	}
	assert_int_equal(script_call("accessed", 0)->cookie, 77);
	assert_int_equal(script.access_status, 0);
	assert_int_equal(script_frame(3)[99], 0);
	assert_memory_equal(script_frame(3) + 100, out, 3996);
	assert_memory_equal(script_frame(4), out + 3996, 4096);
	assert_memory_equal(script_frame(5), out + 8092, 1908);
	assert_int_equal(script_frame(5)[1908], 0);
	script_forget();
	assert_int_equal(tidal_node_access(node, 3 * 4096 + 100, in, sizeof(in), 0, 78), 0);
	step(node);
	assert_int_equal(pushed(TIDAL_EV_STALL, 0)->u.stall.access, TIDAL_READ);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(stats_of(node).accesses, 2);
	tidal_node_close(node);
}

static void test_access_of_pages_of_zeroes(void **state)
{
	uint8_t buf[64];
	struct tidal_node *node = open_with_pages();

	(void)state;
	script.page.frame = TIDAL_FRAME_ZERO;
	script.page.state = TIDAL_PAGE_SECONDARY;
	memset(buf, 1, sizeof(buf));
	assert_int_equal(tidal_node_access(node, 4090, buf, sizeof(buf), 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, 0);
	assert_true(buf[0] == 0 && buf[63] == 0);
	/* what the core says must fit: no write without a page of one's own */
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 1, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page.frame = 4;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 1, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page.state = TIDAL_PAGE_INVALID;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page.state = TIDAL_PAGE_EXCLUSIVE;
	script.page.frame = SCRIPT_FRAMES;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page_error = TIDAL_ERANGE;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_ERANGE);
	tidal_node_close(node);
}

static int stall_result;

static int stalls_as_told(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL && stall_result ? stall_result
							      : answer_stalls(event);
}

static void test_access_put_off_and_refused(void **state)
{
	uint8_t byte = 9;
	struct tidal_node *node = open_with_pages();

	(void)state;
	script.on_push = stalls_as_told;
	stall_result = TIDAL_EAGAIN;
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 5), 0);
	step(node);
	assert_int_equal(script.accessed, 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	stall_result = 0;
	step(node);
	assert_int_equal(script.accessed, 1);
	assert_int_equal(script_frame(1)[0], 9);
	stall_result = TIDAL_ERANGE;
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 6), 0);
	step(node);
	assert_int_equal(script.accessed, 2);
	assert_int_equal(script.access_status, TIDAL_ERANGE);
	tidal_node_close(node);
}

/* Completions that nobody waits for, or waits for no longer, touch nothing. */
static void test_stale_completions(void **state)
{
	struct tidal_action stale = { .kind = TIDAL_ACT_COMPLETE };
	uint8_t byte = 9;
	struct tidal_node *node = open_with_pages();
	uint32_t old;

	(void)state;
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 5), 0);
	step(node);
	old = pushed(TIDAL_EV_STALL, 0)->u.stall.requester;
	assert_true(old >= TIDAL_NODE_REQUESTERS);
	stale.u.complete.requester = old;
	stale.u.complete.gfn = 1;
	act(node, stale);
	assert_int_equal(script.accessed, 1);
	complete_stalls = false;
	script_forget();
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 6), 0);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), 1);
	act(node, stale);
	assert_int_equal(script.accessed, 1);
	stale.u.complete.requester = UINT32_MAX;
	act(node, stale);
	assert_int_equal(script.accessed, 1);
	tidal_node_close(node);
}

static void test_errors_of_accesses(void **state)
{
	uint8_t byte;
	struct tidal_node *node = open_with_pages();

	(void)state;
	assert_int_equal(tidal_node_access(node, 0, NULL, 1, 0, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_node_access(node, 0, &byte, 0, 0, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_node_access(node, UINT64_MAX, &byte, 1, 0, 0), TIDAL_ERANGE);
	assert_int_equal(tidal_node_access(node, 4096, &byte, SIZE_MAX, 0, 0), TIDAL_ERANGE);
	complete_stalls = false;
	for (unsigned i = 0; i < TIDAL_NODE_ACCESSES; i++)
		assert_int_equal(tidal_node_access(node, i * 4096, &byte, 1, 0, i), 0);
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 0), TIDAL_EAGAIN);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), TIDAL_NODE_ACCESSES);
	/* any order */
	for (unsigned i = TIDAL_NODE_ACCESSES; i-- > 0;)
		script_act(&(struct tidal_action){ .kind = TIDAL_ACT_COMPLETE, .u.complete = {
			.requester = pushed(TIDAL_EV_STALL, i)->u.stall.requester, .gfn = i,
			.status = i % 2 ? TIDAL_EFULL : 0 } });
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_RETIRED });
	step(node);
	assert_int_equal(script.accessed, TIDAL_NODE_ACCESSES);
	assert_int_equal(script_call("accessed", 0)->cookie, TIDAL_NODE_ACCESSES - 1);
	assert_int_equal(script_call("accessed", 0)->result, TIDAL_EFULL);
	assert_int_equal(script_call("accessed", 1)->result, 0);
	tidal_node_close(node);
}

/* A node that knows the map tells at once; nothing is touched. */
static void test_accesses_beyond_known_memory(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_vmap vmap;
	struct tidal_node *node;
	uint8_t bytes[16];

	(void)state;
	script_reset();
	config = script_config(&params);
	assert_int_equal(tidal_vmap_init(&vmap, sizeof(vmap), 512, 1), 0);
	params.vmap = &vmap;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_access(node, 512 * 4096, bytes, 1, 0, 0), TIDAL_ERANGE);
	assert_int_equal(tidal_node_access(node, 512 * 4096 - 8, bytes, 9, 0, 0), TIDAL_ERANGE);
	assert_int_equal(tidal_node_access(node, 512 * 4096 - 8, bytes, 8, 0, 0), 0);
	tidal_node_close(node);
}

static void test_decision_time_is_measured(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		script_event(&(struct tidal_event){ .kind = TIDAL_EV_STALL,
						    .u.stall = { .vcpu = 1 } });
	step(node);
	assert_int_equal(stats_of(node).stalls, 10);
	assert_in_range(stats_of(node).stalls_ns, 1, 1000000000);
	tidal_node_close(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_pins_reach_the_host),
		cmocka_unit_test(test_pins_that_the_host_refuses),
		cmocka_unit_test(test_access_of_several_pages),
		cmocka_unit_test(test_access_of_pages_of_zeroes),
		cmocka_unit_test(test_access_put_off_and_refused),
		cmocka_unit_test(test_stale_completions),
		cmocka_unit_test(test_errors_of_accesses),
		cmocka_unit_test(test_accesses_beyond_known_memory),
		cmocka_unit_test(test_decision_time_is_measured),
	};

	return cmocka_run_group_tests_name("node_access", tests, NULL, NULL);
}
