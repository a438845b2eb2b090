/* SPDX-License-Identifier: BSD-3-Clause */
/* The event log: what is written is read again, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

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
static size_t make_events(struct tidal_event *e)
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

static void begin(struct log *log, const struct tidal_params *params, unsigned hash)
{
	eventlog_writer_init(&log->writer, hash);
	log->len = eventlog_put_setup(&log->writer, params, log->bytes);
	assert_true(log->len > EVENTLOG_PREFIX);
}

static void add_event(struct log *log, tidal_time now, const struct tidal_event *event, int result)
{
	size_t n = eventlog_put_event(&log->writer, now, event, result, log->bytes + log->len);

	assert_true(n > 0);
	log->len += n;
}

static void add_end(struct log *log, tidal_time now, uint64_t digest)
{
	log->len += eventlog_put_end(&log->writer, now, digest, log->bytes + log->len);
}

/* A small log with all kinds of events. */
static struct log *sample(unsigned hash)
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

static struct eventlog_setup *read_setup(struct eventlog_reader *r, const void *bytes, size_t len)
{
	struct eventlog_setup *setup = malloc(sizeof(*setup));

	assert_non_null(setup);
	assert_int_equal(eventlog_open(r, bytes, len, setup), 0);
	return setup;
}

static void test_parameters_come_back(void **state)
{
	struct tidal_topo_object objects[32];
	struct tidal_topology topology;
	struct tidal_params p, *q;
	struct tidal_vmap vmap;
	struct eventlog_setup *setup;
	struct eventlog_reader r;
	struct log *log = calloc(1, sizeof(*log)), *again = calloc(1, sizeof(*again));

	(void)state;
	assert_true(log && again);
	tidal_params_init(&p, sizeof(p), 4096);
	assert_int_equal(tidal_topology_regular(&topology, objects, 32, 2, 3, 2), 0);
	assert_int_equal(tidal_vmap_init(&vmap, sizeof(vmap), 1 << 20, 100), 0);
	vmap.devices = 2;
	vmap.device[1] = (struct tidal_vmap_device){ 1ull << 47, 4096, 3 };
	some_weights.size = sizeof(some_weights);
	tidal_weights_init(&some_weights, sizeof(some_weights));
	some_weights.evict_page.weight = -7;
	p.node = 2;
	p.nodes = 900;
	p.incarnation = 0xdeadbeef;
	p.flags = TIDAL_PARAM_IDEAL_LINK;
	p.seed = UINT64_MAX - 1;
	p.slice_ns = 1ull << 40;
	p.vmap = &vmap;
	p.topology = &topology;
	p.weights = &some_weights;
	p.policy = tidal_policy_page();
	begin(log, &p, HASH_FNV);
	setup = read_setup(&r, log->bytes, log->len);
	q = &setup->params;
	assert_string_equal(setup->policy, "page");
	assert_memory_equal(q->weights, p.weights, sizeof(*p.weights));
	assert_int_equal(q->topology->count, topology.count);
	assert_memory_equal(q->topology->objects, objects, topology.count * sizeof(objects[0]));
	assert_int_equal(q->vmap->devices, 2);
	assert_int_equal(q->vmap->memory[0].pages, 1 << 20);
	assert_int_equal(q->vmap->vcpu[0].count, 100);
	assert_true(q->vmap->device[1].base == 1ull << 47 && q->vmap->device[1].node == 3);
	q->policy = p.policy;
	begin(again, q, HASH_FNV);
	assert_int_equal(again->len, log->len);
	assert_memory_equal(again->bytes, log->bytes, log->len);
	free(setup);
	free(again);
	free(log);
}

