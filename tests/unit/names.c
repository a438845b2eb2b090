/* SPDX-License-Identifier: BSD-3-Clause */
/* Every event, action and transient state has a name of its own; unknown ones have "?". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/action.h>
#include <tidal/core.h>
#include <tidal/event.h>

#include "core/transits.h"

static void check_names(const char *(*name)(uint32_t), uint32_t last)
{
	assert_string_equal(name(0), "?");
	assert_string_equal(name(last + 1), "?");
	assert_string_equal(name(UINT32_MAX), "?");
	for (uint32_t i = 1; i <= last; i++) {
		assert_string_not_equal(name(i), "?");
		for (uint32_t j = 1; j < i; j++)
			assert_string_not_equal(name(i), name(j));
	}
}

static void test_names(void **state)
{
	(void)state;
	check_names(tidal_event_name, TIDAL_EV_VCPU_WAKE);
	check_names(tidal_action_name, TIDAL_ACT_TRACE);
	check_names(tidal_trace_name, TIDAL_TRACE_STOPPED);
	assert_string_equal(tidal_event_name(TIDAL_EV_STALL), "stall");
	assert_string_equal(tidal_action_name(TIDAL_ACT_SEND), "send");
	assert_string_equal(tidal_action_name(TIDAL_ACT_RUN), "run");
}

static void test_names_of_what_is_under_way(void **state)
{
	(void)state;
	assert_string_equal(tidal_transient_name(0), "stable");
	for (uint32_t i = 1; i < SIT_ROOM; i++)
		assert_string_equal(tidal_transient_name(i), "?");
	for (uint32_t i = SIT_ROOM; i < SIT_MAX; i++) {
		assert_string_not_equal(tidal_transient_name(i), "?");
		for (uint32_t j = SIT_ROOM; j < i; j++)
			assert_string_not_equal(tidal_transient_name(i), tidal_transient_name(j));
	}
	assert_string_equal(tidal_transient_name(SIT_ASK), "ASK");
	assert_string_equal(tidal_transient_name(SIT_MAX), "?");
	assert_string_equal(tidal_transient_name(UINT32_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_of_what_is_under_way),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
