/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forward progress where vCPUs of several nodes want the same few pages. The bounds are about three
 * times the worst of 60 seeds. What makes them long are instructions that need two pages: each
 * holds one for hold_max_ns (1 ms) in vain, until the oldest gets both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "race.h"

/* Everybody writes to one page. */
static void write_one_page(tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	(void)v;
	(void)step;
	*op = (struct world_op){ .gfn = 3, .access = TIDAL_WRITE };
}

static void two_writers(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "two writers of a page", .nodes = 2, .vcpus = 2,
				 .pages = 64, .frames = 64, .steps = 400, .next = write_one_page,
				 .bound = 200 * RACE_US });
}

static void sixteen_writers(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "16 writers of a page", .nodes = 16, .vcpus = 16,
				 .pages = 64, .frames = 64, .steps = 60, .next = write_one_page,
				 .bound = 10 * RACE_MS });
}

/* Code of even vCPUs lies in page 3, and they write to page 4; the others do the reverse. */
static void code_and_data(tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	(void)step;
	*op = (struct world_op){ .gfn = v % 2 ? 3 : 4, .access = TIDAL_WRITE,
				 .code = v % 2 ? 4 : 3, .fetch = true };
}

static void code_and_data_apart(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "code and data are each other's", .nodes = 2, .vcpus = 2,
				 .pages = 64, .frames = 64, .steps = 100, .next = code_and_data,
				 .bound = 200 * RACE_US });
	race_run(&(struct race){ .name = "the same with 6 vCPUs", .nodes = 3, .vcpus = 6,
				 .pages = 64, .frames = 64, .steps = 50, .next = code_and_data,
				 .bound = 15 * RACE_MS });
}

/*
 * Everybody's code is in page 3, which vCPU 0 writes to now and then; the data are everybody's,
 * too.
 */
static void shared_code(tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	*op = (struct world_op){ .gfn = v == 0 && step % 8 == 0 ? 3 : 4 + step % 3,
				 .access = TIDAL_WRITE, .code = 3, .fetch = true };
}

static void code_that_changes(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "shared code that changes", .nodes = 4, .vcpus = 8,
				 .pages = 64, .frames = 64, .steps = 60, .next = shared_code,
				 .bound = 1 * RACE_MS });
}

/* Stores that need two pages; those of neighbours overlap, in a circle. */
static void cross(tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	(void)step;
	*op = (struct world_op){ .gfn = v % 2 + 3, .access = TIDAL_WRITE, .crossing = true };
}

static void crossing_stores(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "two crossing stores", .nodes = 2, .vcpus = 2,
				 .pages = 64, .frames = 64, .steps = 200, .next = cross,
				 .bound = 200 * RACE_US });
	race_run(&(struct race){ .name = "eight crossing stores", .nodes = 8, .vcpus = 8,
				 .pages = 64, .frames = 64, .steps = 50, .next = cross,
				 .bound = 20 * RACE_MS });
}

/*
 * LR/SC: each access is an LR, which stalls as a write; the SC is the next instruction, and
 * succeeds if the page hasn't left by then.
 */
static unsigned failed[WORLD_VCPUS], most_failed, succeeded;

static void conditional_store(tidal_vcpuid v, uint64_t step, int mapping)
{
	(void)step;
	failed[v]++;
	if (mapping == TIDAL_PROT_RW) {
		succeeded++;
		failed[v] = 0;
	}
	most_failed = failed[v] > most_failed ? failed[v] : most_failed;
}

static void lr_sc_duel(unsigned slice, unsigned bound)
{
	most_failed = succeeded = 0;
	race_run(&(struct race){ .name = "8 LR/SC loops on a page", .nodes = 8, .vcpus = 8,
				 .pages = 64, .frames = 64, .steps = 200, .next = write_one_page,
				 
				 .slice = slice, .quick = true, .retired = conditional_store,
				 .bound = 10 * RACE_MS });
	print_message("  at most %u SCs of a vCPU failed in a row, %u succeeded\n", most_failed,
		      succeeded);
	assert_in_range(most_failed, 0, bound);
}

static void lr_sc(void **state)
{
	(void)state;
	lr_sc_duel(16, 2); /* the hold covers the loop; failures are stale tellings */
	lr_sc_duel(0, 64); /* it ends when the LR has retired */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_writers),
		cmocka_unit_test(sixteen_writers),
		cmocka_unit_test(code_and_data_apart),
		cmocka_unit_test(code_that_changes),
		cmocka_unit_test(crossing_stores),
		cmocka_unit_test(lr_sc),
	};

	return cmocka_run_group_tests_name("progress: duels", tests, NULL, NULL);
}
