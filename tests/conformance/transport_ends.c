/* SPDX-License-Identifier: BSD-3-Clause */
/* Transports: the table of functions, endpoints, their addresses and their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "transport_pod.h"

void test_the_table_is_complete(void **state)
{
	struct transport_pod *pod = pod_open(state, 1);
	const struct tidal_transport_ops *ops = pod->ops;

	assert_true(ops->size >= sizeof(*ops));
	assert_string_equal(ops->name, pod->adapter->name);
	assert_true(ops->query && ops->close && ops->local_addr && ops->peer_add && ops->peer_del);
	assert_true(ops->buffer_reg && ops->buffer_dereg && ops->send && ops->recv_post);
	assert_true(ops->poll && ops->deadline && ops->wait_fd);
	pod_close(pod);
}

void test_caps_promise_the_minimum(void **state)
{
	struct transport_pod *pod = pod_open(state, 1);
	struct tidal_transport_caps caps = caps_of(pod);

	assert_true(caps.header_max >= TIDAL_HEADER_MAX);
	assert_true(caps.payload_max >= VCPU_BYTES);
	assert_in_range(caps.copies, 0, 1);
	assert_in_range(caps.exactly_once, 0, 1);
	if (caps.one_sided)
		assert_true(pod->ops->read && pod->ops->write);
	pod_close(pod);
}

/* A caller built against an older header has a smaller struct. */
void test_query_writes_no_more_than_the_caller_has(void **state)
{
	struct transport_pod *pod = pod_open(state, 1);
	struct tidal_transport_caps caps;

	memset(&caps, 0xaa, sizeof(caps));
	caps.size = offsetof(struct tidal_transport_caps, payload_max);
	assert_int_equal(pod->ops->query(pod->node[0], &caps), 0);
	assert_true(caps.header_max >= TIDAL_HEADER_MAX);
	assert_int_equal(caps.payload_max, 0xaaaaaaaa);
	pod_close(pod);
}

void test_local_addr_asks_for_room(void **state)
{
	struct transport_pod *pod = pod_open(state, 1);
	uint8_t addr[512];
	size_t len = 0, need;

	assert_int_equal(pod->ops->local_addr(pod->node[0], addr, &len), TIDAL_ERANGE);
	assert_in_range(len, 1, sizeof(addr));
	need = len;
	assert_int_equal(pod->ops->local_addr(pod->node[0], addr, &len), 0);
	assert_int_equal(len, need);
	pod_close(pod);
}

void test_peers_are_added_and_deleted(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	const struct tidal_transport_ops *ops = pod->ops;
	struct tidal_transport *a = pod->node[0];
	uint8_t addr[512];
	size_t len = sizeof(addr);
	struct got got;

	assert_int_equal(ops->local_addr(pod->node[1], addr, &len), 0);
	assert_int_equal(ops->peer_add(a, 1, addr, len), TIDAL_EEXIST);
	assert_int_equal(ops->peer_del(a, 1), 0);
	assert_int_equal(ops->peer_del(a, 1), TIDAL_ENOENT);
	assert_int_equal(ops->send(a, 1, "x", 1, TIDAL_PAYLOAD_NONE, NULL, 0, 0), TIDAL_ENOENT);
	assert_int_equal(ops->peer_add(a, 1, addr, len), 0);
	send_patiently(pod, 0, 1, "back", 4, TIDAL_PAYLOAD_NONE, NULL, 0);
	receive(pod, 1, &got);
	assert_int_equal(got.done.from, 0);
	assert_memory_equal(got.header, "back", 4);
	pod_close(pod);
}

void test_strange_addresses_are_refused(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct tidal_transport *a = pod->node[0];

	assert_int_equal(pod->ops->peer_del(a, 1), 0);
	assert_int_equal(pod->ops->peer_add(a, 1, NULL, 0), TIDAL_EINVAL);
	assert_int_equal(pod->ops->peer_add(a, 1, "", 0), TIDAL_EINVAL);
	assert_int_equal(pod->ops->peer_add(a, 1, "?", 1), TIDAL_EINVAL);
	assert_int_equal(pod->ops->peer_del(a, TIDAL_NODES_MAX), TIDAL_ENOENT);
	assert_int_equal(pod->ops->peer_del(a, TIDAL_NODE_NONE), TIDAL_ENOENT);
	pod_close(pod);
}

/* A deadline is a promise: polled then, the endpoint has something. NEVER promises nothing. */
void test_deadline_is_kept(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct tidal_completion done;
	tidal_time due;

	assert_true(pod->ops->deadline(pod->node[1]) == TIDAL_NEVER);
	assert_int_equal(poll_node(pod, 1, &done, 1), 0);
	send_patiently(pod, 0, 1, "tick", 4, TIDAL_PAYLOAD_NONE, NULL, 0);
	due = pod->ops->deadline(pod->node[1]);
	if (due != TIDAL_NEVER) {
		if (due > pod->adapter->now(pod))
			assert_int_equal(pod->ops->poll(pod->node[1], due - 1, &done, 1), 0);
		assert_int_equal(pod->ops->poll(pod->node[1], due, &done, 1), 1);
		assert_int_equal(done.kind, TIDAL_DONE_RECV);
		assert_true(pod->ops->deadline(pod->node[1]) == TIDAL_NEVER);
	}
	pod_close(pod);
}

void test_closing_with_messages_under_way(void **state)
{
	struct transport_pod *pod = pod_open(state, 3);
	static uint8_t page[TIDAL_PAGE_SIZE], buf[TIDAL_PAGE_SIZE];
	struct got got;

	post(pod, 1, TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 1);
	send_patiently(pod, 0, 1, "a", 1, TIDAL_PAYLOAD_PAGE, page, sizeof(page));
	pod->ops->close(pod->node[1]);
	pod->node[1] = NULL;
	/* the others still work */
	send_patiently(pod, 0, 2, "b", 1, TIDAL_PAYLOAD_NONE, NULL, 0);
	receive(pod, 2, &got);
	assert_memory_equal(got.header, "b", 1);
	pod_close(pod);
}

void test_memory_is_registered_and_forgotten(void **state)
{
	struct transport_pod *pod = pod_open(state, 1);
	uint8_t *mem = malloc(1 << 16);

	assert_non_null(mem);
	assert_int_equal(pod->ops->buffer_reg(pod->node[0], mem, 1 << 16), 0);
	assert_int_equal(pod->ops->buffer_dereg(pod->node[0], mem), 0);
	assert_int_equal(pod->ops->buffer_reg(pod->node[0], NULL, 1), TIDAL_EINVAL);
	free(mem);
	pod_close(pod);
}
