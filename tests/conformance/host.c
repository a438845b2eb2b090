/* SPDX-License-Identifier: BSD-3-Clause */
/* The suite for host backends: its list of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "host_machine.h"

/* Is there anything to test on this machine? */
static int try_open(const struct host_adapter *adapter)
{
	struct tidal_host *host;
	const char *why = "no reason given";
	int r = adapter->open(&host, &why);

	if (r == 0)
		adapter->ops()->close(host);
	else
		printf("%s: %s: %s\n", r > 0 ? "SKIP" : "FAIL", adapter->name,
		       r > 0 ? why : tidal_strerror(r));
	return r;
}

#define CASE(name) cmocka_unit_test_prestate(name, state)

int host_conformance(const struct host_adapter *adapter)
{
	void *state = (void *)(uintptr_t)adapter;
	const struct CMUnitTest tests[] = {
		CASE(test_query),
		CASE(test_regions),
		CASE(test_map_refusals),
		CASE(test_change_refusals),
		CASE(test_one_frame_one_page),
		CASE(test_all_or_nothing),
		CASE(test_bytes_stay),
		CASE(test_frame_data_refusals),
		CASE(test_batches),
		CASE(test_zero_test),
		CASE(test_zero),
		CASE(test_scrub),
		CASE(test_scrub_by_others),
		CASE(test_pins),
		CASE(test_few_events_at_a_time),

		CASE(test_load),
		CASE(test_store),
		CASE(test_store_read_only),
		CASE(test_execute),
		CASE(test_zero_stall_skipped),
		CASE(test_zero_stall_retried),
		CASE(test_page_of_zeroes),
		CASE(test_device_write),
		CASE(test_device_read),
		CASE(test_replaced_page),
		CASE(test_protect_while_running),
		CASE(test_unmap_while_running),
		CASE(test_rom),
		CASE(test_hole),
		CASE(test_nowhere),

		CASE(test_create_refusals),
		CASE(test_slots),
		CASE(test_run_refusals),
		CASE(test_busy),
		CASE(test_resume_refusals),
		CASE(test_kick),
		CASE(test_two_at_once),
		CASE(test_retired),
		CASE(test_save_and_load),
		CASE(test_moved_while_stalled),
		CASE(test_save_refusals),
		CASE(test_clock),
		CASE(test_clock_of_a_moved_vcpu),
	};
	int r = try_open(adapter);

	if (r)
		return r > 0 ? 77 : 1;
	return cmocka_run_group_tests_name(adapter->name, tests, NULL, NULL);
}
