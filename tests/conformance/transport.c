/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases that every transport has to pass; see transport.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "transport.h"

#define PATIENCE 20000 /* pauses until a message counts as lost */
#define SILENCE 200    /* pauses after which nothing more is expected */
#define BATCH 16
#define VCPU_BYTES 6400
#define MANY 20000
#define FLOOD 1000000 /* a transport that takes so many unread messages is never full */

/* A message as it came, copied out of the completion. */
struct got {
	struct tidal_completion done;
	uint8_t header[TIDAL_HEADER_MAX];
};

/* Deterministic bytes that differ between messages and between places. */
static void pattern(uint8_t *to, size_t n, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		to[i] = (uint8_t)x;
	}
}

static void assert_pattern(const uint8_t *bytes, size_t n, uint64_t seed)
{
	uint8_t *want = malloc(n + 1);

	assert_non_null(want);
	pattern(want, n, seed);
	assert_memory_equal(bytes, want, n);
	free(want);
}

static struct transport_pod *pod_open(void **state, unsigned nodes)
{
	const struct transport_adapter *adapter = *state;
	struct transport_pod *pod = calloc(1, sizeof(*pod));

	assert_non_null(pod);
	pod->adapter = adapter;
	pod->nodes = nodes;
	assert_int_equal(adapter->open(pod), 0);
	return pod;
}

static void pod_close(struct transport_pod *pod)
{
	for (unsigned i = 0; i < pod->nodes; i++)
		if (pod->node[i])
			pod->ops->close(pod->node[i]);
	pod->adapter->close(pod);
	free(pod);
}

static struct tidal_transport_caps caps_of(struct transport_pod *pod)
{
	struct tidal_transport_caps caps = { .size = sizeof(caps) };

	assert_int_equal(pod->ops->query(pod->node[0], &caps), 0);
	return caps;
}

/* Some transports need both ends polled to get anything across; n = 0 takes nothing from them. */
static void others_progress(struct transport_pod *pod, unsigned except)
{
	struct tidal_completion done[1];

	for (unsigned i = 0; i < pod->nodes; i++)
		if (i != except && pod->node[i])
			(void)pod->ops->poll(pod->node[i], pod->adapter->now(pod), done, 0);
}

static int poll_node(struct transport_pod *pod, unsigned node, struct tidal_completion *done,
		     int n)
{
	int got = pod->ops->poll(pod->node[node], pod->adapter->now(pod), done, n);

	assert_in_range(got, 0, n);
	others_progress(pod, node);
	return got;
}

/* The next message for a node within so many pauses. */
static bool receive_within(struct transport_pod *pod, unsigned node, struct got *got,
			   unsigned pauses)
{
	for (unsigned i = 0; i < pauses; i++) {
		while (poll_node(pod, node, &got->done, 1) == 1) {
			if (got->done.kind != TIDAL_DONE_RECV)
				continue;
			assert_true(got->done.len <= sizeof(got->header));
			if (got->done.len > 0)
				memcpy(got->header, got->done.header, got->done.len);
			return true;
		}
		pod->adapter->pause(pod);
	}
	return false;
}

static void receive(struct transport_pod *pod, unsigned node, struct got *got)
{
	assert_true(receive_within(pod, node, got, PATIENCE));
}

static void assert_silence(struct transport_pod *pod, unsigned node)
{
	struct got got;

	assert_false(receive_within(pod, node, &got, SILENCE));
}

/* Send, waiting while the transport is full. */
static void send_patiently(struct transport_pod *pod, unsigned from, unsigned to,
			   const void *header, uint32_t len, uint32_t payload, const void *data,
			   uint32_t data_len)
{
	int err = TIDAL_EAGAIN;

	for (unsigned i = 0; err == TIDAL_EAGAIN && i < PATIENCE; i++) {
		err = pod->ops->send(pod->node[from], (tidal_nodeid)to, header, len, payload, data,
				     data_len, 7);
		if (err == TIDAL_EAGAIN)
			pod->adapter->pause(pod);
	}
	assert_int_equal(err, 0);
}

static void post(struct transport_pod *pod, unsigned node, uint32_t payload, void *buf,
		 uint32_t room, uint64_t cookie)
{
	assert_int_equal(pod->ops->recv_post(pod->node[node], payload, buf, room, cookie), 0);
}

