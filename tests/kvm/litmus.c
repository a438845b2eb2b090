/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory model of x86 (TSO) among vCPUs of different nodes: shapes of Owens, Sarkar, Sewell, "A
 * better x86 memory model", 2009, while pages and vCPUs are moved. An outcome that TSO forbids is
 * a failure. That of store buffers (SB, both read the old value) is allowed, and stays possible where
 * vCPUs meet on one node.
 *
 * TIDAL_LITMUS_BATCHES=N: that many batches of 512 runs for each shape and policy, for soaks.
 *
 * Broken on purpose, it fails: let uffd_protect() do nothing; let memory_unmap() of a page that is copied
 * take it away before it is read.
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

#include "litmus_guest.h"
#include "pods.h"

#define CODE 0x10000u
#define ARGS 0x12000u	/* a page per vCPU */
#define RESULTS 0x18000u /* likewise */
#define X 0x20000u
#define Y 0x21000u
#define SYNC 0x22000u
#define COUNTS 0x23000u
#define PAGES 1024u
#define ROLES 4

struct shape {
	const char *name;
	const uint8_t *role[ROLES];
	unsigned a, b; /* roles that read */
	unsigned forbidden; /* a's bits + 4 * b's; NEVER: none is */
};
#define NEVER 16u

static const struct shape shapes[] = {
	{ "SB", { litmus_wxry, litmus_wyrx }, 0, 1, NEVER },
	{ "SB+xchg", { litmus_x_wxry, litmus_x_wyrx }, 0, 1, 0 },
	{ "SB+mfence", { litmus_f_wxry, litmus_f_wyrx }, 0, 1, 0 },
	/* role 1 saw the new y, then the old x */
	{ "MP", { litmus_wxwy, litmus_ryrx }, 0, 1, 1 << 2 },
	{ "MP+xchg", { litmus_x_wxwy, litmus_ryrx }, 0, 1, 1 << 2 },
	{ "LB", { litmus_rxwy, litmus_rywx }, 0, 1, 1 | 1 << 2 },
	{ "IRIW", { litmus_wx, litmus_wy, litmus_rxry, litmus_ryrx }, 2, 3, 1 | 1 << 2 },
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static uint64_t runs, forbidden;

static unsigned roles_of(const struct shape *s)
{
	unsigned n = 0;

	while (n < ROLES && s->role[n])
		n++;
	return n;
}

static void put_args(struct pod *pod, const struct shape *s, unsigned v, uint64_t batches)
{
	const struct litmus_args args = {
		.x = X, .y = Y, .mine = RESULTS + v * TIDAL_PAGE_SIZE, .sync = SYNC,
		.roles = roles_of(s), .batches = batches,
		.body = (uint64_t)(s->role[v] - guest_litmus),
		.a = v == 0 ? RESULTS + s->a * TIDAL_PAGE_SIZE : 0,
		.b = RESULTS + s->b * TIDAL_PAGE_SIZE, .counts = COUNTS,
	};
	const uint64_t regs[6] = { ARGS + v * TIDAL_PAGE_SIZE };

	vm_write(&pod->vm[0], regs[0], &args, sizeof(args));
	vm_boot(&pod->vm[v % pod->nodes], v, CODE, regs);
}

static void judge(struct pod *pod, const struct shape *s, uint64_t batches, unsigned moves)
{
	struct tidal_kvm_info info = pod_info(pod);
	uint64_t counts[16], all = 0;
	char text[512] = "";
	size_t len = 0;

	vm_read(&pod->vm[0], COUNTS, counts, sizeof(counts));
	for (unsigned i = 0; i < 16; i++) {
		all += counts[i];
		if (counts[i] && len < sizeof(text) - 32)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " %u%u%u%u:%llu",
						i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3,
						(unsigned long long)counts[i]);
	}
	print_message("%-9s %u nodes%s (%llu faults, %llu moves, %u by order)\n", s->name,
		      pod->nodes, text, (unsigned long long)info.faults,
		      (unsigned long long)info.loads, moves);
	assert_int_equal(all, batches * LITMUS_INSTANCES);
	runs += all;
	if (s->forbidden != NEVER)
		forbidden += counts[s->forbidden];
}

static uint64_t batches_of(uint64_t usual)
{
	const char *text = getenv("TIDAL_LITMUS_BATCHES");

	return text && strtoull(text, NULL, 10) > 0 ? strtoull(text, NULL, 10) : usual;
}

static void run_shape(const struct shape *s, unsigned nodes, const struct tidal_policy_ops *policy,
		      unsigned pause_us, uint64_t batches)
{
	const struct vm_config config = { .vcpus = roles_of(s), .frames = 256, .pages = PAGES,
					  .policy = policy };
	struct pod *pod = calloc(1, sizeof(*pod));
	unsigned seed = 1 + nodes, moves;

	assert_non_null(pod);
	pod_open(pod, nodes, &config);
	vm_write(&pod->vm[0], CODE, guest_litmus, (size_t)(guest_litmus_end - guest_litmus));
	for (unsigned v = 0; v < config.vcpus; v++)
		put_args(pod, s, v, batches);
	pod_continue(pod);
	moves = pod_stir(pod, pause_us, &seed);
	judge(pod, s, batches, moves);
	pod_close(pod);
	free(pod);
}

static void run_all(unsigned nodes, const struct tidal_policy_ops *policy, unsigned pause_us,
		    uint64_t batches)
{
	forbidden = 0;
	for (size_t i = 0; i < SHAPES; i++)
		run_shape(&shapes[i], nodes, policy, pause_us, batches);
	print_message("%llu runs so far\n", (unsigned long long)runs);
	assert_int_equal(forbidden, 0);
}

static void test_pages_move(void **state)
{
	(void)state;
	run_all(2, tidal_policy_page(), 0, batches_of(4));
}

static void test_vcpus_move(void **state)
{
	(void)state;
	run_all(2, tidal_policy_vcpu(), 2000, batches_of(4));
}

static void test_both_move(void **state)
{
	(void)state;
	run_all(2, NULL, 1000, batches_of(4));
}

static void test_on_one_node(void **state)
{
	(void)state;
	run_all(1, NULL, 0, batches_of(4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_move),
		cmocka_unit_test(test_vcpus_move),
		cmocka_unit_test(test_both_move),
		cmocka_unit_test(test_on_one_node),
	};
	const char *why = vm_refusal(0);

	if (why) {
		printf("SKIP: kvm litmus: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
