/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler: what it promises, one by one. (sched-model.c compares it with a plain model.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/sched.h"
#include "core/sched_impl.h"

#define US 1000u
#define SLICE (1000 * US)

/* A scheduler on a regular tree, in memory of its own. */
struct world {
	struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	struct tidal_topology topology;
	void *mem;
	size_t bytes;
	struct sched *s;
};

static void open_world(struct world *w, unsigned sockets, unsigned cores, unsigned threads,
		       uint32_t vcpus)
{
	struct arena a = { 0 };

	assert_int_equal(tidal_topology_regular(&w->topology, w->objects, TIDAL_TOPO_MAX, sockets,
						cores, threads),
			 0);
	assert_null(sched_init(&a, &w->topology, vcpus, SLICE));
	w->bytes = a.used;
	w->mem = calloc(1, a.used);
	assert_non_null(w->mem);
	a = (struct arena){ .base = w->mem };
	w->s = sched_init(&a, &w->topology, vcpus, SLICE);
	assert_int_equal(a.used, w->bytes);
}

static void close_world(struct world *w)
{
	const char *why = "";

	if (!sched_check(w->s, &why))
		fail_msg("%s", why);
	free(w->mem);
}

static void expect_next(struct sched *s, tidal_time now, tidal_vcpuid vcpu, uint16_t thread)
{
	tidal_vcpuid v = TIDAL_VCPU_NONE;
	uint16_t t = SCHED_HT_NONE;

	assert_true(sched_next(s, now, &v, &t));
	assert_int_equal(v, vcpu);
	assert_int_equal(t, thread);
}

static void expect_none(struct sched *s, tidal_time now)
{
	tidal_vcpuid v;
	uint16_t t;

	assert_false(sched_next(s, now, &v, &t));
}

static void test_default_topology_is_one_thread(void **state)
{
	struct arena a = { 0 };
	void *mem;
	struct sched *s;

	(void)state;
	sched_init(&a, NULL, 2, SLICE);
	mem = calloc(1, a.used);
	a = (struct arena){ .base = mem };
	s = sched_init(&a, NULL, 2, SLICE);
	sched_ready(s, 0, 0, 0);
	sched_ready(s, 0, 1, 0);
	expect_next(s, 0, 0, 0);
	expect_none(s, 0);
	free(mem);
}

static void test_newcomers_spread_over_sockets_and_cores(void **state)
{
	/* 2 sockets, 2 cores, 2 threads: threads 0-3 on socket 0, 0-1 on its core 0. */
	static const uint16_t threads[] = { 0, 4, 2, 6, 1, 5, 3, 7 };
	struct world w;

	(void)state;
	open_world(&w, 2, 2, 2, 16);
	for (tidal_vcpuid v = 0; v < 8; v++)
		sched_ready(w.s, 0, v, 0);
	for (tidal_vcpuid v = 0; v < 8; v++)
		expect_next(w.s, 0, v, threads[v]);
	expect_none(w.s, 0);
	close_world(&w);
}

static void test_woken_vcpu_returns_to_its_warm_thread(void **state)
{
	struct world w;
	uint16_t thread[8];
	tidal_vcpuid v;

	(void)state;
	open_world(&w, 2, 2, 2, 16);
	for (v = 0; v < 8; v++) {
		tidal_vcpuid got;

		sched_ready(w.s, 0, v, 0);
		assert_true(sched_next(w.s, 0, &got, &thread[v]));
		assert_int_equal(got, v);
	}
	for (v = 0; v < 8; v++) {
		sched_stopped(w.s, 10 * US, v);
		sched_wait(w.s, v, SCHED_WAIT_PAGE, 7);
	}
	/* They wake in another order than they went, and each finds its own thread. */
	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(sched_take(w.s, SCHED_WAIT_PAGE, 7), n);
	for (v = 8; v-- > 0;)
		sched_ready(w.s, 20 * US, v, 0);
	for (unsigned n = 0; n < 8; n++) {
		uint16_t t;

		assert_true(sched_next(w.s, 20 * US, &v, &t));
		assert_int_equal(t, thread[v]);
	}
	close_world(&w);
}

/* Nearer means: same core, then same socket, then any. */
static void test_nearest_free_thread(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 2, 2, 2, 16);
	for (tidal_vcpuid v = 0; v < 8; v++)
		sched_ready(w.s, 0, v, 0);
	for (tidal_vcpuid v = 0; v < 8; v++) {
		tidal_vcpuid got;
		uint16_t t;

		assert_true(sched_next(w.s, 0, &got, &t));
	}
	/* vCPU 0 ran on thread 0. vCPUs 4 (thread 1), 2 (2), 1 (4) make room, vCPU 8 takes thread 0. */
	sched_stopped(w.s, 5 * US, 0);
	sched_ready(w.s, 5 * US, 8, 0);
	expect_next(w.s, 5 * US, 8, 0);
	sched_stopped(w.s, 6 * US, 1);
	sched_stopped(w.s, 6 * US, 2);
	sched_stopped(w.s, 6 * US, 4);
	sched_ready(w.s, 7 * US, 0, 0);
	expect_next(w.s, 7 * US, 0, 1);
	sched_ready(w.s, 7 * US, 4, 0); /* of thread 1, now taken */
	expect_next(w.s, 7 * US, 4, 2);
	sched_ready(w.s, 7 * US, 2, 0);
	expect_next(w.s, 7 * US, 2, 4);
	close_world(&w);
}

