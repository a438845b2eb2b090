/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver against a scripted core: pages that are fetched before they are touched.
 *
 * Seen to fail with: rows that begin with the first page, writes that count as well, no look at
 * the free frames, at accesses, or at what is here already, and a row that is asked for twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "node_steps.h"

static struct tidal_node *open_node(uint32_t around)
{
	struct tidal_params params;
	struct tidal_node_config config;
	struct tidal_node *node;

	script_reset();
	config = script_config(&params);
	config.around = around;
	script.page.state = TIDAL_PAGE_INVALID;
	script.stats.frames_zeroed = 1000;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	step(node);
	script_forget();
	return node;
}

static void stall(struct tidal_node *node, tidal_gfn gfn, uint16_t access)
{
	const struct tidal_event event = {
		.kind = TIDAL_EV_STALL,
		.u.stall = { .vcpu = 1, .access = access, .gpa = gfn * TIDAL_PAGE_SIZE + 8 },
	};

	script_event(&event);
	step(node);
}

/* As many steps as it takes; the pages that were asked for are first .. first + n - 1. */
static void expect(struct tidal_node *node, tidal_gfn first, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < 64; i++)
		step(node);
	for (unsigned i = 0; i < script_pushes(TIDAL_EV_STALL); i++) {
		const struct tidal_ev_stall *s = &pushed(TIDAL_EV_STALL, i)->u.stall;

		if (s->vcpu != TIDAL_VCPU_NONE)
			continue;
		assert_int_equal(s->gpa, (first + found) * TIDAL_PAGE_SIZE);
		assert_int_equal(s->access, TIDAL_READ);
		assert_true(s->requester >= TIDAL_NODE_REQUESTERS);
		found++;
	}
	assert_int_equal(found, n);
	for (; n > 0; n--) {
		const struct tidal_action done = {
			.kind = TIDAL_ACT_COMPLETE,
			.u.complete = { .requester = UINT32_C(0xc0000000), .gfn = first + n - 1 },
		};

		act(node, done);
	}
	script_forget();
}

static void test_pages_in_a_row(void **state)
{
	struct tidal_node *node = open_node(16);

	(void)state;
	stall(node, 10, TIDAL_READ);
	expect(node, 0, 0);
	stall(node, 11, TIDAL_READ);
	expect(node, 12, 4);
	stall(node, 16, TIDAL_READ);
	expect(node, 17, 8);
	stall(node, 20, TIDAL_READ); /* it had not come yet: its turn is over */
	expect(node, 25, 12);
	stall(node, 37, TIDAL_READ);
	expect(node, 38, 16);
	tidal_node_close(node);
}

static void test_several_rows(void **state)
{
	struct tidal_node *node = open_node(4);

	(void)state;
	for (tidal_gfn i = 0; i < 2; i++)
		for (tidal_gfn row = 0; row < 3; row++) {
			stall(node, 100 * row + i, TIDAL_READ);
			expect(node, 100 * row + 2, i == 0 ? 0 : 4);
		}
	tidal_node_close(node);
}

static void test_no_row(void **state)
{
	struct tidal_node *node = open_node(16);

	(void)state;
	for (tidal_gfn i = 0; i < 40; i++)
		stall(node, i * 17 % 41 * 2, TIDAL_READ);
	for (tidal_gfn i = 200; i < 204; i++)
		stall(node, i, TIDAL_WRITE);
	expect(node, 0, 0);
	tidal_node_close(node);
}

static void test_off(void **state)
{
	struct tidal_node *node = open_node(0);

	(void)state;
	for (tidal_gfn i = 0; i < 8; i++)
		stall(node, i, TIDAL_READ);
	expect(node, 0, 0);
	tidal_node_close(node);
}

static void test_not_with_few_frames(void **state)
{
	struct tidal_node *node = open_node(16);

	(void)state;
	script.stats.frames_zeroed = 1;
	for (tidal_gfn i = 0; i < 8; i++)
		stall(node, i, TIDAL_READ);
	expect(node, 0, 0);
	tidal_node_close(node);
}

static void test_not_what_is_here(void **state)
{
	struct tidal_node *node = open_node(16);

	(void)state;
	script.page.state = TIDAL_PAGE_SECONDARY;
	for (tidal_gfn i = 0; i < 4; i++)
		stall(node, i, TIDAL_READ);
	expect(node, 0, 0);
	script.page.state = TIDAL_PAGE_INVALID;
	script.page.transient = 1;
	for (tidal_gfn i = 100; i < 104; i++)
		stall(node, i, TIDAL_READ);
	expect(node, 0, 0);
	tidal_node_close(node);
}

/* An access of the VMM goes first, and has all places that the core has for such. */
static void test_not_while_the_vmm_waits(void **state)
{
	struct tidal_node *node = open_node(16);
	uint8_t byte;

	(void)state;
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 7), 0);
	for (tidal_gfn i = 10; i < 12; i++)
		stall(node, i, TIDAL_READ);
	for (unsigned i = 0; i < 8; i++)
		step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), 3);
	assert_int_equal(script.accessed, 0);
	tidal_node_close(node);
}

static void test_too_many(void **state)
{
	struct tidal_params params;
	struct tidal_node_config config;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	config.around = 33;
	assert_int_equal(tidal_node_open(&config, &node), TIDAL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_in_a_row),
		cmocka_unit_test(test_several_rows),
		cmocka_unit_test(test_no_row),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_not_with_few_frames),
		cmocka_unit_test(test_not_what_is_here),
		cmocka_unit_test(test_not_while_the_vmm_waits),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
