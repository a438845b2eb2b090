/* SPDX-License-Identifier: BSD-3-Clause */
/* Transports: messages with and without payloads, and many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "transport_pod.h"

#define BATCH 16
#define MANY 20000
#define FLOOD 1000000 /* a transport that takes so many unread messages is never full */

void test_header_only(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct got got;

	send_patiently(pod, 1, 0, "hello", 5, TIDAL_PAYLOAD_NONE, NULL, 0);
	receive(pod, 0, &got);
	assert_int_equal(got.done.from, 1);
	assert_int_equal(got.done.len, 5);
	assert_int_equal(got.done.payload, TIDAL_PAYLOAD_NONE);
	assert_int_equal(got.done.payload_len, 0);
	assert_memory_equal(got.header, "hello", 5);
	assert_silence(pod, 0);
	assert_silence(pod, 1);
	pod_close(pod);
}

void test_every_length_of_header(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	uint8_t header[TIDAL_HEADER_MAX];
	struct got got;

	for (uint32_t len = 0; len <= TIDAL_HEADER_MAX; len++) {
		pattern(header, len, len);
		send_patiently(pod, 0, 1, header, len, TIDAL_PAYLOAD_NONE, NULL, 0);
		receive(pod, 1, &got);
		assert_int_equal(got.done.len, len);
		assert_pattern(got.header, len, len);
	}
	pod_close(pod);
}

/* A message with a payload of that size arrives whole, in the buffer that was posted. */
static void check_payload(struct transport_pod *pod, uint32_t kind, uint32_t len)
{
	uint8_t header[TIDAL_HEADER_MAX], *data = malloc(len + 1), *buf = malloc(len + 64);
	struct got got;

	assert_true(data && buf);
	pattern(header, sizeof(header), 1000 + len);
	pattern(data, len, len);
	memset(buf, 0x5a, len + 64);
	post(pod, 1, kind, buf, len, 0x123456789abcdef0u + len);
	send_patiently(pod, 0, 1, header, sizeof(header), kind, data, len);
	receive(pod, 1, &got);
	assert_int_equal(got.done.from, 0);
	assert_int_equal(got.done.payload, kind);
	assert_int_equal(got.done.payload_len, len);
	assert_true(got.done.cookie == 0x123456789abcdef0u + len);
	assert_int_equal(got.done.len, sizeof(header));
	assert_pattern(got.header, sizeof(header), 1000 + len);
	assert_memory_equal(buf, data, len);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(buf[len + i], 0x5a);
	free(data);
	free(buf);
}

void test_header_and_page(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);

	check_payload(pod, TIDAL_PAYLOAD_PAGE, TIDAL_PAGE_SIZE);
	pod_close(pod);
}

void test_header_and_vcpu(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);

	check_payload(pod, TIDAL_PAYLOAD_VCPU, VCPU_BYTES);
	pod_close(pod);
}

void test_sizes_at_the_limits(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct tidal_transport_caps caps = caps_of(pod);
	uint32_t most = caps.payload_max < TIDAL_VCPU_BYTES_MAX ? caps.payload_max
								: TIDAL_VCPU_BYTES_MAX;
	const uint32_t sizes[] = { 1, 7, 64, 4095, 4096, 4097, 8191, 8192, 8193, most - 1, most };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] <= most)
			check_payload(pod, TIDAL_PAYLOAD_VCPU, sizes[i]);
	pod_close(pod);
}

void test_bad_sends_are_refused(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct tidal_transport_caps caps = caps_of(pod);
	const struct tidal_transport_ops *ops = pod->ops;
	struct tidal_transport *a = pod->node[0];
	uint8_t *big = calloc(1, (size_t)caps.payload_max + caps.header_max + 2);

	assert_non_null(big);
	assert_int_equal(ops->send(a, 1, big, caps.header_max + 1, 0, NULL, 0, 0), TIDAL_ERANGE);
	assert_int_equal(ops->send(a, 1, big, 8, TIDAL_PAYLOAD_VCPU, big, caps.payload_max + 1, 0),
			 TIDAL_ERANGE);
	assert_int_equal(ops->send(a, 1, big, 8, TIDAL_PAYLOAD_PAGE, NULL, 4096, 0), TIDAL_EINVAL);
	assert_int_equal(ops->send(a, 1, big, 8, TIDAL_PAYLOAD_NONE, big, 16, 0), TIDAL_EINVAL);
	assert_int_equal(ops->send(a, 1, big, 8, 77, big, 16, 0), TIDAL_EINVAL);
	assert_int_equal(ops->send(a, 1, NULL, 8, 0, NULL, 0, 0), TIDAL_EINVAL);
	assert_int_equal(ops->send(a, 2, big, 8, 0, NULL, 0, 0), TIDAL_ENOENT);
	assert_int_equal(ops->send(a, TIDAL_NODE_NONE, big, 8, 0, NULL, 0, 0), TIDAL_ENOENT);
	assert_silence(pod, 1);
	free(big);
	pod_close(pod);
}

void test_bad_posts_are_refused(void **state)
{
	struct transport_pod *pod = pod_open(state, 1);
	struct tidal_transport *a = pod->node[0];
	uint8_t buf[64];

	assert_int_equal(pod->ops->recv_post(a, TIDAL_PAYLOAD_PAGE, NULL, 64, 0), TIDAL_EINVAL);
	assert_int_equal(pod->ops->recv_post(a, TIDAL_PAYLOAD_NONE, buf, 64, 0), TIDAL_EINVAL);
	assert_int_equal(pod->ops->recv_post(a, 77, buf, 64, 0), TIDAL_EINVAL);
	assert_int_equal(pod->ops->recv_post(a, TIDAL_PAYLOAD_PAGE, buf, 0, 0), TIDAL_EINVAL);
	pod_close(pod);
}