/* Every number among the parameters is in the log, with all its bytes, and in its place. */
static void test_every_parameter_counts(void **state)
{
	static const struct {
		size_t at, size;
	} numbers[] = {
#define NUMBER(m) { offsetof(struct tidal_params, m), sizeof(((struct tidal_params *)0)->m) }
		NUMBER(node), NUMBER(nodes), NUMBER(incarnation), NUMBER(flags), NUMBER(seed),
		NUMBER(frames), NUMBER(landing), NUMBER(reserve), NUMBER(low), NUMBER(high),
		NUMBER(vcpus), NUMBER(vcpu_slots), NUMBER(vcpu_bytes), NUMBER(transits),
		NUMBER(messages), NUMBER(ranges), NUMBER(homes), NUMBER(hints), NUMBER(rto_ns),
		NUMBER(hold_ns), NUMBER(hold_max_ns), NUMBER(reserve_ns), NUMBER(backoff_ns),
		NUMBER(slice_ns),
#undef NUMBER
	};
	struct log *log = calloc(1, sizeof(*log));
	struct eventlog_reader r;
	struct tidal_params p;

	(void)state;
	assert_non_null(log);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct eventlog_setup *setup;
		uint8_t *member = (uint8_t *)&p + numbers[i].at;

		tidal_params_init(&p, sizeof(p), 64);
		for (size_t k = 0; k < numbers[i].size; k++)
			member[k] = (uint8_t)(0xa1 + k);
		begin(log, &p, HASH_FNV);
		setup = read_setup(&r, log->bytes, log->len);
		assert_memory_equal((uint8_t *)&setup->params + numbers[i].at, member,
				    numbers[i].size);
		free(setup);
	}
	free(log);
}

static void test_absent_parts_stay_absent(void **state)
{
	struct tidal_params p;
	struct eventlog_setup *setup;
	struct eventlog_reader r;
	struct log *log = calloc(1, sizeof(*log));

	(void)state;
	assert_non_null(log);
	tidal_params_init(&p, sizeof(p), 64);
	begin(log, &p, HASH_FNV);
	setup = read_setup(&r, log->bytes, log->len);
	assert_null(setup->params.vmap);
	assert_null(setup->params.topology);
	assert_null(setup->params.weights);
	assert_string_equal(setup->policy, "");
	free(setup);
	free(log);
}

/* As bytes: padding and pointers don't count, and test_every_member_of_events_counts. */
static void assert_same_event(const struct tidal_event *want, const struct eventlog_record *got)
{
	uint8_t want_bytes[EVENTLOG_RECORD_MAX], got_bytes[EVENTLOG_RECORD_MAX];
	struct out w = out_init(want_bytes, sizeof(want_bytes));
	struct out g = out_init(got_bytes, sizeof(got_bytes));
	struct tidal_event e = got->event;

	if (want->kind == TIDAL_EV_COMMAND) {
		assert_string_equal(got->policy, want->u.command.policy
							 ? want->u.command.policy->name : "");
		if (want->u.command.weights)
			assert_memory_equal(e.u.command.weights, want->u.command.weights,
					    sizeof(struct tidal_weights));
		e.u.command.policy = want->u.command.policy;
	}
	assert_int_equal(e.kind, want->kind);
	eventlog_encode_event(&w, want);
	eventlog_encode_event(&g, &e);
	assert_false(w.bad || g.bad);
	assert_int_equal(g.len, w.len);
	assert_memory_equal(got_bytes, want_bytes, w.len);
}

