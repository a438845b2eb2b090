/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The threads host without a driver: vCPUs are places for faults.
 *
 * Seen to fail with: choose() without the thread's own vCPU; note() without looking for a known
 * fault; threads_vcpu_drop() that forgets its fault.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/threads.h>

#include <cmocka.h>

#define PAGE TIDAL_PAGE_SIZE
#define THREADS 3
#define PATIENCE_MS 20000

struct toucher {
	pthread_t thread;
	struct tidal_host *host;
	volatile uint64_t *at;
	unsigned times; /* pages in a row */
	atomic_uint done;
};

static const struct tidal_host_ops *ops;

static void *touch_main(void *arg)
{
	struct toucher *t = arg;

	for (unsigned i = 0; i < t->times; i++) {
		t->at[i * PAGE / 8] = i + 1;
		atomic_fetch_add(&t->done, 1);
	}
	return NULL;
}

static struct tidal_host *open_host(unsigned vcpus)
{
	struct tidal_threads_config config;
	struct tidal_host *host;
	const char *why;

	tidal_threads_config_init(&config, sizeof(config));
	config.frames = 64;
	config.ram_bytes = 64 * PAGE;
	assert_int_equal(tidal_threads_open(&config, &host, &why), 0);
	for (tidal_vcpuid v = 0; v < vcpus; v++)
		assert_int_equal(ops->vcpu_create(host, v), 0);
	return host;
}

static void begin(struct toucher *t, struct tidal_host *host, tidal_gfn gfn, unsigned times)
{
	t->host = host;
	t->at = tidal_threads_memory(host, gfn * PAGE, NULL);
	t->times = times;
	atomic_init(&t->done, 0);
	assert_int_equal(pthread_create(&t->thread, NULL, touch_main, t), 0);
}

static int run(struct tidal_host *host, tidal_vcpuid v)
{
	const struct tidal_act_vcpu act = { .vcpu = v, .hthread = v };

	return ops->vcpu_run(host, &act);
}

/* The next event, if one comes in time; kind 0: none. */
static struct tidal_event next(struct tidal_host *host, int ms)
{
	struct tidal_event event = { 0 };

	for (int i = 0; i <= ms && ops->poll(host, 0, &event, 1) == 0; i++) {
		struct pollfd fd = { ops->wait_fd(host), POLLIN, 0 };

		(void)poll(&fd, 1, 1);
	}
	return event;
}

/* The next stall; a page that has come since is news of no interest. */
static struct tidal_ev_stall next_stall(struct tidal_host *host)
{
	struct tidal_event event = next(host, PATIENCE_MS);

	while (event.kind == TIDAL_EV_HOST_DONE)
		event = next(host, PATIENCE_MS);
	assert_int_equal(event.kind, TIDAL_EV_STALL);
	return event.u.stall;
}

/* The page comes, in the frame of its number. */
static void give(struct tidal_host *host, tidal_gfn gfn)
{
	const struct tidal_act_pages act = { .gfn = gfn, .mask = 1, .frame = (tidal_frame)gfn,
					     .prot = TIDAL_PROT_RW };

	assert_int_equal(ops->map(host, &act), 0);
}

/* Three threads, one vCPU: one stall at a time, and none is forgotten. */
static void test_faults_wait_for_a_vcpu(void **state)
{
	struct tidal_host *host = open_host(1);
	struct toucher t[THREADS];
	unsigned pages = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		begin(&t[i], host, 10 + i, 1);
	assert_int_equal(next(host, 50).kind, 0); /* no vCPU runs */
	assert_int_equal(run(host, 0), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		struct tidal_ev_stall s = next_stall(host);
		struct tidal_event event;

		assert_int_equal(s.vcpu, 0);
		assert_int_equal(s.access, TIDAL_WRITE);
		while ((event = next(host, 5)).kind == TIDAL_EV_HOST_DONE)
			;
		assert_int_equal(event.kind, 0);
		pages |= 1u << (s.gpa / PAGE);
		give(host, s.gpa / PAGE);
		assert_int_equal(run(host, 0), 0);
	}
	assert_int_equal(pages, 7u << 10);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i].thread, NULL);
	ops->close(host);
}

