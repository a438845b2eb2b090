/* SPDX-License-Identifier: BSD-3-Clause */
/* transport_pod - see transport_pod.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "transport_pod.h"

void pattern(uint8_t *to, size_t n, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		to[i] = (uint8_t)x;
	}
}

void assert_pattern(const uint8_t *bytes, size_t n, uint64_t seed)
{
	uint8_t *want = malloc(n + 1);

	assert_non_null(want);
	pattern(want, n, seed);
	assert_memory_equal(bytes, want, n);
	free(want);
}

struct transport_pod *pod_open(void **state, unsigned nodes)
{
	const struct transport_adapter *adapter = *state;
	struct transport_pod *pod = calloc(1, sizeof(*pod));

	assert_non_null(pod);
	pod->adapter = adapter;
	pod->nodes = nodes;
	assert_int_equal(adapter->open(pod), 0);
	return pod;
}

void pod_close(struct transport_pod *pod)
{
	for (unsigned i = 0; i < pod->nodes; i++)
		if (pod->node[i])
			pod->ops->close(pod->node[i]);
	pod->adapter->close(pod);
	free(pod);
}

struct tidal_transport_caps caps_of(struct transport_pod *pod)
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

int poll_node(struct transport_pod *pod, unsigned node, struct tidal_completion *done,
	      int n)
{
	int got = pod->ops->poll(pod->node[node], pod->adapter->now(pod), done, n);

	assert_in_range(got, 0, n);
	others_progress(pod, node);
	return got;
}

bool receive_within(struct transport_pod *pod, unsigned node, struct got *got,
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

void receive(struct transport_pod *pod, unsigned node, struct got *got)
{
	assert_true(receive_within(pod, node, got, PATIENCE));
}

void assert_silence(struct transport_pod *pod, unsigned node)
{
	struct got got;

	assert_false(receive_within(pod, node, &got, SILENCE));
}

void send_patiently(struct transport_pod *pod, unsigned from, unsigned to,
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

void post(struct transport_pod *pod, unsigned node, uint32_t payload, void *buf,
	  uint32_t room, uint64_t cookie)
{
	assert_int_equal(pod->ops->recv_post(pod->node[node], payload, buf, room, cookie), 0);
}
