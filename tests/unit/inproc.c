/* SPDX-License-Identifier: BSD-3-Clause */
/* The in-process transport's weather and clock; what all transports do: tests/conformance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/inproc.h>

#define NODES 4
#define BATCH 8

struct world {
	const struct tidal_transport_ops *ops;
	struct tidal_inproc *net;
	struct tidal_transport *node[NODES];
};

static struct tidal_inproc_config config_of(uint32_t nodes)
{
	struct tidal_inproc_config config;

	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = nodes;
	return config;
}

static void world_open(struct world *w, const struct tidal_inproc_config *config)
{
	*w = (struct world){ .ops = tidal_inproc_ops() };
	assert_int_equal(tidal_inproc_open(config, &w->net), 0);
	for (uint32_t i = 0; i < config->nodes; i++)
		assert_int_equal(tidal_inproc_endpoint(w->net, (tidal_nodeid)i, &w->node[i]), 0);
}

static void world_close(struct world *w)
{
	for (unsigned i = 0; i < NODES; i++)
		if (w->node[i])
			w->ops->close(w->node[i]);
	tidal_inproc_close(w->net);
}

static int say(struct world *w, unsigned from, unsigned to, uint32_t number)
{
	return w->ops->send(w->node[from], (tidal_nodeid)to, &number, sizeof(number),
			    TIDAL_PAYLOAD_NONE, NULL, 0, 0);
}

/* What is due at a node: numbers in order of delivery; returns how many. */
static unsigned hear(struct world *w, unsigned node, tidal_time now, uint32_t *numbers,
		     unsigned room)
{
	struct tidal_completion done[BATCH];
	unsigned total = 0;
	int n;

	while ((n = w->ops->poll(w->node[node], now, done, BATCH)) > 0)
		for (int i = 0; i < n; i++) {
			assert_true(total < room);
			memcpy(&numbers[total++], done[i].header, sizeof(*numbers));
		}
	return total;
}

static struct tidal_inproc_stats stats_of(const struct world *w)
{
	struct tidal_inproc_stats stats;

	tidal_inproc_stats(w->net, &stats, sizeof(stats));
	return stats;
}

static void test_configurations_are_judged(void **state)
{
	struct tidal_inproc_config good = config_of(2), c;
	struct tidal_inproc *net = NULL;

	(void)state;
	assert_int_equal(tidal_inproc_open(NULL, &net), TIDAL_EINVAL);
	assert_int_equal(tidal_inproc_open(&good, NULL), TIDAL_EINVAL);
#define WRONG(member, value)                                                                      \
	do {                                                                                      \
		c = good;                                                                         \
		c.member = (value);                                                               \
		assert_int_equal(tidal_inproc_open(&c, &net), TIDAL_EINVAL);                      \
	} while (0)
	WRONG(size, 0);
	WRONG(nodes, 0);
	WRONG(nodes, TIDAL_NODES_MAX + 1);
	WRONG(loss_ppm, 1000001);
	WRONG(dup_ppm, 1000001);
	WRONG(reorder, 2);
	WRONG(byte_ps, 1000000000001);
	WRONG(queue, 0);
	WRONG(queue, UINT32_MAX);
#undef WRONG
	assert_null(net);
}

/* A caller with an older header leaves members out; one with a newer has more, all zero. */
static void test_configurations_of_other_versions(void **state)
{
	struct {
		struct tidal_inproc_config c;
		uint64_t unknown;
	} newer = { config_of(2), 0 };
	struct tidal_inproc_config older = config_of(2);
	struct tidal_inproc *net;

	(void)state;
	newer.c.size = sizeof(newer);
	assert_int_equal(tidal_inproc_open(&newer.c, &net), 0);
	tidal_inproc_close(net);
	newer.unknown = 1;
	assert_int_equal(tidal_inproc_open(&newer.c, &net), TIDAL_EINVAL);
	older.size = offsetof(struct tidal_inproc_config, queue);
	older.queue = 0;
	assert_int_equal(tidal_inproc_open(&older, &net), 0);
	tidal_inproc_close(net);
}