/* Two threads of different cores; vCPU 0 is at home on thread 0, vCPU 1 on thread 1. */
static void test_warmth_against_waiting(void **state)
{
	/* far: how much longer than the near one the far one has waited */
	static const struct { tidal_time far; tidal_time idle; tidal_vcpuid picked; } cases[] = {
		{ 0, 0, 0 },
		{ 2 * SCHED_LEVEL_NS - 1, 0, 0 }, /* two levels up: the node */
		{ 2 * SCHED_LEVEL_NS + 1, 0, 1 },
		{ 1, SCHED_WARM_NS, 1 }, /* cold: distance does not count */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		tidal_time now = 100 * US;

		open_world(&w, 1, 2, 1, 4);
		sched_ready(w.s, 0, 0, 0);
		sched_ready(w.s, 0, 1, 0);
		expect_next(w.s, 0, 0, 0);
		expect_next(w.s, 0, 1, 1);
		sched_stopped(w.s, now, 0);
		sched_stopped(w.s, now, 1);
		now += cases[i].idle;
		sched_ready(w.s, now, 1, 0);
		now += cases[i].far;
		sched_ready(w.s, now, 0, 0);
		assert_int_equal(sched_pick(w.s, now, 0), cases[i].picked);
		close_world(&w);
	}
}

static void test_lower_priority_values_come_first(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 1, 2, 1, 4);
	sched_ready(w.s, 0, 0, 5);
	sched_ready(w.s, 900 * US, 1, 1);
	assert_int_equal(sched_pick(w.s, 900 * US, 0), 1);
	expect_next(w.s, 900 * US, 1, 1);
	expect_next(w.s, 900 * US, 0, 0);
	close_world(&w);
}

/* A low-priority vCPU against one that always comes later and goes before. */
static void test_nobody_is_passed_over_for_ever(void **state)
{
	struct world w;
	tidal_time now = 0;
	tidal_vcpuid v;
	uint16_t t;

	(void)state;
	open_world(&w, 1, 2, 1, 16);
	sched_ready(w.s, 0, 0, 0);
	expect_next(w.s, 0, 0, 0);
	sched_ready(w.s, 0, 14, 0);
	expect_next(w.s, 0, 14, 1);
	sched_ready(w.s, 0, 15, 255);
	for (unsigned passes = 0; passes < SCHED_PASSES; passes++) {
		sched_stopped(w.s, ++now, 14);
		sched_ready(w.s, now, 14, 0);
		expect_next(w.s, now, 14, 1);
	}
	sched_stopped(w.s, ++now, 14);
	sched_ready(w.s, now, 14, 0);
	assert_true(sched_next(w.s, now, &v, &t));
	assert_int_equal(v, 15);
	close_world(&w);
}

