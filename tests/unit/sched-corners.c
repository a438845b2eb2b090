/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sched-corners: ties and bounds of the scheduler, to the nanosecond; and its digest, of which every
 * field counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/sched.h"
#include "core/sched_impl.h"

#define SLICE 1000000u
#define VCPUS 8

struct place {
	struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	struct tidal_topology topology;
	struct sched *s;
	size_t bytes;
};

static void open_place(struct place *p, unsigned sockets, unsigned cores, unsigned threads)
{
	struct arena a = { 0 };

	assert_int_equal(tidal_topology_regular(&p->topology, p->objects, TIDAL_TOPO_MAX, sockets,
						cores, threads), 0);
	sched_init(&a, &p->topology, VCPUS, SLICE);
	p->bytes = (a.used + 63) & ~(size_t)63;
	a = (struct arena){ .base = aligned_alloc(64, p->bytes) };
	assert_non_null(a.base);
	memset(a.base, 0, p->bytes);
	p->s = sched_init(&a, &p->topology, VCPUS, SLICE);
}

static void close_place(struct place *p)
{
	const char *why = "";

	if (!sched_check(p->s, &why))
		fail_msg("%s", why);
	free(p->s);
}

/* It runs from *at* for so long, on the thread that is told. */
static uint16_t run_for(struct sched *s, tidal_vcpuid v, tidal_time at, tidal_time ran)
{
	tidal_vcpuid got;
	uint16_t thread;

	sched_ready(s, at, v, 0);
	assert_true(sched_next(s, at, &got, &thread));
	assert_int_equal(got, v);
	sched_stopped(s, at + ran, v);
	return thread;
}

/* Every array begins at a cache line. Broken in sched_init(): each alignment. */
static void test_arrays_begin_at_lines(void **state)
{
	struct place p;

	(void)state;
	open_place(&p, 1, 1, 3);
	assert_int_equal((uintptr_t)sched_vcpu(p.s, 0) % 64, 0);
	assert_int_equal((uintptr_t)sched_object(p.s, 0) % 64, 0);
	assert_int_equal((uintptr_t)REL(p.s, bucket) % 64, 0);
	close_place(&p);
}

/*
 * Caches are warm for SCHED_WARM_NS after it stopped, and no longer. Two threads of two cores: vCPU 0 was on
 * the other one, vCPU 1 is readied a little later on this one. Broken in consider(): the bound.
 */
static void test_warm_until(void **state)
{
	(void)state;
	for (tidal_time late = 0; late < 2; late++) {
		tidal_time left = 1000, now = left + SCHED_WARM_NS - 1 + late;
		struct place p;

		open_place(&p, 1, 2, 1);
		assert_int_equal(run_for(p.s, 0, 0, left), 0);
		sched_ready(p.s, 0, 1, 0); /* newcomers go to the idler one: of thread 1 */
		sched_forget(p.s, 1);
		sched_ready(p.s, now - 1, 0, 0);
		sched_ready(p.s, now, 2, 0);
		assert_int_equal(sched_vcpu(p.s, 2)->home, sched_leaf(p.s, 1));
		/* thread 1 searches: vCPU 0 is two levels away, and has waited for a ns */
		assert_int_equal(sched_pick(p.s, now, 1), late ? 0 : 2);
		close_place(&p);
	}
}

/* One that used up its slice is cold at once; a ns less, and it is not. Broken in sched_stopped(). */
static void test_cold_after_a_slice(void **state)
{
	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		struct place p;

		open_place(&p, 1, 2, 1);
		run_for(p.s, 0, 0, SLICE - 1 + all);
		assert_int_equal(sched_vcpu(p.s, 0)->early, !all);
		sched_ready(p.s, SLICE + 10, 0, 0);
		sched_ready(p.s, SLICE + 11, 2, 0);
		assert_int_equal(sched_pick(p.s, SLICE + 11, 1), all ? 0 : 2);
		close_place(&p);
	}
}

/*
 * Two are readied in the moment of the search: the thread of the one that was readied first searches. vCPU 0,
 * which waits, has no part in it. Broken in choose(): begins with vCPU 0.
 */