/* Each byte of each member, alone, comes back where it was. */
static void test_every_member_of_events_counts(void **state)
{
	static const struct {
		uint32_t kind;
		size_t from, to;
	} parts[] = {
#define PART(kind, first, last)                                                                   \
	{ kind, offsetof(struct tidal_event, first),                                              \
	  offsetof(struct tidal_event, last) + sizeof(((struct tidal_event *)0)->last) }
		PART(TIDAL_EV_STALL, u.stall.vcpu, u.stall.io_size),
		PART(TIDAL_EV_MESSAGE, u.message.from, u.message.payload),
		PART(TIDAL_EV_MESSAGE, u.message.buf, u.message.payload_len),
		PART(TIDAL_EV_HOST_DONE, u.done.token, u.done.payload_len),
		PART(TIDAL_EV_VCPU_STOPPED, u.stopped.vcpu, u.stopped.reason),
		PART(TIDAL_EV_VCPU_STOPPED, u.stopped.retired, u.stopped.retired),
		PART(TIDAL_EV_RETIRED, u.retired.vcpu, u.retired.vcpu),
		PART(TIDAL_EV_VCPU_WAKE, u.wake.vcpu, u.wake.vcpu),
		PART(TIDAL_EV_PEER_UP, u.peer.node, u.peer.node),
		PART(TIDAL_EV_PEER_DOWN, u.peer.incarnation, u.peer.incarnation),
		PART(TIDAL_EV_COMMAND, u.command.command, u.command.node),
		PART(TIDAL_EV_COMMAND, u.command.gfn, u.command.requester),
#undef PART
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (size_t at = parts[i].from; at < parts[i].to; at++) {
			uint8_t bytes[EVENTLOG_RECORD_MAX];
			struct eventlog_record record;
			struct tidal_event e;
			struct out o = out_init(bytes, sizeof(bytes));
			struct in in;

			memset(&e, 0, sizeof(e));
			e.kind = parts[i].kind;
			((uint8_t *)&e)[at] = 0x40;
			eventlog_encode_event(&o, &e);
			in = in_init(bytes, o.len);
			eventlog_decode_event(&in, &record);
			assert_false(o.bad || in.bad || in.left > 0);
			assert_int_equal(((uint8_t *)&record.event)[at], 0x40);
		}
}

static void check_events_come_back(unsigned hash)
{
	struct log *log = sample(hash);
	struct tidal_event events[32];
	struct eventlog_record record;
	struct eventlog_reader r;
	struct eventlog_setup *setup = read_setup(&r, log->bytes, log->len);
	size_t n = make_events(events);

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(eventlog_next(&r, &record), 1);
		assert_int_equal(record.kind, EVENTLOG_EVENT);
		assert_int_equal(record.now, 100 * i);
		assert_int_equal(record.result, -(int)(i % 3));
		assert_same_event(&events[i], &record);
	}
	assert_int_equal(eventlog_next(&r, &record), 1);
	assert_int_equal(record.kind, EVENTLOG_END);
	assert_true(record.digest == 0x1122334455667788);
	assert_int_equal(eventlog_next(&r, &record), 0);
	free(setup);
	free(log);
}

static void test_events_come_back(void **state)
{
	(void)state;
	check_events_come_back(HASH_FNV);
	check_events_come_back(hash_best());
}

/* Read to the end or the first error; returns the number of whole records. */
static int read_all(const uint8_t *bytes, size_t len, int *err, const char **why)
{
	struct eventlog_setup *setup = malloc(sizeof(*setup));
	struct eventlog_record record;
	struct eventlog_reader r;
	int records = 0, got;

	assert_non_null(setup);
	*err = eventlog_open(&r, bytes, len, setup);
	if (*err == 0) {
		while ((got = eventlog_next(&r, &record)) == 1)
			records++;
		*err = got;
	}
	*why = r.why;
	free(setup);
	return records;
}

/* A copy of exact size: a sanitizer sees a read beyond it. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

/* Cut anywhere: the whole records are read, then comes an error, or the end between two. */
static void test_truncated_logs(void **state)
{
	struct log *log = sample(HASH_FNV);
	int before = 0, whole = 0, ends = 0;

	(void)state;
	for (size_t len = 0; len <= log->len; len++) {
		uint8_t *copy = exact(log->bytes, len);
		const char *why;
		int err, records = read_all(copy, len, &err, &why);

		assert_in_range(records, before, before + 1);
		assert_true(err == 0 || err == TIDAL_EFORMAT);
		if (err == 0)
			ends++;
		else
			assert_non_null(why);
		whole += records > before;
		before = records;
		free(copy);
	}
	assert_int_equal(ends, whole + 1); /* after the setup, and after each record */
	assert_int_equal(before, 13);
	free(log);
}

