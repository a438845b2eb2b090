/* SPDX-License-Identifier: BSD-3-Clause */
/* The event log: what is written is read again. What is not a log: node_eventlog_bad.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_eventlog.h"

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
		PART(TIDAL_ACT_TRACE, u.trace.what, u.trace.vcpu),
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
		cmocka_unit_test(test_actions_are_hashed_by_contents),
		cmocka_unit_test(test_every_member_of_actions_counts),
		cmocka_unit_test(test_what_has_no_form_is_refused),
		cmocka_unit_test(test_the_largest_setup_fits),
		cmocka_unit_test(test_hashes_are_the_published_ones),
	};

	return cmocka_run_group_tests_name("node_eventlog", tests, NULL, NULL);
}