/* --- the table and the endpoints --------------------------------------------------------- */

static void test_the_table_is_complete(void **state)
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

static void test_caps_promise_the_minimum(void **state)
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
static void test_query_writes_no_more_than_the_caller_has(void **state)
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

static void test_local_addr_asks_for_room(void **state)
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

static void test_peers_are_added_and_deleted(void **state)
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

static void test_strange_addresses_are_refused(void **state)
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

/* --- messages ---------------------------------------------------------------------------- */

static void test_header_only(void **state)
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

static void test_every_length_of_header(void **state)
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

static void test_header_and_page(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);

	check_payload(pod, TIDAL_PAYLOAD_PAGE, TIDAL_PAGE_SIZE);
	pod_close(pod);
}

static void test_header_and_vcpu(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);

	check_payload(pod, TIDAL_PAYLOAD_VCPU, VCPU_BYTES);
	pod_close(pod);
}

static void test_sizes_at_the_limits(void **state)
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

static void test_bad_sends_are_refused(void **state)
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

static void test_bad_posts_are_refused(void **state)
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
static void test_empty_payload_uses_no_buffer(void **state)
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

/* --- buffers ----------------------------------------------------------------------------- */

static void test_payload_without_buffer_is_lost_and_nothing_else(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	static uint8_t page[TIDAL_PAGE_SIZE], buf[TIDAL_PAGE_SIZE], vcpu[VCPU_BYTES];
	struct got got;

	/* a buffer of the other kind is not taken */
	post(pod, 1, TIDAL_PAYLOAD_VCPU, vcpu, sizeof(vcpu), 1);
	send_patiently(pod, 0, 1, "lost", 4, TIDAL_PAYLOAD_PAGE, page, sizeof(page));
	assert_silence(pod, 1);
	send_patiently(pod, 0, 1, "next", 4, TIDAL_PAYLOAD_NONE, NULL, 0);
	receive(pod, 1, &got);
	assert_memory_equal(got.header, "next", 4);
	post(pod, 1, TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 2);
	pattern(page, sizeof(page), 2);
	send_patiently(pod, 0, 1, "page", 4, TIDAL_PAYLOAD_PAGE, page, sizeof(page));
	receive(pod, 1, &got);
	assert_memory_equal(got.header, "page", 4);
	assert_int_equal(got.done.cookie, 2);
	assert_memory_equal(buf, page, sizeof(page));
	pod_close(pod);
}

static void test_buffer_too_small_is_not_overrun(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	static uint8_t page[TIDAL_PAGE_SIZE];
	uint8_t buf[TIDAL_PAGE_SIZE];

	memset(buf, 0x5a, sizeof(buf));
	pattern(page, sizeof(page), 3);
	post(pod, 1, TIDAL_PAYLOAD_PAGE, buf, 100, 1);
	send_patiently(pod, 0, 1, "big", 3, TIDAL_PAYLOAD_PAGE, page, sizeof(page));
	assert_silence(pod, 1);
	for (size_t i = 100; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0x5a);
	pod_close(pod);
}

#define BUFFERS 8

/* Each of several buffers is used once, and again after it was posted again. */
static void test_buffers_are_used_once_and_again(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	static uint8_t buf[BUFFERS][TIDAL_PAGE_SIZE], page[TIDAL_PAGE_SIZE];
	bool away[BUFFERS] = { false };
	struct got got;

	for (unsigned i = 0; i < BUFFERS; i++)
		post(pod, 1, TIDAL_PAYLOAD_PAGE, buf[i], TIDAL_PAGE_SIZE, i);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < BUFFERS; i++) {
			pattern(page, sizeof(page), round * 100 + i);
			send_patiently(pod, 0, 1, &(uint8_t){ (uint8_t)i }, 1, TIDAL_PAYLOAD_PAGE,
				       page, sizeof(page));
			receive(pod, 1, &got);
			assert_in_range(got.done.cookie, 0, BUFFERS - 1);
			assert_false(away[got.done.cookie]);
			away[got.done.cookie] = true;
			assert_pattern(buf[got.done.cookie], sizeof(page), round * 100 + i);
		}
		for (unsigned i = 0; i < BUFFERS; i++) {
			assert_true(away[i]);
			away[i] = false;
			post(pod, 1, TIDAL_PAYLOAD_PAGE, buf[i], TIDAL_PAGE_SIZE, i);
		}
	}
	pod_close(pod);
}