static void test_nobody_has_waited(void **state)
{
	struct place p;
	tidal_vcpuid v;
	uint16_t thread;

	(void)state;
	open_place(&p, 2, 1, 1);
	assert_int_equal(run_for(p.s, 4, 0, 10), 0);
	sched_ready(p.s, 20, 0, 0);
	assert_true(sched_next(p.s, 20, &v, &thread));
	assert_int_equal(thread, 0);
	assert_int_equal(run_for(p.s, 3, 20, 10), 1);
	sched_stopped(p.s, 30, 0);
	sched_wait(p.s, 0, SCHED_WAIT_IO, 1);
	sched_ready(p.s, 40, 3, 0);
	sched_ready(p.s, 40, 4, 0);
	assert_true(sched_next(p.s, 40, &v, &thread));
	assert_int_equal(v, 3);
	assert_int_equal(thread, 1);
	assert_true(sched_next(p.s, 40, &v, &thread));
	assert_int_equal(v, 4);
	assert_int_equal(thread, 0);
	close_place(&p);
}

/* The share of a ms that it has been here. Broken in sched_warmth(). */
static void test_warmth(void **state)
{
	static const struct { tidal_time here; uint32_t warmth; } cases[] = {
		{ 0, 0 }, { 3906, 0 }, { 3907, 1 }, { 500000, 128 }, { 999999, 255 }, { 1000000, 256 },
		{ UINT64_C(1) << 60, 256 },
	};
	struct place p;

	(void)state;
	open_place(&p, 1, 1, 1);
	assert_int_equal(sched_warmth(p.s, 5000000, 1), 0); /* never here */
	assert_int_equal(sched_warmth(p.s, 5000000, VCPUS), 0);
	sched_ready(p.s, 77, 1, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sched_warmth(p.s, 77 + cases[i].here, 1), cases[i].warmth);
	sched_forget(p.s, 1);
	assert_int_equal(sched_warmth(p.s, 5000000, 1), 0);
	close_place(&p);
}

/* ---- the digest ---- */

#define COUNTS(field, value)                                                                       \
	do {                                                                                       \
		__typeof__(field) kept_ = field;                                                   \
		uint64_t was_ = sched_digest(s, 5);                                                \
		field = value;                                                                     \
		if (sched_digest(s, 5) == was_)                                                    \
			fail_msg("%s does not count", #field);                                     \
		field = kept_;                                                                     \
		assert_true(sched_digest(s, 5) == was_);                                           \
	} while (0)

static void change_all(struct sched *s, struct sched_vcpu *e)
{
	COUNTS(e->home, (uint16_t)(e->home ^ 1));
	COUNTS(e->priority, (uint8_t)(e->priority ^ 1));
	COUNTS(e->priority, (uint8_t)(e->priority ^ 0x80));
	COUNTS(e->passes, (uint8_t)(e->passes ^ 1));
	COUNTS(e->passes, (uint8_t)(e->passes ^ 8));
	COUNTS(e->early, !e->early);
	COUNTS(e->asked, !e->asked);
}

/* vCPU 1 is ready, 2 runs, 3 and 4 wait, 5 was here; whatever the other flags are. */
static void test_digest(void **state)
{
	struct place p;
	struct sched *s;
	tidal_vcpuid v;
	uint16_t thread;

	(void)state;
	open_place(&p, 1, 1, 1);
	s = p.s;
	run_for(s, 5, 0, 10);
	sched_ready(s, 20, 2, 0);
	assert_true(sched_next(s, 20, &v, &thread));
	sched_ready(s, 30, 1, 0);
	sched_wait(s, 3, SCHED_WAIT_PAGE, 7);
	sched_wait(s, 4, SCHED_WAIT_PAGE, 7);
	COUNTS(s->paused, 1);
	assert_true(sched_digest(s, 5) != sched_digest(s, 6));
	for (v = 1; v <= 5; v++) {
		struct sched_vcpu *e = sched_vcpu(s, v);

		change_all(s, e);
		e->priority = e->passes = 0xff;
		e->early = e->asked = 1;
		change_all(s, e);
		e->priority = e->passes = e->early = e->asked = 0;
		change_all(s, e);
	}
	COUNTS(sched_vcpu(s, 1)->place, SCHED_NOWHERE);
	COUNTS(sched_vcpu(s, 3)->value, 8);
	COUNTS(sched_vcpu(s, 3)->kind, SCHED_WAIT_IO);
	COUNTS(sched_vcpu(s, 3)->order, s->order + 1); /* after vCPU 4 now */
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrays_begin_at_lines),
		cmocka_unit_test(test_warm_until),
		cmocka_unit_test(test_cold_after_a_slice),
		cmocka_unit_test(test_nobody_has_waited),
		cmocka_unit_test(test_warmth),
		cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests_name("sched-corners", tests, NULL, NULL);
}