static void test_endpoints(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	struct tidal_transport *t;
	struct world w;

	(void)state;
	world_open(&w, &config);
	assert_int_equal(tidal_inproc_endpoint(w.net, 1, &t), TIDAL_EEXIST);
	assert_int_equal(tidal_inproc_endpoint(w.net, 2, &t), TIDAL_ERANGE);
	assert_int_equal(tidal_inproc_endpoint(w.net, 0, NULL), TIDAL_EINVAL);
	assert_int_equal(say(&w, 0, 0, 1), TIDAL_ENOENT); /* nobody is its own peer */
	world_close(&w);
}

/* Delay and bytes add up exactly; time starts at the sender's last poll. */
static void test_time_of_delivery(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	static uint8_t page[TIDAL_PAGE_SIZE], buf[TIDAL_PAGE_SIZE];
	struct tidal_completion done;
	struct world w;

	(void)state;
	config.delay_ns = 700;
	config.byte_ps = 2500;
	world_open(&w, &config);
	assert_true(tidal_inproc_next(w.net) == TIDAL_NEVER);
	assert_int_equal(w.ops->poll(w.node[0], 10000, &done, 1), 0);
	assert_int_equal(w.ops->poll(w.node[0], 9000, &done, 1), 0); /* time never goes back */
	assert_int_equal(w.ops->recv_post(w.node[1], TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 3), 0);
	assert_int_equal(w.ops->send(w.node[0], 1, "1234", 4, TIDAL_PAYLOAD_PAGE, page,
				     sizeof(page), 0), 0);
	assert_int_equal(tidal_inproc_next(w.net), 10000 + 700 + 4100 * 2500 / 1000);
	assert_int_equal(w.ops->deadline(w.node[1]), tidal_inproc_next(w.net));
	assert_true(w.ops->deadline(w.node[0]) == TIDAL_NEVER);
	assert_int_equal(w.ops->poll(w.node[1], 20949, &done, 1), 0);
	assert_int_equal(w.ops->poll(w.node[1], 20950, &done, 1), 1);
	assert_true(tidal_inproc_next(w.net) == TIDAL_NEVER);
	world_close(&w);
}

/* Times close to the end of time don't wrap around. */
static void test_time_does_not_wrap(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	struct tidal_completion done;
	uint32_t number;
	struct world w;

	(void)state;
	config.delay_ns = UINT64_MAX;
	config.jitter_ns = UINT64_MAX;
	config.byte_ps = 1000000000000;
	world_open(&w, &config);
	assert_int_equal(say(&w, 0, 1, 5), 0);
	assert_int_equal(w.ops->poll(w.node[1], TIDAL_NEVER - 2, &done, 1), 0);
	assert_int_equal(hear(&w, 1, TIDAL_NEVER - 1, &number, 1), 1);
	world_close(&w);
}

/* Jitter alone changes times, not the order of a pair; other pairs are independent. */
static void test_jitter_keeps_the_order_of_a_pair(void **state)
{
	struct tidal_inproc_config config = config_of(3);
	uint32_t numbers[400], next[2] = { 0, 1000 };
	unsigned swaps = 0;
	struct world w;

	(void)state;
	config.jitter_ns = 50000;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(say(&w, 0, 2, i), 0);
		assert_int_equal(say(&w, 1, 2, 1000 + i), 0);
	}
	assert_int_equal(hear(&w, 2, 1000000, numbers, 400), 400);
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(numbers[i], next[numbers[i] >= 1000]++);
		swaps += numbers[i] >= 1000 && next[1] - 1000 > next[0];
	}
	assert_true(swaps > 0);
	world_close(&w);
}

static void test_reorder_reorders_and_loses_nothing(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	uint32_t numbers[200];
	uint8_t seen[200] = { 0 };
	unsigned swaps = 0;
	struct world w;

	(void)state;
	config.jitter_ns = 50000;
	config.reorder = 1;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(say(&w, 0, 1, i), 0);
	assert_int_equal(hear(&w, 1, 1000000, numbers, 200), 200);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(seen[numbers[i]]++, 0);
		swaps += i > 0 && numbers[i] < numbers[i - 1];
	}
	assert_in_range(swaps, 50, 150);
	world_close(&w);
}

