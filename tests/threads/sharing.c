/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads of several nodes share memory as if they were of one process: counters, locks, orders of
 * reads and writes, more memory than a node has.
 *
 * Seen to fail with: a protect() that protects nothing (make_read_only() in pages.c).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pod.h"

#define PAGE TIDAL_PAGE_SIZE
#define GUESTS_MAX (2 * POD_NODES)

static void *page(const struct guest *g, unsigned i)
{
	return g->ram + (size_t)i * PAGE;
}

/* ---- counters: page 0 is everybody's, page 1 as well, but each guest has a word of its own ---- */

static void count(struct guest *g)
{
	atomic_ullong *all = page(g, 0);
	volatile uint64_t *own = (volatile uint64_t *)page(g, 1) + g->self;
	volatile uint64_t *apart = (volatile uint64_t *)page(g, 2 + g->self);
	const unsigned times = *(const unsigned *)g->arg;

	for (unsigned i = 0; i < times; i++) {
		atomic_fetch_add(all, 1);
		*own += 1;
		*apart += 1;
		if (i % 64 == 0)
			sched_yield();
	}
}

static void look(struct guest *g)
{
	const unsigned times = *(const unsigned *)g->arg;
	const uint64_t *own = page(g, 1);

	g->result = atomic_load((atomic_ullong *)page(g, 0)) == (uint64_t)times * GUESTS_MAX;
	for (unsigned i = 0; i < GUESTS_MAX; i++)
		g->result &= own[i] == times && *(const uint64_t *)page(g, 2 + i) == times;
}

/* Returns how many vCPUs the core wanted to move. */
static unsigned counters(const struct pod_config *config, unsigned times)
{
	uint64_t right[GUESTS_MAX];
	struct pod pod;

	pod_open(&pod, config);
	pod_run(&pod, 2, count, &times, NULL);
	pod_run(&pod, 2, look, &times, right);
	for (unsigned i = 0; i < GUESTS_MAX; i++)
		assert_int_equal(right[i], 1);
	pod_close(&pod);
	return atomic_load(&pod.refused);
}

static const struct pod_config three = { .nodes = 3, .pages = 512, .frames = 128 };

static void test_counters(void **state)
{
	(void)state;
	assert_int_equal(counters(&three, 3000), 0);
}

static void test_counters_copying(void **state)
{
	struct pod_config config = three;

	(void)state;
	config.flags = TIDAL_THREADS_COPY;
	counters(&config, 1500);
}

static void test_counters_on_a_bad_wire(void **state)
{
	struct pod_config config = three;

	(void)state;
	config.loss_ppm = 50000;
	counters(&config, 1500);
}

/* The policy sends vCPUs, which the host refuses: the pages come instead. */
static void test_counters_with_the_wrong_policy(void **state)
{
	struct pod_config config = three;

	(void)state;
	config.policy = tidal_policy_vcpu();
	assert_true(counters(&config, 200) > 0);
}

/* ---- a lock in page 0, and what it protects in pages 1 to 4 ---- */

static void with_lock(struct guest *g)
{
	atomic_uint *lock = page(g, 0);

	for (unsigned i = 0; i < 150; i++) {
		while (atomic_exchange_explicit(lock, 1, memory_order_acquire))
			sched_yield();
		for (unsigned p = 1; p <= 4; p++)
			*(volatile uint64_t *)page(g, p) += p;
		atomic_store_explicit(lock, 0, memory_order_release);
	}
}

static void sum_up(struct guest *g)
{
	for (unsigned p = 1; p <= 4; p++)
		g->result += *(const uint64_t *)page(g, p);
}

static void test_lock(void **state)
{
	uint64_t sums[POD_NODES];
	struct pod pod;

	(void)state;
	pod_open(&pod, &three);
	pod_run(&pod, 2, with_lock, NULL, NULL);
	pod_run(&pod, 1, sum_up, NULL, sums);
	for (unsigned i = 0; i < POD_NODES; i++)
		assert_int_equal(sums[i], 150 * GUESTS_MAX * (1 + 2 + 3 + 4));
	pod_close(&pod);
}

