/* SPDX-License-Identifier: BSD-3-Clause */
/* The suite for transports: its list of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport_pod.h"

/* A case with the adapter as its state. */
#define CASE(f) { #f, f, NULL, NULL, (void *)(uintptr_t)adapter }

int transport_conformance(const struct transport_adapter *adapter)
{
	const struct CMUnitTest tests[] = {
		CASE(test_the_table_is_complete),
		CASE(test_caps_promise_the_minimum),
		CASE(test_query_writes_no_more_than_the_caller_has),
		CASE(test_local_addr_asks_for_room),
		CASE(test_peers_are_added_and_deleted),
		CASE(test_strange_addresses_are_refused),
		CASE(test_header_only),
		CASE(test_every_length_of_header),
		CASE(test_header_and_page),
		CASE(test_header_and_vcpu),
		CASE(test_sizes_at_the_limits),
		CASE(test_bad_sends_are_refused),
		CASE(test_bad_posts_are_refused),
		CASE(test_empty_payload_uses_no_buffer),
		CASE(test_payload_without_buffer_is_lost_and_nothing_else),
		CASE(test_buffer_too_small_is_not_overrun),
		CASE(test_buffers_are_used_once_and_again),
		CASE(test_send_reads_before_it_says_so),
		CASE(test_headers_stay_until_the_next_poll),
		CASE(test_poll_gives_no_more_than_asked),
		CASE(test_many_messages_from_two_nodes_come_once_and_in_order),
		CASE(test_full_and_recovery),
		CASE(test_two_way_traffic_of_all_kinds),
		CASE(test_deadline_is_kept),
		CASE(test_closing_with_messages_under_way),
		CASE(test_memory_is_registered_and_forgotten),
	};

	return cmocka_run_group_tests_name(adapter->name, tests, NULL, NULL);
}