/* Polled in small steps, messages come in the order of their times, whatever that of sending. */
static void test_deliveries_follow_the_clock(void **state)
{
	struct tidal_inproc_config config = config_of(NODES);
	uint32_t number;
	unsigned got = 0;
	struct world w;

	(void)state;
	config.jitter_ns = 100000;
	config.reorder = 1;
	config.queue = 10000;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 9999; i++)
		assert_int_equal(say(&w, i % 3, 3, i), 0);
	for (tidal_time due, last = 0; (due = tidal_inproc_next(w.net)) != TIDAL_NEVER; last = due) {
		assert_true(due >= last && due <= 1000 + 100000);
		assert_int_equal(w.ops->deadline(w.node[3]), due);
		if (due > 0)
			assert_int_equal(hear(&w, 3, due - 1, &number, 1), 0);
		for (struct tidal_completion done;
		     w.ops->poll(w.node[3], due, &done, 1) == 1; got++)
			;
	}
	assert_int_equal(got, 9999);
	world_close(&w);
}

/* The next delivery anywhere is the first of all nodes' own. */
static void test_next_of_all_nodes(void **state)
{
	struct tidal_inproc_config config = config_of(NODES);
	struct tidal_completion done;
	struct world w;

	(void)state;
	config.jitter_ns = 100000;
	config.reorder = 1;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(say(&w, i % NODES, (i / NODES + i + 1) % NODES == i % NODES
					     ? (i + 1) % NODES : (i / NODES + i + 1) % NODES, i), 0);
	for (;;) {
		tidal_time due = TIDAL_NEVER, mine;

		for (unsigned i = 0; i < NODES; i++) {
			mine = w.ops->deadline(w.node[i]);
			due = mine < due ? mine : due;
		}
		assert_true(tidal_inproc_next(w.net) == due);
		if (due == TIDAL_NEVER)
			break;
		for (unsigned i = 0; i < NODES; i++)
			while (w.ops->poll(w.node[i], due, &done, 1) == 1)
				;
	}
	assert_int_equal(stats_of(&w).delivered, 3000);
	world_close(&w);
}

static void test_large_polls(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	static uint8_t buf[TIDAL_PAGE_SIZE];
	struct tidal_completion done[200];
	uint32_t number, total = 0;
	struct world w;
	int n;

	(void)state;
	world_open(&w, &config);
	assert_int_equal(w.ops->recv_post(w.node[1], TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 9), 0);
	for (uint32_t i = 0; i < 150; i++)
		assert_int_equal(say(&w, 0, 1, i), 0);
	while ((n = w.ops->poll(w.node[1], 5000, done, 200)) > 0)
		for (int i = 0; i < n; i++) {
			memcpy(&number, done[i].header, sizeof(number));
			assert_int_equal(number, total++);
		}
	assert_int_equal(total, 150);
	/* the buffer is still there */
	assert_int_equal(w.ops->send(w.node[0], 1, "p", 1, TIDAL_PAYLOAD_PAGE, buf, 100, 0), 0);
	assert_int_equal(w.ops->poll(w.node[1], 50000, done, 1), 1);
	assert_int_equal(done[0].cookie, 9);
	assert_int_equal(w.ops->poll(w.node[1], 5000, done, -1), 0);
	world_close(&w);
}

/* What is under way from a peer that was deleted meanwhile is not for us. */
static void test_messages_of_deleted_peers(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	uint32_t numbers[4];
	struct world w;

	(void)state;
	world_open(&w, &config);
	assert_int_equal(say(&w, 0, 1, 1), 0);
	assert_int_equal(w.ops->peer_del(w.node[1], 0), 0);
	assert_int_equal(hear(&w, 1, 5000, numbers, 4), 0);
	assert_int_equal(stats_of(&w).lost, 1);
	world_close(&w);
}

static uint64_t weather_report(uint64_t seed, struct tidal_inproc_stats *stats)
{
	struct tidal_inproc_config config = config_of(2);
	static uint32_t numbers[20000];
	uint64_t sum = 0;
	unsigned n;
	struct world w;

	config.loss_ppm = 100000;
	config.dup_ppm = 50000;
	config.jitter_ns = 10000;
	config.reorder = 1;
	config.seed = seed;
	config.queue = 20000;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(say(&w, 0, 1, i), 0);
	n = hear(&w, 1, 1000000, numbers, 20000);
	for (unsigned i = 0; i < n; i++)
		sum = sum * 31 + numbers[i];
	*stats = stats_of(&w);
	assert_int_equal(stats->delivered, n);
	world_close(&w);
	return sum;
}

