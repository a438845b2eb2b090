/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zeroers: every job is done once and answered once, by a thread of the right NUMA node and of the
 * lowest priority; they end when they are told to, whatever they have to do.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "node/numa.h"
#include "node/zeroers.h"

#define FRAMES 4096
#define WORDS (FRAMES / 64)
#define PATIENCE_MS 60000 /* such threads run when nobody else wants to */

static struct {
	_Atomic uint64_t busy[WORDS]; /* frames that are being zeroed */
	atomic_uint times[FRAMES];
	_Atomic uintptr_t by[WORDS]; /* the thread that did the last of them */
	atomic_uint wrong, begun;
	atomic_bool hold; /* nobody ends */
	atomic_int result;
} host;

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 200000 }, NULL);
}

static bool is_modest(void)
{
	sigset_t blocked;

	return sched_getscheduler(0) == SCHED_IDLE &&
	       pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGTERM);
}

/* The frames are numbers only: of what is asked of the host. */
static int scrub(struct tidal_host *unused, tidal_frame first, uint64_t mask)
{
	uint64_t bits = mask << first % 64;

	(void)unused;
	atomic_fetch_add(&host.begun, 1);
	while (atomic_load(&host.hold))
		nap();
	if (atomic_fetch_or(&host.busy[first / 64], bits) & bits)
		atomic_fetch_add(&host.wrong, 1);
	/* the priority is set by whoever makes the thread, soon after it has begun */
	for (unsigned i = 0; !is_modest() && i < 1000; i++)
		nap();
	if (!is_modest())
		atomic_fetch_add(&host.wrong, 1);
	for (uint64_t m = mask; m; m &= m - 1)
		atomic_fetch_add(&host.times[first + (unsigned)__builtin_ctzll(m)], 1);
	atomic_store(&host.by[first / 64], (uintptr_t)pthread_self());
	atomic_fetch_and(&host.busy[first / 64], ~bits);
	return atomic_load(&host.result);
}

static struct zeroers *open_zeroers(struct numa **numa, const char *machine, unsigned each)
{
	struct zeroers_config config = { .scrub = scrub, .each = each, .pause_ns = 1000000,
					 .recall_ns = 500 };
	struct zeroers *z;

	memset(&host, 0, sizeof(host));
	assert_int_equal(numa_open(numa, machine), 0);
	config.numa = *numa;
	assert_int_equal(zeroers_open(&z, &config), 0);
	return z;
}

static void close_zeroers(struct zeroers *z, struct numa *numa)
{
	zeroers_close(z);
	numa_close(numa);
	assert_int_equal(atomic_load(&host.wrong), 0);
}

/* Wait until the descriptor says so, and take what is done: each token once, with that status. */
static unsigned collect(struct zeroers *z, uint8_t *answered, int status)
{
	struct zeroers_answer answers[ZEROERS_JOBS];
	struct pollfd fd = { zeroers_fd(z), POLLIN, 0 };
	unsigned n;

	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	zeroers_hush(z);
	n = zeroers_collect(z, answers);
	for (unsigned i = 0; i < n; i++) {
		assert_in_range(answers[i].token, 0, WORDS - 1);
		assert_int_equal(answered[answers[i].token]++, 0);
		assert_int_equal(answers[i].status, status);
	}
	return n;
}

/* All words of frames, every other frame of odd ones; token: the word. */
static void give_and_collect(struct zeroers *z)
{
	uint8_t answered[WORDS] = { 0 };
	unsigned given = 0, taken = 0;

	while (taken < WORDS) {
		while (given < WORDS && zeroers_give(z, given, 64 * given,
						      given % 2 ? 0x5555555555555555u : UINT64_MAX))
			given++;
		taken += collect(z, answered, 0);
	}
	assert_int_equal(given, WORDS);
	for (unsigned f = 0; f < FRAMES; f++)
		assert_int_equal(atomic_load(&host.times[f]), f / 64 % 2 ? f % 2 == 0 : 1);
}

/*
 * Was seen to fail with jobs begun without a compare-and-exchange, with a descriptor that is
 * written when the batch is full only, and without the priority.
 */