/* ---- a lock by reads and writes only (Peterson's): right if memory is sequentially consistent ---- */

#define ROUNDS 300

static void peterson(struct guest *g)
{
	unsigned me = g->self, other = 1 - me;
	atomic_uint *want_me = page(g, me), *want_other = page(g, other), *turn = page(g, 2);
	volatile uint64_t *n = page(g, 3);

	for (unsigned i = 0; i < ROUNDS; i++) {
		atomic_store(want_me, 1);
		atomic_store(turn, other);
		while (atomic_load(want_other) && atomic_load(turn) == other)
			sched_yield();
		*n += 1;
		atomic_store(want_me, 0);
	}
	g->result = 1;
}

static void read_sum(struct guest *g)
{
	g->result = *(const uint64_t *)page(g, 3);
}

static void test_peterson(void **state)
{
	struct pod_config config = three;
	uint64_t sums[2];
	struct pod pod;

	(void)state;
	config.nodes = 2;
	pod_open(&pod, &config);
	pod_run(&pod, 1, peterson, NULL, NULL);
	pod_run(&pod, 1, read_sum, NULL, sums);
	assert_int_equal(sums[0], 2 * ROUNDS);
	assert_int_equal(sums[1], 2 * ROUNDS);
	pod_close(&pod);
}

/*
 * Store buffering: each writes its own word and reads the other's; not both may miss the other's
 * write. They meet before each round outside of guest memory.
 */
struct sb {
	pthread_barrier_t meet;
	atomic_uint seen[2][ROUNDS];
};

static void store_buffering(struct guest *g)
{
	struct sb *sb = (struct sb *)(uintptr_t)g->arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned mine = 2 * (i % 8) + g->self, others = 2 * (i % 8) + 1 - g->self;

		pthread_barrier_wait(&sb->meet);
		atomic_store((atomic_uint *)page(g, mine), i + 1);
		atomic_store(&sb->seen[g->self][i],
			     atomic_load((atomic_uint *)page(g, others)) == i + 1);
	}
}

static void test_store_buffering(void **state)
{
	static struct sb sb;
	struct pod_config config = three;
	unsigned one_missed = 0;
	struct pod pod;

	(void)state;
	config.nodes = 2;
	pthread_barrier_init(&sb.meet, NULL, 2);
	pod_open(&pod, &config);
	pod_run(&pod, 1, store_buffering, &sb, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_true(atomic_load(&sb.seen[0][i]) || atomic_load(&sb.seen[1][i]));
		one_missed += atomic_load(&sb.seen[0][i]) != atomic_load(&sb.seen[1][i]);
	}
	print_message("in %u of %u rounds one missed the other's write\n", one_missed, ROUNDS);
	pod_close(&pod);
	pthread_barrier_destroy(&sb.meet);
}

/* ---- more memory than a node has ---- */

#define MUCH 160

static uint64_t word(unsigned p, unsigned i)
{
	return (uint64_t)p * 0x9e3779b97f4a7c15u + i * 0xff51afd7ed558ccdu;
}

static void write_much(struct guest *g)
{
	for (unsigned p = g->self; p < MUCH; p += g->guests)
		for (unsigned i = 0; i < PAGE / 8; i++)
			((volatile uint64_t *)page(g, p))[i] = word(p, i);
}

static void read_much(struct guest *g)
{
	for (unsigned k = 0; k < MUCH; k++) {
		unsigned p = (k * 7 + g->self * 31) % MUCH;

		for (unsigned i = 0; i < PAGE / 8; i++)
			g->result += ((volatile uint64_t *)page(g, p))[i] != word(p, i);
	}
}

#define MANY (3 * POD_VCPUS) /* threads of a node, more than can fault at a time */