static void test_loss_and_repetition_as_asked_and_counted(void **state)
{
	struct tidal_inproc_stats stats;

	(void)state;
	weather_report(1, &stats);
	assert_int_equal(stats.sent, 10000);
	assert_in_range(stats.lost, 900, 1100);
	assert_in_range(stats.duplicated, 350, 550);
	assert_int_equal(stats.delivered, stats.sent - stats.lost + stats.duplicated);
	assert_int_equal(stats.unposted, 0);
}

static void test_the_seed_decides_everything(void **state)
{
	struct tidal_inproc_stats stats;
	uint64_t one = weather_report(1, &stats);

	(void)state;
	assert_true(weather_report(1, &stats) == one);
	assert_true(weather_report(2, &stats) != one);
}

static void test_certain_loss_and_certain_repetition(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	struct tidal_transport_caps caps = { .size = sizeof(caps) };
	uint32_t numbers[40];
	struct world w;

	(void)state;
	config.loss_ppm = 1000000;
	world_open(&w, &config);
	assert_int_equal(say(&w, 0, 1, 1), 0);
	assert_true(tidal_inproc_next(w.net) == TIDAL_NEVER);
	assert_int_equal(w.ops->query(w.node[0], &caps), 0);
	assert_int_equal(caps.exactly_once, 0);
	world_close(&w);
	config.loss_ppm = 0;
	config.dup_ppm = 1000000;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(say(&w, 0, 1, i), 0);
	assert_int_equal(hear(&w, 1, 1000000, numbers, 40), 40);
	world_close(&w);
}

static void test_cut_wires(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	uint32_t numbers[4];
	struct world w;

	(void)state;
	world_open(&w, &config);
	assert_int_equal(tidal_inproc_cut(w.net, 2, 0, 1), TIDAL_ERANGE);
	assert_int_equal(tidal_inproc_cut(w.net, 0, 2, 1), TIDAL_ERANGE);
	assert_int_equal(say(&w, 0, 1, 1), 0); /* on its way before the cut */
	assert_int_equal(tidal_inproc_cut(w.net, 0, 1, 1), 0);
	assert_int_equal(say(&w, 0, 1, 2), 0);
	assert_int_equal(say(&w, 1, 0, 3), 0); /* the other direction works */
	assert_int_equal(tidal_inproc_cut(w.net, 0, 1, 0), 0);
	assert_int_equal(say(&w, 0, 1, 4), 0);
	assert_int_equal(hear(&w, 0, 5000, numbers, 4), 1);
	assert_int_equal(hear(&w, 1, 5000, numbers, 4), 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 4);
	assert_int_equal(stats_of(&w).lost, 1);
	world_close(&w);
}

static void test_queue_is_as_long_as_asked(void **state)
{
	struct tidal_inproc_config config = config_of(3);
	uint32_t numbers[5];
	struct world w;

	(void)state;
	config.queue = 5;
	world_open(&w, &config);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(say(&w, i & 1, 2, i), 0);
	assert_int_equal(say(&w, 0, 1, 9), TIDAL_EAGAIN);
	assert_int_equal(hear(&w, 2, 5000, numbers, 5), 5);
	assert_int_equal(say(&w, 0, 1, 9), 0);
	assert_int_equal(stats_of(&w).sent, 6);
	world_close(&w);
}