static void test_pause(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 1, 1, 1, 2);
	sched_ready(w.s, 0, 0, 0);
	sched_pause(w.s, true);
	expect_none(w.s, 0);
	sched_pause(w.s, false);
	expect_next(w.s, 0, 0, 0);
	close_world(&w);
}

static void test_load(void **state)
{
	struct world w;
	tidal_vcpuid v;
	uint16_t t;

	(void)state;
	open_world(&w, 1, 2, 2, 64);
	assert_int_equal(sched_load(w.s), 0);
	for (v = 0; v < 10; v++) {
		sched_ready(w.s, 0, v, 0);
		assert_int_equal(sched_load(w.s), (v + 1) * 16 / 4);
	}
	while (sched_next(w.s, 0, &v, &t))
		assert_int_equal(sched_load(w.s), 40);
	sched_stopped(w.s, 1, 0);
	assert_int_equal(sched_load(w.s), 36);
	sched_wait(w.s, 0, SCHED_WAIT_IO, 1); /* the event table is no load */
	assert_int_equal(sched_load(w.s), 36);
	sched_forget(w.s, 9);
	assert_int_equal(sched_load(w.s), 32);
	close_world(&w);
}

static void test_event_table_is_first_come_first_served(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 1, 1, 1, 8); /* 8 buckets: values 0 .. 99 collide */
	for (uint64_t value = 0; value < 100; value++) {
		sched_wait(w.s, 3, SCHED_WAIT_PAGE, value);
		sched_wait(w.s, 1, SCHED_WAIT_PAGE, value + 1);
		sched_wait(w.s, 4, SCHED_WAIT_IO, value);
		sched_wait(w.s, 2, SCHED_WAIT_PAGE, value);
		sched_wait(w.s, 7, SCHED_WAIT_PAGE, value);
		sched_forget(w.s, 2);
		assert_int_equal(sched_waiting(w.s, SCHED_WAIT_PAGE, value), 3);
		assert_int_equal(sched_waiting_next(w.s, 3), 7);
		assert_int_equal(sched_waiting_next(w.s, 7), TIDAL_VCPU_NONE);
		assert_int_equal(sched_waiting(w.s, SCHED_WAIT_MOVE, value), TIDAL_VCPU_NONE);
		assert_int_equal(sched_take(w.s, SCHED_WAIT_PAGE, value), 3);
		assert_int_equal(sched_take(w.s, SCHED_WAIT_PAGE, value), 7);
		assert_int_equal(sched_take(w.s, SCHED_WAIT_PAGE, value), TIDAL_VCPU_NONE);
		assert_int_equal(sched_take(w.s, SCHED_WAIT_IO, value), 4);
		assert_int_equal(sched_take(w.s, SCHED_WAIT_PAGE, value + 1), 1);
	}
	close_world(&w);
}

static void test_preempts_as_many_as_are_needed(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 1, 2, 1, 8);
	sched_ready(w.s, 0, 0, 0);
	expect_next(w.s, 0, 0, 0);
	sched_ready(w.s, 10, 1, 0);
	expect_next(w.s, 10, 1, 1);
	assert_true(sched_deadline(w.s) == TIDAL_NEVER); /* nobody waits */
	assert_int_equal(sched_preempt(w.s, 5 * SLICE), TIDAL_VCPU_NONE);
	sched_ready(w.s, 20, 2, 0);
	assert_int_equal(sched_deadline(w.s), SLICE);
	assert_int_equal(sched_preempt(w.s, SLICE - 1), TIDAL_VCPU_NONE);
	sched_pause(w.s, true);
	assert_true(sched_deadline(w.s) == TIDAL_NEVER);
	assert_int_equal(sched_preempt(w.s, SLICE), TIDAL_VCPU_NONE);
	sched_pause(w.s, false);
	assert_int_equal(sched_preempt(w.s, SLICE), 0);
	/* One waits, one was named: vCPU 1 may stay however long it has run. */
	assert_int_equal(sched_preempt(w.s, 9 * SLICE), TIDAL_VCPU_NONE);
	assert_true(sched_deadline(w.s) == TIDAL_NEVER);
	sched_ready(w.s, 30, 3, 0);
	assert_int_equal(sched_deadline(w.s), SLICE + 10);
	assert_int_equal(sched_preempt(w.s, SLICE + 10), 1);
	sched_stopped(w.s, SLICE + 20, 0);
	expect_next(w.s, SLICE + 20, 2, 0);
	close_world(&w);
}

