/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads write to pages while these are taken away, given back, protected and replaced, thousands
 * of times: nothing is lost, and nothing is written that may not be.
 *
 * Seen to fail with: take_by_copy() without write protection (copying loses increments); pages
 * of zeroes by UFFDIO_ZEROPAGE and a UFFDIO_WRITEPROTECT behind it (writes slip in between).
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "memory_case.h"

#define WRITERS 2
#define ROUNDS 1500

/* In the page: one counter for all, one of each writer. */
struct counters {
	atomic_ullong all;
	struct {
		volatile uint64_t n;
		uint64_t apart[7];
	} own[WRITERS];
};

struct writer {
	pthread_t thread;
	struct counters *page;
	atomic_bool *stop;
	unsigned self;
	uint64_t n; /* how often it has counted */
};

static void *count(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load_explicit(w->stop, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&w->page->all, 1, memory_order_relaxed);
		w->page->own[w->self].n++;
		w->n++;
	}
	return NULL;
}

static void begin(struct writer *w, void *(*main)(void *), struct memory *m, tidal_gfn gfn,
		  atomic_bool *stop)
{
	atomic_init(stop, false);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .page = (void *)guest_page(m, gfn), .stop = stop,
					.self = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, main, &w[i]), 0);
	}
}

static void end(struct writer *w, struct memory *m, tidal_gfn gfn, atomic_bool *stop)
{
	struct memory_fault f;

	atomic_store(stop, true);
	while (memory_fault(m, &f))
		;
	memory_wake(m, gfn);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
}

/* The faults so far are read: they end when the page is back. */
static void read_faults(struct memory *m)
{
	struct memory_fault f;

	while (memory_fault(m, &f))
		assert_int_equal(f.gpa / PAGE, 3);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* So that the next change finds them in the midst of it; on a busy machine now and then. */
static void let_count(const struct counters *page)
{
	unsigned long long before = atomic_load(&page->all);
	uint64_t until = now_us() + 60;

	while (atomic_load(&page->all) == before && now_us() < until)
		;
}

static void test_nothing_is_lost(void **state)
{
	struct memory *m = memory_case(state);
	struct writer w[WRITERS];
	const struct counters *page;
	uint64_t sum = 0;
	atomic_bool stop;

	assert_int_equal(memory_zero(m, 0), 0);
	map(m, 3, 0, TIDAL_PROT_RW);
	begin(w, count, m, 3, &stop);
	for (tidal_frame i = 0; i < ROUNDS; i++) {
		tidal_frame next = (i + 1) % 7;

		if (i % 3 == 0) {
			assert_int_equal(try_protect(m, 3, 1), 0);
			read_faults(m);
		}
		unmap(m, 3);
		read_faults(m);
		/* as if it went to another node and came back in another frame */
		memcpy(memory_frame_data(m, next, TIDAL_GFN_NONE),
		       memory_frame_data(m, i % 7, TIDAL_GFN_NONE), PAGE);
		if (i % 2)
			map(m, 3, next, TIDAL_PROT_R);
		map(m, 3, next, TIDAL_PROT_RW);
		memory_wake(m, 3);
		let_count((const struct counters *)(const void *)guest_page(m, 3));
	}
	end(w, m, 3, &stop);
	page = memory_frame_data(m, ROUNDS % 7, 3);
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(page->own[i].n, w[i].n);
		sum += w[i].n;
	}
	assert_int_equal(atomic_load(&page->all), sum);
	assert_true(sum > ROUNDS);
	memory_close(m);
}

static void *scribble(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load_explicit(w->stop, memory_order_relaxed))
		w->page->own[w->self].n = 1;
	return NULL;
}

/* A page that may only be read: writers sleep, or wake and fault anew, but none gets through. */
static void nobody_writes(void **state, tidal_frame frame)
{
	struct memory *m = memory_case(state);
	struct writer w[WRITERS];
	atomic_bool stop;

	assert_int_equal(memory_zero(m, 0), 0);
	begin(w, scribble, m, 3, &stop);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint64_t *page = (const uint64_t *)(const void *)guest_page(m, 3);

		memory_wake(m, 3); /* they are just about to write */
		for (volatile unsigned spin = 0; spin < i % 512; spin++)
			;
		map(m, 3, frame, TIDAL_PROT_R);
		for (size_t k = 0; k < PAGE / 8; k++)
			assert_int_equal(page[k], 0);
		unmap(m, 3);
		read_faults(m);
	}
	map(m, 3, 1, TIDAL_PROT_RW);
	end(w, m, 3, &stop);
	if (frame != TIDAL_FRAME_ZERO)
		assert_int_equal(*(uint64_t *)memory_frame_data(m, frame, TIDAL_GFN_NONE), 0);
	memory_close(m);
}

static void test_nobody_writes_to_a_read_only_page(void **state)
{
	nobody_writes(state, 0);
}

static void test_nobody_writes_to_a_page_of_zeroes(void **state)
{
	nobody_writes(state, TIDAL_FRAME_ZERO);
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(test_nothing_is_lost),
	cmocka_unit_test(test_nobody_writes_to_a_read_only_page),
	cmocka_unit_test(test_nobody_writes_to_a_page_of_zeroes),
};

MEMORY_MAIN(tests)
