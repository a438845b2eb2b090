/* SPDX-License-Identifier: BSD-3-Clause */
/* Transports: buffers to receive into, and what send() and poll() may touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "transport_pod.h"

#define BATCH 16

void test_payload_without_buffer_is_lost_and_nothing_else(void **state)
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

void test_buffer_too_small_is_not_overrun(void **state)
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
void test_buffers_are_used_once_and_again(void **state)
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
void test_send_reads_before_it_says_so(void **state)
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
void test_headers_stay_until_the_next_poll(void **state)
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

void test_poll_gives_no_more_than_asked(void **state)
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
