/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Free frames are zeroed by threads of their own while pages come and go between two nodes: all of
 * them, none that is mapped or posted meanwhile, and what was never written reads as zero.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <tidal/stats.h>

#include "pod.h"

#define PATIENCE_MS 300000 /* idle threads get what others leave: next to nothing on a busy machine */
#define NODES 2
#define FRAMES 700 /* not a multiple of 64 */
#define PAGES 150  /* that go to and fro */
#define ROUNDS 6

/* ---- a fake host that looks at what it is asked ---- */

static struct {
	struct tidal_host *host[NODES];
	atomic_uint used[NODES][FRAMES]; /* by scrub */
	atomic_uint wrong, scrubs, frames;
	atomic_int result;
} seen;

static atomic_uint *used_by(struct tidal_host *host)
{
	return seen.used[host == seen.host[1]];
}

static bool is_zero(const uint8_t *page)
{
	return page && page[0] == 0 && memcmp(page, page + 1, TIDAL_PAGE_SIZE - 1) == 0;
}

static int scrub(struct tidal_host *host, tidal_frame first, uint64_t mask)
{
	atomic_uint *used = used_by(host);
	int ret = atomic_load(&seen.result);

	for (uint64_t m = mask; m; m &= m - 1)
		if (atomic_exchange(&used[first + (unsigned)__builtin_ctzll(m)], 1))
			atomic_fetch_add(&seen.wrong, 1);
	if (!ret)
		ret = tidal_fake_ops()->scrub(host, first, mask);
	for (uint64_t m = mask; m; m &= m - 1) {
		tidal_frame f = first + (unsigned)__builtin_ctzll(m);

		if (!ret && !is_zero(tidal_fake_ops()->frame_data(host, f, TIDAL_GFN_NONE)))
			atomic_fetch_add(&seen.wrong, 1);
		atomic_store(&used[f], 0);
		atomic_fetch_add(&seen.frames, !ret);
	}
	atomic_fetch_add(&seen.scrubs, 1);
	return ret;
}

static int map(struct tidal_host *host, const struct tidal_act_pages *act)
{
	if (act->frame != TIDAL_FRAME_ZERO && atomic_load(&used_by(host)[act->frame]))
		atomic_fetch_add(&seen.wrong, 1);
	return tidal_fake_ops()->map(host, act);
}

static void *frame_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn)
{
	if (frame != TIDAL_FRAME_ZERO && atomic_load(&used_by(host)[frame]))
		atomic_fetch_add(&seen.wrong, 1);
	return tidal_fake_ops()->frame_data(host, frame, gfn);
}

/* ---- a pod of such hosts ---- */

static struct tidal_host_ops ops;

static void open_pod(struct pod *pod)
{
	const struct pod_config config = { .nodes = NODES, .vcpus = 2, .hthreads = 1,
					   .frames = FRAMES, .host_ops = &ops };

	memset(&seen, 0, sizeof(seen));
	ops = *tidal_fake_ops();
	ops.scrub = scrub;
	ops.map = map;
	ops.frame_data = frame_data;
	pod_open(pod, &config);
	for (unsigned i = 0; i < NODES; i++)
		seen.host[i] = pod->node[i].host;
}

static struct tidal_stats stats_of(struct pod *pod, unsigned i)
{
	struct tidal_stats stats;

	tidal_node_lock(pod->node[i].node);
	tidal_core_stats(tidal_node_core(pod->node[i].node), &stats, sizeof(stats));
	tidal_node_unlock(pod->node[i].node);
	return stats;
}

/* Until nothing is left to be zeroed, on any node. */
static void await_zeroed(struct pod *pod)
{
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned n = 0; stats_of(pod, i).frames_dirty > 0; n++) {
			assert_true(n < PATIENCE_MS);
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		}
}

