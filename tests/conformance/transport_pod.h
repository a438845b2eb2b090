/* SPDX-License-Identifier: BSD-3-Clause */
/* transport_pod - endpoints that talk to each other, for the cases of the suite. After cmocka. */
#ifndef TESTS_CONFORMANCE_TRANSPORT_POD_H
#define TESTS_CONFORMANCE_TRANSPORT_POD_H

#include "transport.h"

#define PATIENCE 20000 /* pauses until a message counts as lost */
#define SILENCE 200    /* pauses after which nothing more is expected */
#define VCPU_BYTES 6400

/* A message as it came, copied out of the completion. */
struct got {
	struct tidal_completion done;
	uint8_t header[TIDAL_HEADER_MAX];
};

/* Deterministic bytes that differ between messages and between places. */
void pattern(uint8_t *to, size_t n, uint64_t seed);
void assert_pattern(const uint8_t *bytes, size_t n, uint64_t seed);
struct transport_pod *pod_open(void **state, unsigned nodes);
void pod_close(struct transport_pod *pod);
struct tidal_transport_caps caps_of(struct transport_pod *pod);
int poll_node(struct transport_pod *pod, unsigned node, struct tidal_completion *done,
	      int n);
/* The next message for a node within so many pauses. */
bool receive_within(struct transport_pod *pod, unsigned node, struct got *got,
		    unsigned pauses);
void receive(struct transport_pod *pod, unsigned node, struct got *got);
void assert_silence(struct transport_pod *pod, unsigned node);
/* Send, waiting while the transport is full. */
void send_patiently(struct transport_pod *pod, unsigned from, unsigned to,
		    const void *header, uint32_t len, uint32_t payload, const void *data,
		    uint32_t data_len);
void post(struct transport_pod *pod, unsigned node, uint32_t payload, void *buf,
	  uint32_t room, uint64_t cookie);

/* The cases: their state is the adapter. */
void test_the_table_is_complete(void **state);
void test_caps_promise_the_minimum(void **state);
void test_query_writes_no_more_than_the_caller_has(void **state);
void test_local_addr_asks_for_room(void **state);
void test_peers_are_added_and_deleted(void **state);
void test_strange_addresses_are_refused(void **state);
void test_header_only(void **state);
void test_every_length_of_header(void **state);
void test_header_and_page(void **state);
void test_header_and_vcpu(void **state);
void test_sizes_at_the_limits(void **state);
void test_bad_sends_are_refused(void **state);
void test_bad_posts_are_refused(void **state);
void test_empty_payload_uses_no_buffer(void **state);
void test_payload_without_buffer_is_lost_and_nothing_else(void **state);
void test_buffer_too_small_is_not_overrun(void **state);
void test_buffers_are_used_once_and_again(void **state);
void test_send_reads_before_it_says_so(void **state);
void test_headers_stay_until_the_next_poll(void **state);
void test_poll_gives_no_more_than_asked(void **state);
void test_many_messages_from_two_nodes_come_once_and_in_order(void **state);
void test_full_and_recovery(void **state);
void test_two_way_traffic_of_all_kinds(void **state);
void test_deadline_is_kept(void **state);
void test_closing_with_messages_under_way(void **state);
void test_memory_is_registered_and_forgotten(void **state);

#endif