/* No bit of a log can change unseen. */
static void check_damage(unsigned hash)
{
	struct log *log = sample(hash);

	for (size_t bit = 0; bit < 8 * log->len; bit += 1 + bit % 3) {
		uint8_t *copy = exact(log->bytes, log->len);
		const char *why;
		int err;

		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		read_all(copy, log->len, &err, &why);
		if (err != TIDAL_EFORMAT && err != TIDAL_EVERSION)
			fail_msg("bit %zu: error %d", bit, err);
		assert_non_null(why);
		free(copy);
	}
	free(log);
}

static void test_damaged_logs(void **state)
{
	(void)state;
	check_damage(HASH_FNV);
	check_damage(hash_best());
}

/* Whole records that are missing or repeated are seen too: the hash runs on. */
static void test_records_left_out(void **state)
{
	struct log *log = sample(HASH_FNV);
	struct eventlog_record record;
	struct eventlog_reader r;
	struct eventlog_setup *setup = read_setup(&r, log->bytes, log->len);
	const uint8_t *first = r.at;
	size_t hole, at;
	const char *why;
	int err;

	(void)state;
	assert_int_equal(eventlog_next(&r, &record), 1);
	hole = (size_t)(r.at - first);
	at = (size_t)(first - log->bytes);
	memmove(log->bytes + at, log->bytes + at + hole, log->len - at - hole);
	assert_int_equal(read_all(log->bytes, log->len - hole, &err, &why), 0);
	assert_int_equal(err, TIDAL_EFORMAT);
	free(setup);
	free(log);
}

/* Give a record these bytes, with the right length and hash; what the reader says. */
static int read_record(const uint8_t *body, size_t len)
{
	struct tidal_params params;
	struct log *log = calloc(1, sizeof(*log));
	struct out o;
	const char *why;
	int err;

	assert_non_null(log);
	tidal_params_init(&params, sizeof(params), 64);
	begin(log, &params, HASH_FNV);
	o = out_init(log->bytes + log->len, LOG_MAX - log->len);
	out_u32(&o, len);
	out_bytes(&o, body, len);
	out_u32(&o, hash_bytes(HASH_FNV, 0, body, len));
	read_all(log->bytes, log->len + o.len, &err, &why);
	free(log);
	return err;
}

/* A record with the right hash may still be of a form that this reader does not know. */
static void test_records_of_another_form(void **state)
{
	static uint8_t body[600] = { EVENTLOG_EVENT };
	const size_t head = 1 + 8 + 4 + 8 + 4; /* then the kind of event */

	(void)state;
	body[head] = TIDAL_EV_TICK;
	assert_int_equal(read_record(body, head + 1), 0);
	assert_int_equal(read_record(body, head + 2), TIDAL_EFORMAT);
	assert_int_equal(read_record(body, head), TIDAL_EFORMAT);
	assert_int_equal(read_record(body, 0), TIDAL_EFORMAT);
	assert_int_equal(read_record(body, sizeof(body)), TIDAL_EFORMAT);
	body[head] = 0;
	assert_int_equal(read_record(body, head + 1), TIDAL_EFORMAT);
	body[head] = 200;
	assert_int_equal(read_record(body, head + 1), TIDAL_EFORMAT);
	body[head] = TIDAL_EV_TICK;
	body[0] = 3; /* neither event nor end */
	assert_int_equal(read_record(body, head + 1), TIDAL_EFORMAT);
}

