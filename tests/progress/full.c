/* SPDX-License-Identifier: BSD-3-Clause */
/* Forward progress when memory is short: of frames, and of hyperthreads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../rules/story.h"
#include "race.h"

#define FRAMES 32
/* Of a node's frames 4 are with the wire, and conversions leave 2. */
#define USABLE (FRAMES - 4 - 2)

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* All pages in turn, so that all of them get contents; then here and there. */
static void write_everywhere(tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	const uint64_t pages = 3 * USABLE - 1;

	*op = (struct world_op){ .gfn = step < pages ? (step + v * pages / 3) % pages
						     : mix(step * 64 + v) % pages,
				 .access = TIDAL_WRITE };
}

/* Every frame but one has a page with contents, and every page is written to by every node. */
static void one_frame_left(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "all frames but one in use", .nodes = 3, .vcpus = 3,
				 .pages = 3 * USABLE - 1, .frames = FRAMES, .steps = 300,
				 .next = write_everywhere, .bound = 2 * RACE_MS });
}

/* Odd vCPUs need nothing but their own page: they never stall again. The others share some. */
static void some_never_stall(tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	uint64_t r = mix(step * 64 + v);

	*op = (struct world_op){ .gfn = v % 2 ? 8u + v : r % 8,
				 .access = r / 64 % 2 ? TIDAL_WRITE : TIDAL_READ };
}

static void short_slices(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->slice_ns = 10 * RACE_US; /* 100 instructions */
}

static void more_vcpus_than_hyperthreads(void **state)
{
	(void)state;
	race_run(&(struct race){ .name = "24 vCPUs, 3 nodes of one hyperthread", .nodes = 3,
				 .vcpus = 24, .hthreads = 1, .pages = 64, .frames = 64,
				 .steps = 4000, .next = some_never_stall, .tune = short_slices,
				 .bound = 10 * RACE_MS, .bound_told = 1 * RACE_MS });
}

/*
 * A pod that is really full: vCPUs 0 to 2 want 33 pages each and there are not that many frames.
 * That is reported; vCPUs 3 to 5 go on reading what is there at full speed; and when frames come
 * free, vCPUs 0 to 2 go on, too.
 */
static void full_pod(void **state)
{
	struct world_config c = { .nodes = 3, .vcpus = 6, .pages = 99, .frames = FRAMES };
	struct story s;
	tidal_time worst = 0, took;

	(void)state;
	story_open(&s, &c);
	for (unsigned i = 0; i < 33; i++)
		for (tidal_vcpuid v = 0; v < 3; v++)
			story_tell(&s, v, TIDAL_WRITE, v * 33 + i);
	story_pass(&s, 100 * MS);
	assert_false(story_done(&s, 0) && story_done(&s, 1) && story_done(&s, 2));
	assert_true(world_reports(s.w, TIDAL_REPORT_POD_FULL) >= 1);

	for (unsigned i = 0; i < 300; i++) {
		tidal_vcpuid v = (tidal_vcpuid)(3 + i % 3);

		took = story_do(&s, v, TIDAL_READ, mix(i) % 3 * 33 + mix(i) / 3 % 10);
		worst = took > worst ? took : worst;
	}
	print_message("full pod: reads of what is there took at most %llu ns\n",
		      (unsigned long long)worst);
	assert_in_range(worst, 0, 100 * US);

	for (unsigned i = 0; i < 30; i++) { /* zeroing a page of another node frees its frame */
		tidal_vcpuid v = (tidal_vcpuid)(3 + (i / 10 + 1) % 3);

		story_do(&s, v, TIDAL_ZERO, i / 10 * 33 + i % 10);
	}
	for (tidal_vcpuid v = 0; v < 3; v++)
		assert_true(story_finish(&s, v, 100 * MS));
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_frame_left),
		cmocka_unit_test(more_vcpus_than_hyperthreads),
		cmocka_unit_test(full_pod),
	};

	return cmocka_run_group_tests_name("progress: when memory is short", tests, NULL, NULL);
}