static void test_warmth(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 1, 1, 1, 4);
	assert_int_equal(sched_warmth(w.s, 5000 * US, 0), 0);
	sched_ready(w.s, 1000 * US, 0, 0);
	assert_int_equal(sched_warmth(w.s, 1000 * US, 0), 0);
	assert_int_equal(sched_warmth(w.s, 1500 * US, 0), 128);
	expect_next(w.s, 1500 * US, 0, 0);
	sched_stopped(w.s, 1600 * US, 0);
	sched_wait(w.s, 0, SCHED_WAIT_PAGE, 1); /* a stall is no new arrival */
	assert_int_equal(sched_warmth(w.s, 1999 * US, 0), 255);
	assert_int_equal(sched_warmth(w.s, 2000 * US, 0), 256);
	sched_forget(w.s, 0);
	assert_int_equal(sched_warmth(w.s, 9000 * US, 0), 0);
	close_world(&w);
}

/*
 * Fairness: vCPUs that never stop by themselves, or that stall now and then, on few threads. All
 * of one kind get the same time within a bound.
 */
struct load {
	unsigned threads, vcpus;
	bool stalls; /* every other vCPU stalls for 50 us after each 100 us */
};

static tidal_time least(const tidal_time *ran, unsigned from, unsigned vcpus, unsigned step)
{
	tidal_time x = TIDAL_NEVER;

	for (unsigned v = from; v < vcpus; v += step)
		x = ran[v] < x ? ran[v] : x;
	return x;
}

static tidal_time most(const tidal_time *ran, unsigned from, unsigned vcpus, unsigned step)
{
	tidal_time x = 0;

	for (unsigned v = from; v < vcpus; v += step)
		x = ran[v] > x ? ran[v] : x;
	return x;
}

static void run_load(const struct load *load, tidal_time until, tidal_time *ran)
{
	struct world w;
	tidal_time started[64], stall_at[64], wake_at[64];
	uint64_t readied[64] = { 0 }, order = 0; /* 0: not ready */
	unsigned passes[64] = { 0 };
	tidal_vcpuid v;
	uint16_t t;

	open_world(&w, 1, load->threads, 1, 64);
	for (v = 0; v < load->vcpus; v++) {
		sched_ready(w.s, 0, v, 0);
		readied[v] = ++order;
		stall_at[v] = wake_at[v] = TIDAL_NEVER;
	}
	for (tidal_time now = 0; now < until; now += 5 * US) {
		for (v = 0; v < load->vcpus; v++) {
			if (now >= stall_at[v]) {
				sched_stopped(w.s, now, v);
				ran[v] += now - started[v];
				sched_wait(w.s, v, SCHED_WAIT_PAGE, v);
				stall_at[v] = TIDAL_NEVER;
				wake_at[v] = now + 50 * US;
			} else if (now >= wake_at[v]) {
				assert_int_equal(sched_take(w.s, SCHED_WAIT_PAGE, v), v);
				sched_ready(w.s, now, v, 0);
				readied[v] = ++order;
				wake_at[v] = TIDAL_NEVER;
			}
		}
		while ((v = sched_preempt(w.s, now)) != TIDAL_VCPU_NONE) {
			sched_stopped(w.s, now, v);
			ran[v] += now - started[v];
			stall_at[v] = TIDAL_NEVER;
			sched_ready(w.s, now, v, 0);
			readied[v] = ++order;
		}
		while (sched_next(w.s, now, &v, &t)) {
			for (unsigned o = 0; o < load->vcpus; o++) {
				const struct sched_vcpu *e = sched_vcpu(w.s, (tidal_vcpuid)o);

				if (readied[o] && readied[o] < readied[v] && !e->prev)
					assert_true(++passes[o] <= SCHED_PASSES);
			}
			readied[v] = passes[v] = 0;
			started[v] = now;
			if (load->stalls && v % 2)
				stall_at[v] = now + 100 * US;
		}
	}
	for (v = 0; v < load->vcpus; v++)
		if (sched_running(w.s, v, NULL))
			ran[v] += until - started[v];
	close_world(&w);
}