/* The same for the parameters: more of a table than there can be. */
static void test_parameters_of_another_form(void **state)
{
	struct tidal_params params;
	struct log *log = calloc(1, sizeof(*log));
	size_t body_len;
	struct out o;
	const char *why;
	int err;

	(void)state;
	assert_non_null(log);
	tidal_params_init(&params, sizeof(params), 64);
	begin(log, &params, HASH_FNV);
	/* the last of the body: number of objects (4), presence of a map (1); then the hash */
	body_len = log->len - 8 - EVENTLOG_PREFIX;
	o = out_init(log->bytes + EVENTLOG_PREFIX + body_len - 5, LOG_MAX - log->len);
	out_u32(&o, TIDAL_TOPO_MAX + 6);
	for (unsigned i = 0; i < TIDAL_TOPO_MAX + 6; i++)
		out_u64(&o, 0);
	out_u8(&o, 0);
	body_len += (TIDAL_TOPO_MAX + 6) * 8;
	out_u64(&o, hash_bytes(HASH_FNV, 0, log->bytes + EVENTLOG_PREFIX, body_len));
	log->len = EVENTLOG_PREFIX + body_len + 8;
	o = out_init(log->bytes + EVENTLOG_PREFIX - 4, 4);
	out_u32(&o, body_len);
	read_all(log->bytes, log->len, &err, &why);
	assert_int_equal(err, TIDAL_EFORMAT);
	assert_string_equal(why, "parameters of another form");
	free(log);
}

static uint64_t hash_of_send(const void *header, uint32_t len)
{
	struct eventlog_writer w;
	struct tidal_action a = { .kind = TIDAL_ACT_SEND, .u.send = {
		.to = 1, .len = len, .header = header } };

	eventlog_writer_init(&w, HASH_FNV);
	eventlog_action(&w, &a);
	assert_int_equal(w.actions, 1);
	return w.actions_hash;
}

/* Where a header lies does not matter; what it says does. */
static void test_actions_are_hashed_by_contents(void **state)
{
	char one[] = "abcd", two[] = "abcd", other[] = "abce";

	(void)state;
	assert_true(hash_of_send(one, 4) == hash_of_send(two, 4));
	assert_true(hash_of_send(one, 4) != hash_of_send(other, 4));
	assert_true(hash_of_send(one, 4) != hash_of_send(one, 3));
}

/* Every member of every kind of action counts. */
static void test_every_member_of_actions_counts(void **state)
{
	static const struct {
		uint32_t kind;
		size_t from, to; /* of the members */
	} parts[] = {
#define PART(kind, first, last)                                                                   \
	{ kind, offsetof(struct tidal_action, first),                                             \
	  offsetof(struct tidal_action, last) + sizeof(((struct tidal_action *)0)->last) }
		PART(TIDAL_ACT_MAP, u.pages.token, u.pages.test),
		PART(TIDAL_ACT_UNMAP, u.pages.token, u.pages.test),
		PART(TIDAL_ACT_PROTECT, u.pages.token, u.pages.test),
		PART(TIDAL_ACT_ZERO, u.frame.token, u.frame.frame),
		PART(TIDAL_ACT_POST, u.frame.token, u.frame.frame),
		PART(TIDAL_ACT_RUN, u.vcpu.token, u.vcpu.watch),
		PART(TIDAL_ACT_RUN, u.vcpu.value, u.vcpu.buf_len),
		PART(TIDAL_ACT_LOAD, u.vcpu.buf, u.vcpu.buf_len),
		PART(TIDAL_ACT_BUF_FREE, u.buf.buf, u.buf.buf),
		PART(TIDAL_ACT_COMPLETE, u.complete.requester, u.complete.requester),
		PART(TIDAL_ACT_COMPLETE, u.complete.gfn, u.complete.status),
		PART(TIDAL_ACT_IO, u.io.token, u.io.size),
		PART(TIDAL_ACT_REPORT, u.report.what, u.report.node),
#undef PART
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct eventlog_writer base, w;
		struct tidal_action a;

		memset(&a, 0, sizeof(a));
		a.kind = parts[i].kind;
		eventlog_writer_init(&base, HASH_FNV);
		eventlog_action(&base, &a);
		for (size_t at = parts[i].from; at < parts[i].to; at++) {
			((uint8_t *)&a)[at] = 0x40;
			eventlog_writer_init(&w, HASH_FNV);
			eventlog_action(&w, &a);
			if (w.actions_hash == base.actions_hash)
				fail_msg("action %u: byte %zu does not count", a.kind, at);
			((uint8_t *)&a)[at] = 0;
		}
	}
}