/* Until the cores know of all that was done. */
static void await_answers(struct pod *pod)
{
	for (unsigned n = 0; stats_of(pod, 0).zeroed_idle + stats_of(pod, 1).zeroed_idle !=
			     atomic_load(&seen.frames); n++) {
		assert_true(n < PATIENCE_MS);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
}

/* Each page is written on one node, then on the other: its frame there is free again. */
static void move_pages(struct pod *pod, unsigned round)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		unsigned node = (unsigned)(i + round) % NODES;
		uint64_t word = 0, next = round + 1;

		assert_int_equal(pod_access(pod, node, i * TIDAL_PAGE_SIZE, &word, 8, 0), 0);
		assert_int_equal(word, round);
		assert_int_equal(pod_access(pod, node, i * TIDAL_PAGE_SIZE, &next, 8, 1), 0);
	}
}

/* Pages that nobody has used get frames that were zeroed meanwhile. */
static void read_new_pages(struct pod *pod, unsigned round)
{
	static uint8_t page[TIDAL_PAGE_SIZE];

	for (unsigned i = 0; i < 10; i++) {
		tidal_gpa at = (1000 + round * 10 + i) * (tidal_gpa)TIDAL_PAGE_SIZE;
		uint8_t one = 1;

		assert_int_equal(pod_access(pod, i % NODES, at + 100, &one, 1, 1), 0);
		assert_int_equal(pod_access(pod, i % NODES, at, page, sizeof(page), 0), 0);
		assert_int_equal(page[100], 1);
		page[100] = 0;
		assert_true(is_zero(page));
	}
}

static void test_all_are_zeroed(void **state)
{
	struct tidal_run_config run;
	struct pod pod;

	(void)state;
	tidal_run_config_init(&run, sizeof(run));
	run.zeroers = 2;
	open_pod(&pod);
	for (unsigned round = 0; round < ROUNDS; round++) {
		pod_start(&pod, &run);
		pod_await_ready(&pod);
		if (round % 2 == 0) /* else they are stopped with work to do */
			await_zeroed(&pod);
		move_pages(&pod, round);
		read_new_pages(&pod, round);
		pod_stop(&pod);
	}
	pod_start(&pod, &run);
	await_zeroed(&pod);
	await_answers(&pod);
	pod_stop(&pod);
	print_message("%u frames in %u runs\n", atomic_load(&seen.frames),
		      atomic_load(&seen.scrubs));
	assert_int_equal(atomic_load(&seen.wrong), 0);
	assert_true(atomic_load(&seen.frames) > FRAMES);
	pod_close(&pod);
}

/* Without such threads a frame at a time is zeroed by those who step, by the host's zero(). */
static void test_none(void **state)
{
	struct tidal_run_config run;
	struct pod pod;

	(void)state;
	tidal_run_config_init(&run, sizeof(run));
	run.zeroers = 0;
	open_pod(&pod);
	pod_start(&pod, &run);
	pod_await_ready(&pod);
	await_zeroed(&pod);
	pod_stop(&pod);
	assert_int_equal(atomic_load(&seen.scrubs), 0);
	assert_true(stats_of(&pod, 0).zeroed_idle > FRAMES / 2);
	pod_close(&pod);
}

/* A host that can't for a while: nothing is lost, nothing is done in a hurry, and then it goes on. */
static void test_a_host_that_fails(void **state)
{
	struct pod pod;

	(void)state;
	open_pod(&pod);
	atomic_store(&seen.result, TIDAL_ENOMEM);
	pod_start(&pod, NULL);
	pod_await_ready(&pod);
	nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
	assert_in_range(atomic_load(&seen.scrubs), 0, 2000);
	read_new_pages(&pod, 0); /* who waits for a frame gets one all the same */
	atomic_store(&seen.result, 0);
	await_zeroed(&pod);
	pod_stop(&pod);
	assert_int_equal(atomic_load(&seen.wrong), 0);
	pod_close(&pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_zeroed),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_a_host_that_fails),
	};

	return cmocka_run_group_tests_name("zeroing", tests, NULL, NULL);
}