/* "No payload" may be said with any kind; it uses no buffer. */
void test_empty_payload_uses_no_buffer(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	static uint8_t buf[TIDAL_PAGE_SIZE], page[TIDAL_PAGE_SIZE];
	struct got got;

	post(pod, 1, TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 5);
	send_patiently(pod, 0, 1, "empty", 5, TIDAL_PAYLOAD_PAGE, page, 0);
	receive(pod, 1, &got);
	assert_int_equal(got.done.payload, TIDAL_PAYLOAD_NONE);
	assert_int_equal(got.done.payload_len, 0);
	send_patiently(pod, 0, 1, "full", 4, TIDAL_PAYLOAD_PAGE, page, sizeof(page));
	receive(pod, 1, &got);
	assert_int_equal(got.done.payload, TIDAL_PAYLOAD_PAGE);
	assert_int_equal(got.done.cookie, 5);
	pod_close(pod);
}

struct stream {
	uint32_t sent, got;
	uint8_t *seen;
};

/* Take what has come to node 1 of the numbers that node *from* sent. */
static void drain(struct transport_pod *pod, unsigned node, struct stream *s)
{
	struct tidal_completion done[BATCH];
	int n = poll_node(pod, node, done, BATCH);

	for (int i = 0; i < n; i++) {
		uint32_t number;

		if (done[i].kind != TIDAL_DONE_RECV)
			continue;
		assert_int_equal(done[i].len, sizeof(number));
		memcpy(&number, done[i].header, sizeof(number));
		s += done[i].from;
		assert_in_range(number, 0, s->sent - 1);
		assert_int_equal(s->seen[number]++, 0);
		if (pod->adapter->ordered)
			assert_int_equal(number, s->got);
		s->got++;
		s -= done[i].from;
	}
}

void test_many_messages_from_two_nodes_come_once_and_in_order(void **state)
{
	struct transport_pod *pod = pod_open(state, 3);
	struct stream s[TRANSPORT_NODES] = { { 0 } };

	for (unsigned i = 0; i < 2; i++)
		s[i].seen = calloc(MANY, 1);
	for (uint64_t tries = 0; s[0].got < MANY || s[1].got < MANY; tries++) {
		assert_true(tries < (uint64_t)MANY * 100);
		for (unsigned i = 0; i < 2; i++)
			if (s[i].sent < MANY &&
			    pod->ops->send(pod->node[i], 2, &s[i].sent, sizeof(s[i].sent),
					   TIDAL_PAYLOAD_NONE, NULL, 0, 0) == 0)
				s[i].sent++;
		drain(pod, 2, s);
		if (s[0].got + 64 < s[0].sent || s[0].sent == MANY)
			pod->adapter->pause(pod);
	}
	assert_silence(pod, 2);
	free(s[0].seen);
	free(s[1].seen);
	pod_close(pod);
}

/* A transport that is full says so, loses nothing of what it took, and recovers. */
void test_full_and_recovery(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct stream s = { .seen = calloc(FLOOD, 1) };
	uint32_t taken;
	int err = 0;

	assert_non_null(s.seen);
	while (err == 0 && s.sent < FLOOD) {
		err = pod->ops->send(pod->node[0], 1, &s.sent, sizeof(s.sent), TIDAL_PAYLOAD_NONE,
				     NULL, 0, 0);
		s.sent += err == 0;
	}
	if (err == 0)
		print_message("full: took %u messages and was not full\n", s.sent);
	else
		assert_int_equal(err, TIDAL_EAGAIN);
	taken = s.sent;
	for (uint64_t i = 0; s.got < taken && i < PATIENCE + 2 * (uint64_t)taken; i++) {
		drain(pod, 1, &s);
		pod->adapter->pause(pod);
	}
	assert_int_equal(s.got, taken);
	send_patiently(pod, 0, 1, &s.sent, sizeof(s.sent), TIDAL_PAYLOAD_NONE, NULL, 0);
	s.sent++;
	for (unsigned i = 0; s.got < s.sent && i < PATIENCE; i++) {
		drain(pod, 1, &s);
		pod->adapter->pause(pod);
	}
	assert_int_equal(s.got, s.sent);
	free(s.seen);
	pod_close(pod);
}

/* Pages and vCPUs in both directions at once: nothing gets mixed up. */
void test_two_way_traffic_of_all_kinds(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	static uint8_t buf[2][2][VCPU_BYTES], data[VCPU_BYTES];
	struct got got;

	for (uint32_t round = 0; round < 300; round++) {
		unsigned from = round & 1, to = from ^ 1;
		uint32_t kind = round % 3; /* none, page, vCPU */
		uint32_t len = kind == 0 ? 0 : kind == 1 ? TIDAL_PAGE_SIZE : VCPU_BYTES;

		pattern(data, len, round);
		if (kind)
			post(pod, to, kind, buf[to][kind - 1], len, round);
		send_patiently(pod, from, to, &round, sizeof(round), kind, data, len);
		receive(pod, to, &got);
		assert_int_equal(got.done.payload, kind);
		assert_int_equal(got.done.payload_len, len);
		assert_memory_equal(got.header, &round, sizeof(round));
		if (kind) {
			assert_int_equal(got.done.cookie, round);
			assert_pattern(buf[to][kind - 1], len, round);
		}
	}
	pod_close(pod);
}