/* Room for large payloads is limited, comes back, and one always fits. */
static void test_room_for_payloads_comes_back(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	uint8_t *big = calloc(1, TIDAL_VCPU_BYTES_MAX), *buf = malloc(TIDAL_VCPU_BYTES_MAX);
	struct tidal_completion done;
	struct world w;

	(void)state;
	config.queue = 4;
	world_open(&w, &config);
	for (unsigned round = 0; round < 20; round++) {
		unsigned sent = 0;

		memset(big, (int)round, TIDAL_VCPU_BYTES_MAX);
		while (w.ops->send(w.node[0], 1, "v", 1, TIDAL_PAYLOAD_VCPU, big,
				   TIDAL_VCPU_BYTES_MAX, 0) == 0)
			sent++;
		assert_int_equal(sent, 1);
		assert_int_equal(w.ops->recv_post(w.node[1], TIDAL_PAYLOAD_VCPU, buf,
						  TIDAL_VCPU_BYTES_MAX, round), 0);
		assert_int_equal(w.ops->poll(w.node[1], 5000, &done, 1), 1);
		assert_int_equal(done.cookie, round);
		assert_memory_equal(big, buf, TIDAL_VCPU_BYTES_MAX);
	}
	free(big);
	free(buf);
	world_close(&w);
}

static void test_lost_for_want_of_a_buffer(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	static uint8_t page[TIDAL_PAGE_SIZE];
	struct tidal_completion done;
	struct world w;

	(void)state;
	world_open(&w, &config);
	assert_int_equal(w.ops->send(w.node[0], 1, "p", 1, TIDAL_PAYLOAD_PAGE, page, sizeof(page),
				     0), 0);
	assert_int_equal(w.ops->poll(w.node[1], 5000, &done, 1), 0);
	assert_int_equal(stats_of(&w).unposted, 1);
	world_close(&w);
}

static void test_buffers_to_hold_are_limited(void **state)
{
	struct tidal_inproc_config config = config_of(1);
	uint8_t buf[16];
	unsigned posted = 0;
	struct world w;
	int err;

	(void)state;
	world_open(&w, &config);
	while ((err = w.ops->recv_post(w.node[0], TIDAL_PAYLOAD_PAGE, buf, sizeof(buf), 0)) == 0)
		posted++;
	assert_int_equal(err, TIDAL_EAGAIN);
	assert_true(posted >= 1024);
	assert_int_equal(w.ops->recv_post(w.node[0], TIDAL_PAYLOAD_VCPU, buf, sizeof(buf), 0), 0);
	world_close(&w);
}

/* A node restarts: what was under way to it is lost, what it had sent still comes. */
static void test_restart_of_an_endpoint(void **state)
{
	struct tidal_inproc_config config = config_of(2);
	uint32_t numbers[4];
	struct world w;

	(void)state;
	world_open(&w, &config);
	assert_int_equal(say(&w, 0, 1, 1), 0);
	assert_int_equal(say(&w, 1, 0, 2), 0);
	w.ops->close(w.node[1]);
	assert_int_equal(say(&w, 0, 1, 3), 0); /* nobody there */
	assert_int_equal(tidal_inproc_endpoint(w.net, 1, &w.node[1]), 0);
	assert_int_equal(say(&w, 0, 1, 4), 0);
	assert_int_equal(hear(&w, 1, 5000, numbers, 4), 1);
	assert_int_equal(numbers[0], 4);
	assert_int_equal(hear(&w, 0, 5000, numbers, 4), 1);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(stats_of(&w).lost, 2);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configurations_are_judged),
		cmocka_unit_test(test_configurations_of_other_versions),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_time_of_delivery),
		cmocka_unit_test(test_time_does_not_wrap),
		cmocka_unit_test(test_jitter_keeps_the_order_of_a_pair),
		cmocka_unit_test(test_reorder_reorders_and_loses_nothing),
		cmocka_unit_test(test_deliveries_follow_the_clock),
		cmocka_unit_test(test_next_of_all_nodes),
		cmocka_unit_test(test_large_polls),
		cmocka_unit_test(test_messages_of_deleted_peers),
		cmocka_unit_test(test_loss_and_repetition_as_asked_and_counted),
		cmocka_unit_test(test_the_seed_decides_everything),
		cmocka_unit_test(test_certain_loss_and_certain_repetition),
		cmocka_unit_test(test_cut_wires),
		cmocka_unit_test(test_queue_is_as_long_as_asked),
		cmocka_unit_test(test_room_for_payloads_comes_back),
		cmocka_unit_test(test_lost_for_want_of_a_buffer),
		cmocka_unit_test(test_buffers_to_hold_are_limited),
		cmocka_unit_test(test_restart_of_an_endpoint),
	};

	return cmocka_run_group_tests_name("inproc", tests, NULL, NULL);
}
