/* SPDX-License-Identifier: BSD-3-Clause */
/* The counting guest: put into a pod, and judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "counting.h"
#include "guests.h"

#define PAGES 16
#define LANES 4

void counting_load(struct vm_node *first)
{
	vm_write(first, COUNTING_CODE, guest_count, (size_t)(guest_count_end - guest_count));
}

void counting_boot(struct vm_node *vm, uint64_t rounds)
{
	for (unsigned i = 0; i < vm->config.vcpus; i++) {
		const uint64_t args[6] = { i, rounds, COUNTING_PAGES, COUNTING_COMMON,
					   COUNTING_RESULTS };

		if (vm_starts(vm, i))
			vm_boot(vm, i, COUNTING_CODE, args);
	}
}

static void check_vectors(struct vm_node *vm, unsigned vcpu, uint64_t rounds)
{
	struct {
		double lane[LANES];
		uint64_t half[2];
	} seen;

	vm_read(vm, COUNTING_RESULTS + 64 * vcpu, &seen, sizeof(seen));
	for (unsigned i = 0; i < LANES; i++)
		assert_true(seen.lane[i] == (double)(rounds * COUNT_INNER * (i + 1)));
	assert_int_equal(seen.half[0], rounds * COUNT_INNER);
	assert_int_equal(seen.half[1], rounds * COUNT_INNER);
}

void counting_check(struct vm_node *vm, uint64_t rounds)
{
	static uint64_t want[PAGES][VM_VCPUS];
	unsigned vcpus = vm->config.vcpus;
	uint64_t common, seen;

	memset(want, 0, sizeof(want));
	for (unsigned v = 0; v < vcpus; v++) {
		uint64_t x = v + 1;

		for (uint64_t i = 0; i < rounds; i++) {
			x = count_next(x);
			want[x >> 60][v] += x * COUNT_INNER;
		}
		check_vectors(vm, v, rounds);
	}
	for (unsigned p = 0; p < PAGES; p++)
		for (unsigned v = 0; v < vcpus; v++) {
			vm_read(vm, COUNTING_PAGES + p * TIDAL_PAGE_SIZE + 64 * v, &seen,
				sizeof(seen));
			assert_int_equal(seen, want[p][v]);
		}
	vm_read(vm, COUNTING_COMMON, &common, sizeof(common));
	assert_int_equal(common, rounds * vcpus);
}