static void test_each_job_once(void **state)
{
	struct numa *numa;
	struct zeroers *z = open_zeroers(&numa, NULL, 3);

	(void)state;
	assert_in_range(zeroers_frames(z), 64, TIDAL_ZEROING_MAX);
	give_and_collect(z);
	close_zeroers(z, numa);
}

static void test_no_more_than_slots(void **state)
{
	struct zeroers_answer answers[ZEROERS_JOBS];
	uint8_t answered[WORDS] = { 0 };
	struct numa *numa;
	struct zeroers *z = open_zeroers(&numa, NULL, 1);
	unsigned taken = 0;

	(void)state;
	atomic_store(&host.hold, true);
	for (unsigned i = 0; i < ZEROERS_JOBS; i++)
		assert_true(zeroers_give(z, i, 64 * i, 1));
	assert_false(zeroers_give(z, ZEROERS_JOBS, 64 * ZEROERS_JOBS, 1));
	assert_int_equal(zeroers_collect(z, answers), 0);
	atomic_store(&host.hold, false);
	while (taken < ZEROERS_JOBS)
		taken += collect(z, answered, 0);
	assert_true(zeroers_give(z, 0, 0, 1));
	close_zeroers(z, numa);
}

/*
 * One is being zeroed, and the others don't begin: in time they are given back, each once, untouched, and the one
 * is waited for. Was seen to fail without the look at the time, and with the job that has begun recalled.
 */
static void test_recalled(void **state)
{
	struct zeroers_answer answers[ZEROERS_JOBS];
	uint8_t answered[WORDS] = { 0 };
	struct numa *numa;
	struct zeroers *z = open_zeroers(&numa, NULL, 1);

	(void)state;
	assert_int_equal(zeroers_deadline(z), TIDAL_NEVER);
	atomic_store(&host.hold, true);
	assert_true(zeroers_give(z, 0, 0, 1));
	while (atomic_load(&host.begun) == 0)
		nap();
	for (unsigned i = 1; i < ZEROERS_JOBS; i++)
		assert_true(zeroers_give(z, i, 64 * i, 1));
	zeroers_recall(z, 1000);
	assert_int_equal(zeroers_deadline(z), 1500);
	zeroers_recall(z, 1499);
	assert_int_equal(zeroers_collect(z, answers), 0);
	zeroers_recall(z, 1500);
	assert_int_equal(zeroers_deadline(z), TIDAL_NEVER);
	assert_int_equal(zeroers_collect(z, answers), ZEROERS_JOBS - 1);
	for (unsigned i = 0; i < ZEROERS_JOBS - 1; i++) {
		assert_int_equal(answers[i].status, TIDAL_EAGAIN);
		assert_int_equal(answered[answers[i].token]++, 0);
	}
	assert_int_equal(answered[0], 0);
	atomic_store(&host.hold, false);
	assert_int_equal(collect(z, answered, 0), 1);
	for (unsigned i = 1; i < ZEROERS_JOBS; i++)
		assert_int_equal(atomic_load(&host.times[64 * i]), 0);
	close_zeroers(z, numa);
}

/*
 * One is being zeroed, the others have not begun: those are answered, too, and were not touched. Was
 * seen to fail without the look at what is READY in the end.
 */
static void test_stopped_at_work(void **state)
{
	struct zeroers_answer answers[ZEROERS_JOBS];
	struct numa *numa;
	struct zeroers *z = open_zeroers(&numa, NULL, 1);
	unsigned begun = 0, n, done = 0;

	(void)state;
	atomic_store(&host.hold, true);
	for (unsigned i = 0; i < ZEROERS_JOBS; i++)
		assert_true(zeroers_give(z, i, 64 * i, UINT64_MAX));
	while (atomic_load(&host.begun) == 0)
		nap();
	atomic_store(&host.hold, false);
	zeroers_stop(z);
	n = zeroers_collect(z, answers);
	assert_int_equal(n, ZEROERS_JOBS);
	for (unsigned i = 0; i < n; i++) {
		unsigned times = atomic_load(&host.times[64 * answers[i].token]);

		assert_int_equal(answers[i].status, times ? 0 : TIDAL_EAGAIN);
		done += times;
	}
	begun = atomic_load(&host.begun);
	assert_int_equal(done, begun);
	close_zeroers(z, numa);
}