/* All on one page: one stall for all. */
static void test_one_stall_for_a_page(void **state)
{
	struct tidal_threads_info info = { .size = sizeof(info) };
	struct tidal_host *host = open_host(THREADS);
	struct toucher t[THREADS];

	(void)state;
	for (tidal_vcpuid v = 0; v < THREADS; v++)
		assert_int_equal(run(host, v), 0);
	for (unsigned i = 0; i < THREADS; i++)
		begin(&t[i], host, 10, 1);
	assert_int_equal(next_stall(host).gpa / PAGE, 10);
	assert_int_equal(next(host, 100).kind, 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(atomic_load(&t[i].done), 0);
	give(host, 10);
	for (tidal_vcpuid v = 0; v < THREADS; v++)
		(void)run(host, v); /* one of them was stalled */
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i].thread, NULL);
	tidal_threads_info(host, &info);
	assert_int_equal(info.faults, 1);
	ops->close(host);
}

/* A thread keeps its vCPU, so that the core sees who it is that stalls again and again. */
static void test_a_thread_keeps_its_vcpu(void **state)
{
	struct tidal_host *host = open_host(THREADS);
	tidal_vcpuid own[2] = { TIDAL_VCPU_NONE, TIDAL_VCPU_NONE };
	struct toucher t[2];

	(void)state;
	for (tidal_vcpuid v = 0; v < THREADS; v++)
		assert_int_equal(run(host, v), 0);
	for (unsigned i = 0; i < 2; i++)
		begin(&t[i], host, 20 * i, 16);
	for (unsigned i = 0; i < 32; i++) {
		struct tidal_ev_stall s = next_stall(host);
		tidal_vcpuid *mine = &own[s.gpa / PAGE / 20];

		if (*mine == TIDAL_VCPU_NONE)
			*mine = s.vcpu;
		assert_int_equal(s.vcpu, *mine);
		give(host, s.gpa / PAGE);
		assert_int_equal(run(host, s.vcpu), 0);
	}
	assert_int_not_equal(own[0], own[1]);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i].thread, NULL);
	ops->close(host);
}

/* A vCPU that is stalled is dropped: its fault goes to another one. */
static void test_a_dropped_vcpu_leaves_its_fault(void **state)
{
	struct tidal_host *host = open_host(2);
	struct tidal_ev_stall s;
	struct toucher t;

	(void)state;
	assert_int_equal(run(host, 0), 0);
	begin(&t, host, 7, 1);
	assert_int_equal(next_stall(host).vcpu, 0);
	assert_int_equal(ops->vcpu_drop(host, 0), 0);
	assert_int_equal(run(host, 1), 0);
	s = next_stall(host);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(s.gpa / PAGE, 7);
	give(host, 7);
	assert_int_equal(run(host, 1), 0);
	pthread_join(t.thread, NULL);
	ops->close(host);
}

static void test_bad_configurations(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *word;
	} rows[] = {
		{ offsetof(struct tidal_threads_config, frames), 0, "frames" },
		{ offsetof(struct tidal_threads_config, vcpu_slots), TIDAL_VCPUS_MAX + 1, "vcpu_slots" },
		{ offsetof(struct tidal_threads_config, hthreads), 0, "hthreads" },
		{ offsetof(struct tidal_threads_config, flags), 4, "flags" },
		{ offsetof(struct tidal_threads_config, zeroes), 63, "zeroes" },
		{ offsetof(struct tidal_threads_config, ram_bytes), 4095, "ram_bytes" },
		{ offsetof(struct tidal_threads_config, size), 1, "size" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tidal_threads_config config;
		struct tidal_host *host = NULL;
		const char *why = "";

		tidal_threads_config_init(&config, sizeof(config));
		memcpy((char *)&config + rows[i].at, &rows[i].value, sizeof(rows[i].value));
		assert_int_equal(tidal_threads_open(&config, &host, &why), TIDAL_EINVAL);
		assert_non_null(strstr(why, rows[i].word));
		assert_null(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_wait_for_a_vcpu),
		cmocka_unit_test(test_one_stall_for_a_page),
		cmocka_unit_test(test_a_thread_keeps_its_vcpu),
		cmocka_unit_test(test_a_dropped_vcpu_leaves_its_fault),
		cmocka_unit_test(test_bad_configurations),
	};
	struct tidal_threads_config config;
	struct tidal_host *host;
	const char *why;

	ops = tidal_threads_ops();
	tidal_threads_config_init(&config, sizeof(config));
	if (tidal_threads_open(&config, &host, &why)) {
		printf("SKIP: %s\n", why);
		return 77;
	}
	ops->close(host);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