/* Two slices more or less after any time. */
static void test_everybody_gets_its_share(void **state)
{
	static const struct load loads[] = {
		{ 1, 2, false }, { 2, 3, false }, { 2, 7, false }, { 3, 10, false },
		{ 4, 64, false }, { 8, 33, false }, { 8, 9, false },
		{ 2, 8, true }, { 4, 30, true }, { 3, 64, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		const struct load *load = &loads[i];
		const tidal_time until = 200 * (tidal_time)SLICE;
		tidal_time ran[64] = { 0 }, total = 0, share;
		unsigned step = load->stalls ? 2 : 1;

		run_load(load, until, ran);
		for (unsigned v = 0; v < load->vcpus; v++)
			total += ran[v];
		print_message("%u threads, %2u vCPUs%s: busy %3u%%;", load->threads, load->vcpus,
			      load->stalls ? ", half stall" : "",
			      (unsigned)(total * 100 / (until * load->threads)));
		for (unsigned kind = 0; kind < step; kind++) {
			tidal_time low = least(ran, kind, load->vcpus, step);
			tidal_time high = most(ran, kind, load->vcpus, step);

			share = 0;
			for (unsigned v = kind; v < load->vcpus; v += step)
				share += ran[v];
			share /= (load->vcpus - kind + step - 1) / step;
			print_message(" %u .. %u us, mean %u;", (unsigned)(low / US),
				      (unsigned)(high / US), (unsigned)(share / US));
			assert_true(low + 2 * SLICE >= share);
			assert_true(high <= share + 2 * SLICE);
		}
		print_message("\n");
		assert_true(total >= until * load->threads * 98 / 100);
	}
}

static void test_digest_ignores_times_and_history(void **state)
{
	struct world a, b;
	uint64_t before;

	(void)state;
	open_world(&a, 1, 2, 1, 8);
	open_world(&b, 1, 2, 1, 8);
	sched_wait(b.s, 7, SCHED_WAIT_IO, 1); /* came and went */
	sched_forget(b.s, 7);
	for (unsigned i = 0; i < 2; i++) {
		struct sched *s = i ? b.s : a.s;
		tidal_time now = i ? 77 * US : 0;

		sched_ready(s, now, 0, 0);
		expect_next(s, now, 0, 0);
		sched_ready(s, now + 5, 1, 0);
		sched_ready(s, now + 5, 2, 0);
		sched_wait(s, 3, SCHED_WAIT_PAGE, 9);
		sched_wait(s, 4, SCHED_WAIT_PAGE, 9);
	}
	assert_true(sched_digest(a.s, 1) == sched_digest(b.s, 1));
	assert_true(sched_digest(a.s, 1) != sched_digest(a.s, 2));
	before = sched_digest(a.s, 1);
	/* The same vCPUs wait for the same in another order. */
	sched_forget(a.s, 3);
	sched_wait(a.s, 3, SCHED_WAIT_PAGE, 9);
	assert_true(sched_digest(a.s, 1) != before);
	sched_forget(a.s, 4);
	sched_wait(a.s, 4, SCHED_WAIT_PAGE, 9);
	assert_true(sched_digest(a.s, 1) == before);
	sched_pause(a.s, true);
	assert_true(sched_digest(a.s, 1) != before);
	close_world(&a);
	close_world(&b);
}

/* A copy of the arena is a scheduler of its own. */
static void test_snapshot(void **state)
{
	struct world w;
	struct sched *copy;
	const char *why;

	(void)state;
	open_world(&w, 1, 2, 1, 8);
	for (tidal_vcpuid v = 0; v < 5; v++)
		sched_ready(w.s, v, v, 0);
	expect_next(w.s, 10, 0, 0);
	copy = malloc(w.bytes);
	assert_non_null(copy);
	memcpy(copy, w.mem, w.bytes);
	assert_true(sched_check(copy, &why));
	expect_next(copy, 20, 1, 1);
	assert_false(sched_running(w.s, 1, NULL));
	expect_next(w.s, 20, 1, 1);
	assert_true(sched_digest(copy, 0) == sched_digest(w.s, 0));
	free(copy);
	close_world(&w);
}

static void test_check_finds_damage(void **state)
{
	struct world w;
	const char *why;
	struct sched_vcpu *e;

	(void)state;
	open_world(&w, 1, 2, 1, 8);
	for (tidal_vcpuid v = 0; v < 6; v++)
		sched_ready(w.s, 0, v, 0);
	expect_next(w.s, 0, 0, 0);
	expect_next(w.s, 0, 1, 1);
	sched_wait(w.s, 6, SCHED_WAIT_PAGE, 1);
	assert_true(sched_check(w.s, &why));

#define DAMAGE(lvalue, wrong)                                      \
	do {                                                       \
		__typeof__(lvalue) right = (lvalue);               \
		(lvalue) = (wrong);                                \
		assert_false(sched_check(w.s, &why));              \
		(lvalue) = right;                                  \
		assert_true(sched_check(w.s, &why));               \
	} while (0)
	e = sched_vcpu(w.s, 2);
	DAMAGE(e->place, SCHED_WAITING);
	DAMAGE(e->place, SCHED_NOWHERE);
	DAMAGE(e->next, 3);
	DAMAGE(e->next, 0);
	DAMAGE(e->passes, SCHED_PASSES + 1);
	DAMAGE(e->home, 0);
	DAMAGE(sched_vcpu(w.s, 0)->home, sched_leaf(w.s, 1));
	DAMAGE(sched_vcpu(w.s, 6)->kind, SCHED_WAIT_NONE);
	DAMAGE(sched_vcpu(w.s, 6)->place, SCHED_NOWHERE);
	DAMAGE(sched_object(w.s, 0)->ready, 3);
	DAMAGE(sched_object(w.s, 0)->free, 1);
	DAMAGE(sched_object(w.s, sched_leaf(w.s, 0))->runs, 0);
	DAMAGE(sched_object(w.s, sched_leaf(w.s, 1))->queue.first, 0);
	DAMAGE(w.s->running.first, 0);
	DAMAGE(w.s->asked, 1);
#undef DAMAGE
	close_world(&w);
}

/* vCPU numbers that there are not, and the end of time. Broken: each bound. */
static void test_bounds(void **state)
{
	struct world w;
	uint16_t thread;

	(void)state;
	open_world(&w, 1, 1, 1, 2);
	sched_ready(w.s, TIDAL_NEVER - US, 0, 0);
	sched_ready(w.s, TIDAL_NEVER - US, 1, 0);
	expect_next(w.s, TIDAL_NEVER - US, 0, 0);
	assert_int_equal(sched_deadline(w.s), TIDAL_NEVER);
	assert_int_equal(sched_preempt(w.s, TIDAL_NEVER - 1), TIDAL_VCPU_NONE);
	assert_true(sched_running(w.s, 0, &thread));
	assert_false(sched_running(w.s, 2, &thread));
	assert_false(sched_running(w.s, TIDAL_VCPU_NONE, &thread));
	assert_int_equal(sched_warmth(w.s, TIDAL_NEVER, TIDAL_VCPU_NONE), 0);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_topology_is_one_thread),
		cmocka_unit_test(test_newcomers_spread_over_sockets_and_cores),
		cmocka_unit_test(test_woken_vcpu_returns_to_its_warm_thread),
		cmocka_unit_test(test_nearest_free_thread),
		cmocka_unit_test(test_warmth_against_waiting),
		cmocka_unit_test(test_lower_priority_values_come_first),
		cmocka_unit_test(test_nobody_is_passed_over_for_ever),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_event_table_is_first_come_first_served),
		cmocka_unit_test(test_preempts_as_many_as_are_needed),
		cmocka_unit_test(test_warmth),
		cmocka_unit_test(test_everybody_gets_its_share),
		cmocka_unit_test(test_digest_ignores_times_and_history),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_check_finds_damage),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