/* Messages longer than any, unknown kinds and long names are not written. */
static void test_what_has_no_form_is_refused(void **state)
{
	static const uint8_t big[4096];
	static const char name[] = "a-policy-with-a-name-that-is-much-longer-than-anybody-would-give";
	const struct tidal_policy_ops policy = { .size = sizeof(policy), .name = name };
	struct tidal_event long_message = { .kind = TIDAL_EV_MESSAGE, .u.message = {
		.bytes = big, .len = sizeof(big) } };
	struct tidal_event unknown = { .kind = 99 };
	uint8_t *bytes = malloc(EVENTLOG_SETUP_MAX);
	struct eventlog_writer w;
	struct tidal_params p;

	(void)state;
	assert_non_null(bytes);
	eventlog_writer_init(&w, HASH_FNV);
	assert_int_equal(eventlog_put_event(&w, 0, &long_message, 0, bytes), 0);
	assert_int_equal(eventlog_put_event(&w, 0, &unknown, 0, bytes), 0);
	tidal_params_init(&p, sizeof(p), 64);
	p.policy = &policy;
	assert_true(strlen(name) >= EVENTLOG_NAME_MAX);
	assert_int_equal(eventlog_put_setup(&w, &p, bytes), 0);
	free(bytes);
}

/* The largest of everything fits. */
static void test_the_largest_setup_fits(void **state)
{
	static struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	struct tidal_topology topology = { objects, TIDAL_TOPO_MAX };
	struct tidal_vmap vmap = { .size = sizeof(vmap), .memory_runs = TIDAL_VMAP_RUNS,
				   .vcpu_runs = TIDAL_VMAP_RUNS, .devices = TIDAL_VMAP_DEVICES };
	struct tidal_params p;
	struct log *log = calloc(1, sizeof(*log));
	struct eventlog_reader r;

	(void)state;
	assert_non_null(log);
	tidal_params_init(&p, sizeof(p), 64);
	tidal_weights_init(&some_weights, sizeof(some_weights));
	p.topology = &topology;
	p.vmap = &vmap;
	p.weights = &some_weights;
	begin(log, &p, HASH_FNV);
	free(read_setup(&r, log->bytes, log->len));
	free(log);
}

/* Published values of the two hashes. */
static void test_hashes_are_the_published_ones(void **state)
{
	(void)state;
	assert_true(hash_bytes(HASH_FNV, 0, "", 0) == 0xcbf29ce484222325);
	assert_true(hash_bytes(HASH_FNV, 0, "a", 1) == 0xaf63dc4c8601ec8c);
	assert_true(hash_bytes(HASH_FNV, 0, "foobar", 6) == 0x85944171f73967e8);
	assert_true(hash_known(HASH_FNV));
	assert_false(hash_known(0));
	assert_false(hash_known(3));
	if (hash_known(HASH_XXH3)) {
		assert_true(hash_bytes(HASH_XXH3, 0, "", 0) == 0x2d06800538d394c2);
		assert_true(hash_bytes(HASH_XXH3, 1, "", 0) != 0x2d06800538d394c2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters_come_back),
		cmocka_unit_test(test_every_parameter_counts),
		cmocka_unit_test(test_absent_parts_stay_absent),
		cmocka_unit_test(test_events_come_back),
		cmocka_unit_test(test_every_member_of_events_counts),
		cmocka_unit_test(test_truncated_logs),
		cmocka_unit_test(test_damaged_logs),
		cmocka_unit_test(test_records_left_out),
		cmocka_unit_test(test_records_of_another_form),
		cmocka_unit_test(test_parameters_of_another_form),
		cmocka_unit_test(test_actions_are_hashed_by_contents),
		cmocka_unit_test(test_every_member_of_actions_counts),
		cmocka_unit_test(test_what_has_no_form_is_refused),
		cmocka_unit_test(test_the_largest_setup_fits),
		cmocka_unit_test(test_hashes_are_the_published_ones),
	};

	return cmocka_run_group_tests_name("node_eventlog", tests, NULL, NULL);
}
