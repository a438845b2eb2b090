/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pod of real guests in one process: vCPUs that count in pages for which they fight, while both are
 * moved about at random. Nothing is lost and nothing is done twice, in memory as in vector registers.
 *
 * Broken on purpose, it fails: let kvm_parts_write() forget KVM_SET_XSAVE; let kvm_save_rest() save
 * what it may not (unsavable()); let memory_unmap() copy a page before it is protected.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <tidal/inproc.h>

#include "counting.h"

#define NODES 3
#define PATIENCE_US 240000000u

struct pod {
	unsigned nodes;
	struct tidal_inproc *net;
	struct vm_node vm[NODES];
	struct tidal_transport *wire[NODES];
};

static void pod_open(struct pod *pod, unsigned nodes, const struct vm_config *config)
{
	struct tidal_inproc_config wire;

	pod->nodes = nodes;
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = nodes;
	wire.threads = 1;
	assert_int_equal(tidal_inproc_open(&wire, &pod->net), 0);
	for (unsigned i = 0; i < nodes; i++) {
		struct vm_config c = *config;

		assert_int_equal(tidal_inproc_endpoint(pod->net, (tidal_nodeid)i, &pod->wire[i]),
				 0);
		c.self = i;
		c.nodes = nodes;
		c.wire_ops = tidal_inproc_ops();
		c.wire = pod->wire[i];
		vm_open(&pod->vm[i], &c);
	}
	for (unsigned i = 0; i < nodes; i++)
		for (unsigned us = 0; !atomic_load(&pod->vm[i].ready); us += 1000) {
			assert_true(us < PATIENCE_US);
			usleep(1000);
		}
}

static void pod_close(struct pod *pod)
{
	unsigned failures = 0;

	for (unsigned i = 0; i < pod->nodes; i++) {
		failures += atomic_load(&pod->vm[i].failures);
		vm_close(&pod->vm[i]);
	}
	for (unsigned i = 0; i < pod->nodes; i++)
		tidal_inproc_ops()->close(pod->wire[i]);
	tidal_inproc_close(pod->net);
	assert_int_equal(failures, 0);
}

/* Wherever it is, it goes somewhere else. */
static unsigned move_one(struct pod *pod, unsigned *seed)
{
	unsigned v = (unsigned)rand_r(seed) % pod->vm[0].config.vcpus;
	unsigned to = (unsigned)rand_r(seed) % pod->nodes;

	for (unsigned i = 0; i < pod->nodes; i++)
		if (i != to && vm_move(&pod->vm[i], v, to) == 0)
			return 1;
	return 0;
}

static void print_info(struct pod *pod, unsigned moves)
{
	for (unsigned i = 0; i < pod->nodes; i++) {
		struct tidal_kvm_info info = { .size = sizeof(info) };

		tidal_kvm_info(pod->vm[i].host, &info);
		print_message("node %u: %llu faults, %llu vCPUs out, %llu in, %llu cancelled, %llu "
			      "stuck; %u orders\n", i, (unsigned long long)info.faults,
			      (unsigned long long)info.saves, (unsigned long long)info.loads,
			      (unsigned long long)info.cancels, (unsigned long long)info.stuck,
			      moves);
	}
}

static uint64_t arrivals(struct pod *pod)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < pod->nodes; i++) {
		struct tidal_kvm_info info = { .size = sizeof(info) };

		tidal_kvm_info(pod->vm[i].host, &info);
		n += info.loads;
	}
	return n;
}

static void count(unsigned nodes, unsigned vcpus, uint64_t rounds, uint32_t flags,
		  const struct tidal_policy_ops *policy, unsigned pause_us)
{
	const struct vm_config config = { .vcpus = vcpus, .frames = 256, .pages = COUNTING_MEMORY,
					  .flags = flags, .policy = policy };
	struct pod *pod = calloc(1, sizeof(*pod));
	unsigned seed = nodes * 100 + vcpus, moves = 0, us = 0;

	assert_non_null(pod);
	pod_open(pod, nodes, &config);
	counting_load(&pod->vm[0]);
	for (unsigned i = 0; i < nodes; i++)
		counting_boot(&pod->vm[i], rounds);
	for (unsigned i = 0; i < nodes; i++)
		vm_continue(&pod->vm[i]);
	while (atomic_load(&pod->vm[0].done) < vcpus) {
		unsigned pause = 200 + (unsigned)rand_r(&seed) % pause_us;

		usleep(pause);
		us += pause;
		moves += move_one(pod, &seed);
		if (us > PATIENCE_US)
			print_info(pod, moves);
		assert_true(us <= PATIENCE_US);
	}
	counting_check(&pod->vm[nodes - 1], rounds);
	print_info(pod, moves);
	assert_true(arrivals(pod) > 0);
	pod_close(pod);
	free(pod);
}

static void test_pages_fetched(void **state)
{
	(void)state;
	count(2, 4, 20000, 0, tidal_policy_page(), 2000);
}

static void test_vcpus_sent(void **state)
{
	(void)state;
	count(2, 4, 40000, 0, tidal_policy_vcpu(), 3000);
}

static void test_by_cost(void **state)
{
	(void)state;
	count(3, 6, 10000, 0, NULL, 3000);
}

static void test_pages_copied(void **state)
{
	(void)state;
	count(2, 3, 10000, TIDAL_KVM_COPY, NULL, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_fetched),
		cmocka_unit_test(test_vcpus_sent),
		cmocka_unit_test(test_by_cost),
		cmocka_unit_test(test_pages_copied),
	};
	const char *why = vm_refusal(0);

	if (why) {
		printf("SKIP: kvm pod: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