static void much(uint32_t flags, unsigned threads)
{
	const struct pod_config config = { .nodes = 3, .pages = 4096, .frames = 96,
					   .flags = flags };
	uint64_t wrong[POD_NODES * MANY];
	struct pod pod;

	pod_open(&pod, &config);
	pod_run(&pod, threads, write_much, NULL, NULL);
	for (unsigned round = 0; round < 2; round++) {
		pod_run(&pod, threads, read_much, NULL, wrong);
		for (unsigned i = 0; i < POD_NODES * threads; i++)
			assert_int_equal(wrong[i], 0);
	}
	pod_close(&pod);
}

static void test_more_than_a_node_has(void **state)
{
	(void)state;
	much(0, 1);
}

static void test_more_threads_than_vcpus(void **state)
{
	(void)state;
	much(0, MANY);
}

static void test_more_than_a_node_has_copying(void **state)
{
	(void)state;
	much(TIDAL_THREADS_COPY, 1);
}

/* ---- memory that nobody has written reads as zeroes, for as long ---- */

static void read_zeroes(struct guest *g)
{
	for (unsigned p = 0; p < 2000; p++)
		g->result += ((volatile uint64_t *)page(g, p))[p % 512] != 0;
	if (g->self == 0)
		*(volatile uint64_t *)page(g, 700) = 7;
}

static void read_seven(struct guest *g)
{
	for (unsigned p = 0; p < 2000; p += 100)
		g->result += ((volatile uint64_t *)page(g, p))[0];
}

static void test_untouched_memory(void **state)
{
	const struct pod_config config = { .nodes = 2, .pages = 4096, .frames = 128 };
	uint64_t r[2];
	struct pod pod;

	(void)state;
	pod_open(&pod, &config);
	pod_run(&pod, 1, read_zeroes, NULL, r);
	assert_int_equal(r[0] + r[1], 0);
	pod_run(&pod, 1, read_seven, NULL, r);
	assert_int_equal(r[0], 7);
	assert_int_equal(r[1], 7);
	pod_close(&pod);
}

/* ---- system calls read and write it, too ---- */

static void by_system_calls(struct guest *g)
{
	uint8_t *at = page(g, 10 + 4 * g->self);
	int ends[2];

	if (pipe(ends))
		return;
	for (unsigned i = 0; i < 4 * PAGE; i++)
		((uint8_t *)page(g, 30 + 4 * g->self))[i] = (uint8_t)(i * 11 + g->self);
	if (write(ends[1], page(g, 30 + 4 * g->self), 4 * PAGE) == 4 * PAGE &&
	    read(ends[0], at, 4 * PAGE) == 4 * PAGE)
		g->result = 1;
	close(ends[0]);
	close(ends[1]);
}

static void compare(struct guest *g)
{
	unsigned other = (g->self + 1) % g->guests;

	g->result = memcmp(page(g, 10 + 4 * other), page(g, 30 + 4 * other), 4 * PAGE) == 0;
}

static void test_system_calls(void **state)
{
	struct pod_config config = three;
	uint64_t right[POD_NODES];
	struct pod pod;

	(void)state;
	config.flags = TIDAL_THREADS_KERNEL_FAULTS;
	if (pod_refusal(config.flags))
		skip();
	pod_open(&pod, &config);
	pod_run(&pod, 1, by_system_calls, NULL, right);
	for (unsigned i = 0; i < POD_NODES; i++)
		assert_int_equal(right[i], 1);
	pod_run(&pod, 1, compare, NULL, right);
	for (unsigned i = 0; i < POD_NODES; i++)
		assert_int_equal(right[i], 1);
	pod_close(&pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_counters_copying),
		cmocka_unit_test(test_counters_on_a_bad_wire),
		cmocka_unit_test(test_counters_with_the_wrong_policy),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_peterson),
		cmocka_unit_test(test_store_buffering),
		cmocka_unit_test(test_more_than_a_node_has),
		cmocka_unit_test(test_more_threads_than_vcpus),
		cmocka_unit_test(test_more_than_a_node_has_copying),
		cmocka_unit_test(test_untouched_memory),
		cmocka_unit_test(test_system_calls),
	};
	const char *why = pod_refusal(0);

	if (why) {
		printf("SKIP: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
