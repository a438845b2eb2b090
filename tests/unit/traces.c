/* SPDX-License-Identifier: BSD-3-Clause */
/* traces: in order; what finds no room is counted; without room it costs no memory. */
#include "component.h"

#include "core/traces.h"

static void add(struct traces *t, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		traces_add(t, &(struct tidal_trace){ .what = TIDAL_TRACE_SERVED, .gfn = i });
}

static void expect(struct traces *t, unsigned from, unsigned to)
{
	struct tidal_trace r;

	for (unsigned i = from; i < to; i++) {
		assert_true(traces_take(t, &r));
		assert_int_equal(r.what, TIDAL_TRACE_SERVED);
		assert_int_equal(r.gfn, i);
	}
}

static void test_in_order(void **state)
{
	struct tidal_trace r;
	struct traces *t;

	(void)state;
	COMPONENT_OPEN(struct traces, &t, traces_init, 4);
	assert_false(traces_any(t));
	for (unsigned round = 0; round < 3; round++) {
		add(t, 0, 2);
		expect(t, 0, 1);
		add(t, 2, 4);
		assert_true(traces_any(t));
		expect(t, 1, 4);
		assert_false(traces_take(t, &r));
		assert_false(traces_any(t));
	}
	test_free(t);
}

static void test_what_finds_no_room_is_counted(void **state)
{
	struct tidal_trace r;
	struct traces *t;

	(void)state;
	COMPONENT_OPEN(struct traces, &t, traces_init, 4);
	add(t, 0, 9);
	expect(t, 0, 4);
	assert_true(traces_take(t, &r));
	assert_int_equal(r.what, TIDAL_TRACE_DROPPED);
	assert_int_equal(r.pages, 5);
	assert_false(traces_take(t, &r));
	add(t, 0, 4); /* and all is as before */
	expect(t, 0, 4);
	assert_false(traces_take(t, &r));
	test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_what_finds_no_room_is_counted),
	};

	return cmocka_run_group_tests_name("traces", tests, NULL, NULL);
}
