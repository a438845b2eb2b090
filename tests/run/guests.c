/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests on pods whose nodes have threads: the same results as on mini-pod, with several vCPUs per
 * runner, without runners, and on libfabric; meanwhile other threads ask, order and access.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pod.h"

static const struct pod_config four = { .nodes = 4, .vcpus = 8, .hthreads = 2, .frames = 1024 };
static const struct pod_config two = { .nodes = 2, .vcpus = 6, .hthreads = 2, .frames = 1024 };

/* Everything that other threads may do, until the guest has ended. */
struct bother {
	struct pod *pod;
	pthread_t thread;
	atomic_bool stop;
	unsigned times;
};

static int has_ended(struct pod *pod)
{
	int ended;

	(void)pthread_mutex_lock(&pod->lock);
	ended = pod->exited > 0 || pod->failures > 0;
	(void)pthread_mutex_unlock(&pod->lock);
	return ended;
}

/* The last page of memory is nobody else's. */
static void *bother_main(void *arg)
{
	struct bother *b = arg;
	tidal_gpa at = POD_MEMORY - TIDAL_PAGE_SIZE;
	const struct tidal_ev_command *orders, list[] = {
		{ .command = TIDAL_CMD_PAUSE }, { .command = TIDAL_CMD_CONTINUE },
	};

	orders = list;
	for (uint64_t i = 1; !has_ended(b->pod); i++) {
		unsigned at_node = (unsigned)(i % b->pod->config.nodes);
		struct tidal_node *node = b->pod->node[at_node].node;
		struct tidal_node_stats stats;
		uint64_t word = i;

		assert_int_equal(pod_access(b->pod, at_node, at, &word, sizeof(word), 1), 0);
		word = 0;
		assert_int_equal(pod_access(b->pod, (unsigned)(i + 1) % b->pod->config.nodes, at,
					    &word, sizeof(word), 0), 0);
		assert_int_equal(word, i);
		tidal_node_stats(node, &stats, sizeof(stats));
		assert_true(stats.events > 0);
		while (tidal_node_command(node, &orders[0]) == TIDAL_EAGAIN)
			continue;
		while (tidal_node_command(node, &orders[1]) == TIDAL_EAGAIN)
			continue;
		b->times++;
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	}
	return NULL;
}

static void play(const struct pod_config *config, const struct tidal_run_config *run,
		 const char *guest, const char *expected)
{
	const char *why = pod_refusal(config);
	struct bother bother = { 0 };
	struct pod pod;

	if (why) {
		print_message("SKIP: %s\n", why);
		skip();
	}
	pod_open(&pod, config);
	pod_start(&pod, run);
	pod_await_ready(&pod);
	pod_load(&pod, guest);
	pod_continue(&pod);
	bother.pod = &pod;
	assert_int_equal(pthread_create(&bother.thread, NULL, bother_main, &bother), 0);
	pod_await_exit(&pod);
	(void)pthread_join(bother.thread, NULL);
	pod_stop(&pod);
	assert_true(bother.times > 0);
	assert_int_equal(pod.failures, 0);
	assert_int_equal(pod.exit_code, 0);
	assert_memory_equal(pod.said, expected, strlen(expected));
	pod_close(&pod);
}

static void test_locks(void **state)
{
	(void)state;
	play(&four, NULL, "lock-counter", "spin lock: 2048 of 2048\n");
}

static void test_locks_without_runners(void **state)
{
	struct tidal_run_config run;

	(void)state;
	tidal_run_config_init(&run, sizeof(run));
	run.runners = 0;
	play(&two, &run, "lock-counter", "spin lock: 1536 of 1536\n");
}

/* Nobody spins: all that happens is a descriptor, or a call. */
static void test_locks_asleep(void **state)
{
	struct tidal_run_config run;

	(void)state;
	tidal_run_config_init(&run, sizeof(run));
	run.spin_ns = 0;
	play(&two, &run, "lock-counter", "spin lock: 1536 of 1536\n");
}

static void test_vcpus_that_move(void **state)
{
	struct pod_config config = two;

	(void)state;
	config.policy = tidal_policy_vcpu();
	play(&config, NULL, "pointer-chase", "6 harts followed 512 pointers, sum 130816\n");
}

static void test_matmul(void **state)
{
	(void)state;
	play(&four, NULL, "matmul", "128 x 128, checked, checksum d48b8ac2bdb9b5ed\n");
}

static void test_fabric_blocking(void **state)
{
	struct pod_config config = two;

	(void)state;
	config.provider = "net";
	config.blocking = 1;
	play(&config, NULL, "lock-counter", "spin lock: 1536 of 1536\n");
}

static void test_fabric_without_descriptor(void **state)
{
	struct pod_config config = two;

	(void)state;
	config.provider = "net";
	play(&config, NULL, "lock-counter", "spin lock: 1536 of 1536\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locks),
		cmocka_unit_test(test_locks_without_runners),
		cmocka_unit_test(test_locks_asleep),
		cmocka_unit_test(test_vcpus_that_move),
		cmocka_unit_test(test_matmul),
		cmocka_unit_test(test_fabric_blocking),
		cmocka_unit_test(test_fabric_without_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
