/* SPDX-License-Identifier: BSD-3-Clause */
/* node_eventlog - an event log in memory with a bit of everything in it. Include after cmocka. */
#ifndef TIDAL_TESTS_NODE_EVENTLOG_H
#define TIDAL_TESTS_NODE_EVENTLOG_H

#include "node/eventlog.h"
#include "node/eventlog_event.h"
#include "node/hash.h"

#define LOG_MAX 65536

/* A log in memory. */
struct log {
	struct eventlog_writer writer;
	size_t len;
	uint8_t bytes[LOG_MAX];
};

/* What events point to. */
static const uint8_t message_bytes[TIDAL_HEADER_MAX] = { 1, 2, 3, [319] = 255 };
static struct tidal_weights some_weights;

/* One of each kind, with a value in every member. */
static inline size_t make_events(struct tidal_event *e)
{
	size_t n = 0;

	tidal_weights_init(&some_weights, sizeof(some_weights));
	some_weights.vcpu_load = (struct tidal_weight){ -123456, 16 };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_STALL, .u.stall = {
		.vcpu = 1023, .access = TIDAL_IO, .requester = 0x87654321,
		.gpa = 0x123456789abcdef0, .io_data = UINT64_MAX, .io_write = 1, .io_size = 8 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_MESSAGE, .u.message = {
		.from = 511, .payload = TIDAL_PAYLOAD_VCPU, .len = sizeof(message_bytes),
		.bytes = message_bytes, .buf = 77, .payload_len = 6400 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_MESSAGE, .u.message = {
		.from = 1, .len = 0, .bytes = NULL } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_HOST_DONE, .u.done = {
		.token = 0xfedcba9876543210, .status = TIDAL_EBUSY, .zero = 1, .value = 5,
		.buf = 6, .payload_len = 7 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_VCPU_STOPPED, .u.stopped = {
		.vcpu = 9, .reason = TIDAL_STOP_OFF, .retired = 1ull << 60 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_RETIRED, .u.retired = { 12 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_TICK };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_PEER_UP, .u.peer = { 3, 4 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_PEER_DOWN, .u.peer = { 5, 0 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_COMMAND, .u.command = {
		.command = TIDAL_CMD_SET_POLICY, .policy = tidal_policy_vcpu(), .vcpu = 1,
		.node = 2, .gfn = 3, .requester = 4 } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_COMMAND, .u.command = {
		.command = TIDAL_CMD_SET_WEIGHTS, .weights = &some_weights } };
	e[n++] = (struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE, .u.wake = { 13 } };
	return n;
}

static inline void begin(struct log *log, const struct tidal_params *params, unsigned hash)
{
	eventlog_writer_init(&log->writer, hash);
	log->len = eventlog_put_setup(&log->writer, params, log->bytes);
	assert_true(log->len > EVENTLOG_PREFIX);
}

static inline void add_event(struct log *log, tidal_time now, const struct tidal_event *event, int result)
{
	size_t n = eventlog_put_event(&log->writer, now, event, result, log->bytes + log->len);

	assert_true(n > 0);
	log->len += n;
}

static inline void add_end(struct log *log, tidal_time now, uint64_t digest)
{
	log->len += eventlog_put_end(&log->writer, now, digest, log->bytes + log->len);
}

/* A small log with all kinds of events. */
static inline struct log *sample(unsigned hash)
{
	struct log *log = calloc(1, sizeof(*log));
	struct tidal_event events[32];
	struct tidal_params params;
	size_t n = make_events(events);

	assert_non_null(log);
	tidal_params_init(&params, sizeof(params), 64);
	begin(log, &params, hash);
	for (size_t i = 0; i < n; i++)
		add_event(log, 100 * i, &events[i], -(int)(i % 3));
	add_end(log, 100 * n, 0x1122334455667788);
	return log;
}

static inline struct eventlog_setup *read_setup(struct eventlog_reader *r, const void *bytes, size_t len)
{
	struct eventlog_setup *setup = malloc(sizeof(*setup));

	assert_non_null(setup);
	assert_int_equal(eventlog_open(r, bytes, len, setup), 0);
	return setup;
}

#endif