/* What the host says is what is answered; and between two failures there is time. */
static void test_failures(void **state)
{
	uint8_t answered[WORDS] = { 0 };
	struct numa *numa;
	struct zeroers *z = open_zeroers(&numa, NULL, 1);
	unsigned taken = 0;

	(void)state;
	atomic_store(&host.result, TIDAL_ENOMEM);
	for (unsigned i = 0; i < 5; i++)
		assert_true(zeroers_give(z, i, 64 * i, 1));
	while (taken < 5)
		taken += collect(z, answered, TIDAL_ENOMEM);
	close_zeroers(z, numa);
}

static void test_many_times(void **state)
{
	struct numa *numa;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct zeroers *z = open_zeroers(&numa, NULL, 1 + i % 4);

		for (unsigned k = 0; k < i % ZEROERS_JOBS; k++)
			assert_true(zeroers_give(z, k, 64 * k, UINT64_MAX));
		close_zeroers(z, numa);
	}
}

/* Aligned 64 frames belong to one NUMA node; the nodes take turns and have as many each. */
static void test_plan(void **state)
{
	unsigned count[3] = { 0 };

	(void)state;
	for (tidal_frame f = 0; f < 64 * 9; f++) {
		unsigned n = numa_of(3, f);

		assert_int_equal(n, numa_of(3, f / 64 * 64));
		assert_in_range(n, 0, 2);
		count[n]++;
	}
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(count[n], 64 * 3);
	assert_int_equal(numa_of(1, UINT32_MAX - 1), 0);
}

#ifdef HAVE_HWLOC
static void test_machines(void **state)
{
	struct numa *numa;

	(void)state;
	assert_int_equal(numa_open(&numa, "numa:4 core:2 pu:2"), 0);
	assert_int_equal(numa_nodes(numa), 4);
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(numa_os_index(numa, n), n);
		assert_int_equal(numa_cpus(numa, n), 4);
		assert_int_equal(numa_bind(numa, n, pthread_self()), 0);
	}
	numa_close(numa);
	assert_int_equal(numa_open(&numa, "numa:"), TIDAL_EINVAL);
	assert_int_equal(numa_open(&numa, NULL), 0);
	assert_in_range(numa_nodes(numa), 1, NUMA_MAX);
	assert_true(numa_cpus(numa, 0) > 0);
	for (unsigned n = 0; n < numa_nodes(numa); n++)
		assert_int_equal(numa_bind(numa, n, pthread_self()), 0);
	numa_close(numa);
}

/*
 * On a machine of two NUMA nodes, with a thread each, words of frames are zeroed in turn by one and the
 * other. Was seen to fail with a single semaphore for all, and with numa_of() in rows of frames.
 */
static void test_threads_of_their_nodes(void **state)
{
	struct numa *numa;
	struct zeroers *z = open_zeroers(&numa, "numa:2 core:1 pu:1", 1);
	uintptr_t by[2];

	(void)state;
	give_and_collect(z);
	for (unsigned n = 0; n < 2; n++)
		by[n] = atomic_load(&host.by[n]);
	assert_true(by[0] != by[1]);
	for (unsigned w = 0; w < WORDS; w++)
		assert_true(atomic_load(&host.by[w]) == by[w % 2]);
	close_zeroers(z, numa);
}
#else
static void test_machines(void **state)
{
	struct numa *numa;

	(void)state;
	assert_int_equal(numa_open(&numa, "numa:4"), TIDAL_ENOSYS);
	assert_int_equal(numa_open(&numa, NULL), 0);
	assert_int_equal(numa_nodes(numa), 1);
	assert_int_equal(numa_bind(numa, 0, pthread_self()), 0);
	numa_close(numa);
}

static void test_threads_of_their_nodes(void **state)
{
	(void)state;
	print_message("SKIP: threads_of_their_nodes: built without hwloc\n");
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_job_once),
		cmocka_unit_test(test_no_more_than_slots),
		cmocka_unit_test(test_recalled),
		cmocka_unit_test(test_stopped_at_work),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_many_times),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_threads_of_their_nodes),
	};

	return cmocka_run_group_tests_name("zeroers", tests, NULL, NULL);
}