/* The sender may overwrite its buffers when it was told so. */
static void test_send_reads_before_it_says_so(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	bool copies = caps_of(pod).copies;
	static uint8_t page[TIDAL_PAGE_SIZE], buf[TIDAL_PAGE_SIZE];
	struct tidal_completion done;
	uint8_t header[32];
	struct got got;
	bool sent = copies;

	pattern(page, sizeof(page), 4);
	pattern(header, sizeof(header), 5);
	post(pod, 1, TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 1);
	assert_int_equal(pod->ops->send(pod->node[0], 1, header, sizeof(header),
					TIDAL_PAYLOAD_PAGE, page, sizeof(page), 99), 0);
	memset(header, 0, sizeof(header));
	for (unsigned i = 0; !sent && i < PATIENCE; i++) {
		if (poll_node(pod, 0, &done, 1) == 1 && done.kind == TIDAL_DONE_SENT) {
			assert_int_equal(done.cookie, 99);
			sent = true;
		}
		pod->adapter->pause(pod);
	}
	assert_true(sent);
	memset(page, 0, sizeof(page));
	receive(pod, 1, &got);
	assert_pattern(got.header, sizeof(header), 5);
	assert_pattern(buf, sizeof(buf), 4);
	pod_close(pod);
}

/* Headers of all completions of one poll stay until the next. */
static void test_headers_stay_until_the_next_poll(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct tidal_completion done[BATCH];
	uint8_t seen[BATCH] = { 0 };
	uint8_t header[100];
	int n, total = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		pattern(header, sizeof(header), i);
		header[0] = (uint8_t)i;
		send_patiently(pod, 0, 1, header, sizeof(header), TIDAL_PAYLOAD_NONE, NULL, 0);
	}
	for (unsigned pause = 0; total < BATCH && pause < PATIENCE; pause++) {
		pod->adapter->pause(pod);
		n = poll_node(pod, 1, done, BATCH);
		send_patiently(pod, 1, 0, header, sizeof(header), TIDAL_PAYLOAD_NONE, NULL, 0);
		for (int i = 0; i < n; i++) {
			const uint8_t *h = done[i].header;

			if (done[i].kind != TIDAL_DONE_RECV)
				continue;
			assert_in_range(h[0], 0, BATCH - 1);
			assert_int_equal(seen[h[0]]++, 0);
			pattern(header, sizeof(header), h[0]);
			assert_memory_equal(h + 1, header + 1, sizeof(header) - 1);
			total++;
		}
	}
	assert_int_equal(total, BATCH);
	pod_close(pod);
}

static void test_poll_gives_no_more_than_asked(void **state)
{
	struct transport_pod *pod = pod_open(state, 2);
	struct tidal_completion done[4];
	unsigned total = 0;

	for (uint32_t i = 0; i < 10; i++)
		send_patiently(pod, 0, 1, &i, sizeof(i), TIDAL_PAYLOAD_NONE, NULL, 0);
	for (unsigned i = 0; i < SILENCE; i++)
		pod->adapter->pause(pod);
	assert_int_equal(poll_node(pod, 1, done, 0), 0);
	for (unsigned i = 0; total < 10 && i < PATIENCE; i++) {
		int n = poll_node(pod, 1, done, 3);

		for (int k = 0; k < n; k++)
			total += done[k].kind == TIDAL_DONE_RECV;
		pod->adapter->pause(pod);
	}
	assert_int_equal(total, 10);
	pod_close(pod);
}

/* --- many messages ----------------------------------------------------------------------- */

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

static void test_many_messages_from_two_nodes_come_once_and_in_order(void **state)
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
static void test_full_and_recovery(void **state)
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
static void test_two_way_traffic_of_all_kinds(void **state)
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

/* --- time -------------------------------------------------------------------------------- */

/* A deadline is a promise: polled then, the endpoint has something. NEVER promises nothing. */
static void test_deadline_is_kept(void **state)
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

static void test_closing_with_messages_under_way(void **state)
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

static void test_memory_is_registered_and_forgotten(void **state)
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
