/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pod of real guests in one process: vCPUs that count in pages for which they fight, while both are
 * moved about at random. Nothing is lost and nothing is done twice, in memory as in vector registers.
 *
 * Broken on purpose, it fails: let kvm_parts_write() forget KVM_SET_XSAVE; let unsavable() in save.c
 * say no (test_devices never ends).
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"
#include "guests.h"
#include "pods.h"

#define DEVICE_ROUNDS 300

static void count(unsigned nodes, unsigned vcpus, uint64_t rounds, uint32_t flags,
		  const struct tidal_policy_ops *policy, unsigned pause_us)
{
	const struct vm_config config = { .vcpus = vcpus, .frames = 256, .pages = COUNTING_MEMORY,
					  .flags = flags, .policy = policy };
	struct pod *pod = calloc(1, sizeof(*pod));
	unsigned seed = nodes * 100 + vcpus, moves;
	struct tidal_kvm_info info;

	assert_non_null(pod);
	pod_open(pod, nodes, &config);
	counting_load(&pod->vm[0]);
	for (unsigned i = 0; i < nodes; i++)
		counting_boot(&pod->vm[i], rounds);
	pod_continue(pod);
	moves = pod_stir(pod, pause_us, &seed);
	counting_check(&pod->vm[nodes - 1], rounds);
	info = pod_info(pod);
	print_message("%llu faults, %llu vCPUs moved, %u by order; %llu called off a page, %llu of "
		      "them in vain\n", (unsigned long long)info.faults,
		      (unsigned long long)info.loads, moves, (unsigned long long)info.cancels,
		      (unsigned long long)info.stuck);
	assert_true(info.loads > 0);
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

/* Accesses to the devices of node 0, from wherever the vCPUs are: each once, and in order. */
static void test_devices(void **state)
{
	const struct vm_config config = { .vcpus = 4, .frames = 256, .pages = COUNTING_MEMORY,
					  .policy = tidal_policy_vcpu() };
	struct pod *pod = calloc(1, sizeof(*pod));
	static uint8_t seen[4 * DEVICE_ROUNDS];
	uint32_t ticket[DEVICE_ROUNDS];
	unsigned seed = 5;

	(void)state;
	assert_non_null(pod);
	memset(seen, 0, sizeof(seen));
	pod_open(pod, 2, &config);
	vm_write(&pod->vm[0], COUNTING_CODE, guest_devices,
		 (size_t)(guest_devices_end - guest_devices));
	for (unsigned v = 0; v < 4; v++) {
		const uint64_t args[6] = { v, DEVICE_ROUNDS, COUNTING_PAGES + v * TIDAL_PAGE_SIZE };

		vm_boot(&pod->vm[v % 2], v, COUNTING_CODE, args);
	}
	pod_continue(pod);
	(void)pod_stir(pod, 2000, &seed);
	for (unsigned v = 0; v < 4; v++) {
		vm_read(&pod->vm[0], COUNTING_PAGES + v * TIDAL_PAGE_SIZE, ticket, sizeof(ticket));
		for (unsigned i = 0; i < DEVICE_ROUNDS; i++) {
			assert_true(ticket[i] < sizeof(seen));
			assert_true(i == 0 || ticket[i] > ticket[i - 1]);
			assert_int_equal(seen[ticket[i]]++, 0);
		}
	}
	/* only vCPU 3 writes: its text, again and again */
	assert_int_equal(pod->vm[0].said, DEVICE_ROUNDS * DEVICE_TEXT_LEN);
	assert_int_equal(pod->vm[0].garbled, 0);
	pod_close(pod);
	free(pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_fetched),
		cmocka_unit_test(test_vcpus_sent),
		cmocka_unit_test(test_by_cost),
		cmocka_unit_test(test_pages_copied),
		cmocka_unit_test(test_devices),
	};
	const char *why = vm_refusal(0);

	if (why) {
		printf("SKIP: kvm pod: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
