/* SPDX-License-Identifier: BSD-3-Clause */
/* frames: every frame is in one place, and a clean one is clean. */
#include "component.h"

#include "core/frames.h"

#define TOTAL 100

enum place { FRESH, OUT, ZEROED, DIRTY };

static struct frames *open_frames(void)
{
	const struct frames_config config = { TOTAL, 4, 3, 8, 16 };
	struct frames *f;

	COMPONENT_OPEN(struct frames, &f, frames_init, &config);
	return f;
}

static void test_fresh_frames_come_in_order(void **state)
{
	struct frames *f = open_frames();

	(void)state;
	assert_int_equal(frames_free(f), TOTAL);
	assert_int_equal(frames_to_zero(f), TOTAL);
	assert_int_equal(frames_take_zeroed(f), TIDAL_FRAME_NONE);
	for (uint32_t i = 0; i < TOTAL; i++)
		assert_int_equal(frames_take_dirty(f), i);
	assert_int_equal(frames_take_dirty(f), TIDAL_FRAME_NONE);
	assert_int_equal(frames_free(f), 0);
	test_free(f);
}

static void check_counts(const struct frames *f, const enum place *in)
{
	uint32_t n[4] = { 0 };

	for (uint32_t i = 0; i < TOTAL; i++)
		n[in[i]]++;
	assert_int_equal(f->zeroed.count, n[ZEROED]);
	assert_int_equal(frames_to_zero(f), n[DIRTY] + n[FRESH]);
	assert_int_equal(frames_free(f), n[ZEROED] + n[DIRTY] + n[FRESH]);
	assert_int_equal(frames_may_convert(f), frames_free(f) > 3);
	for (uint32_t i = 0; i < TOTAL; i++) {
		assert_int_equal(frames_is_zeroed(f, i), in[i] == ZEROED);
		assert_int_equal(frames_is_dirty(f, i), in[i] == DIRTY || in[i] == FRESH);
	}
}

static void put_back(struct frames *f, enum place *in, uint64_t *random)
{
	uint32_t i = (uint32_t)random_below(random, TOTAL);

	if (in[i] != OUT)
		return;
	if (random_below(random, 2)) {
		frames_put_zeroed(f, i);
		in[i] = ZEROED;
	} else {
		frames_put_dirty(f, i);
		in[i] = DIRTY;
	}
}

static void take(struct frames *f, enum place *in, bool clean)
{
	tidal_frame i = clean ? frames_take_zeroed(f) : frames_take_dirty(f);

	if (i == TIDAL_FRAME_NONE)
		return;
	assert_in_range(i, 0, TOTAL - 1);
	assert_int_not_equal(in[i], OUT);
	assert_int_equal(in[i] == ZEROED, clean);
	in[i] = OUT;
}

static void test_every_frame_is_in_one_place(void **state)
{
	struct frames *f = open_frames();
	enum place in[TOTAL] = { FRESH };
	uint64_t random = 1;

	(void)state;
	for (unsigned n = 0; n < 50000; n++) {
		if (random_below(&random, 100) < (n / 3000 % 2 ? 70u : 30u))
			put_back(f, in, &random);
		else
			take(f, in, random_below(&random, 2));
		check_counts(f, in);
	}
	test_free(f);
}

/* The last freed is the warmest: it goes out first. Frames that were never used go last. */
static void test_last_freed_goes_first(void **state)
{
	struct frames *f = open_frames();

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		(void)frames_take_dirty(f);
	frames_put_dirty(f, 1);
	frames_put_dirty(f, 4);
	frames_put_zeroed(f, 2);
	frames_put_zeroed(f, 3);
	assert_int_equal(frames_take_dirty(f), 4);
	assert_int_equal(frames_take_dirty(f), 1);
	assert_int_equal(frames_take_dirty(f), 6);
	assert_int_equal(frames_take_zeroed(f), 3);
	assert_int_equal(frames_take_zeroed(f), 2);
	test_free(f);
}

static void test_promises(void **state)
{
	struct frames *f = open_frames();

	(void)state;
	assert_false(frames_may_promise(f));
	f->posted = 2;
	f->promised = 1;
	assert_true(frames_may_promise(f));
	f->promised = 2;
	assert_false(frames_may_promise(f));
	test_free(f);
}

/* ---- zeroing in the background ---- */

enum { MANY = 1000, LOW = 100 };

static struct frames *open_many(uint32_t zeroing_max)
{
	const struct frames_config config = { MANY, 4, 3, LOW, 200 };
	struct frames *f;

	COMPONENT_OPEN(struct frames, &f, frames_init, &config);
	f->zeroing_max = zeroing_max;
	return f;
}

static void test_one_at_a_time(void **state)
{
	struct frames *f = open_many(1);
	struct frame_run run;

	(void)state;
	assert_true(frames_begin_scrub(f, &run));
	assert_true(run.first == 0 && run.mask == 1 && f->zeroing == 1);
	assert_false(frames_begin_scrub(f, &run));
	assert_int_equal(frames_end_scrub(f, 1, true), 0);
	assert_int_equal(frames_end_scrub(f, 0, true), 1);
	assert_int_equal(frames_end_scrub(f, 0, true), 0);
	assert_true(f->zeroing == 0 && frames_is_zeroed(f, 0));
	test_free(f);
}

/* Which frames are in a run. */
static void mark(const struct frame_run *run, uint8_t *out, uint8_t before, uint8_t after)
{
	assert_true(run->mask & 1);
	for (uint64_t mask = run->mask; mask; mask &= mask - 1) {
		uint32_t at = run->first + (uint32_t)__builtin_ctzll(mask);

		assert_true(at < MANY);
		assert_int_equal(out[at], before);
		out[at] = after;
	}
}

/*
 * Many at a time: no frame twice, none left out, never so many that the node is short of frames.
 * Was seen to fail with runs that are not taken off the list of frames to be zeroed, and without
 * the bound by LOW.
 */
static void many_at_a_time(uint32_t most)
{
	struct frames *f = open_many(most);
	struct frame_run runs[FRAMES_SCRUBS];
	uint8_t at[MANY] = { 0 };
	uint32_t zeroed = 0;

	for (unsigned round = 0; zeroed < MANY; round++) {
		unsigned n = 0;

		assert_true(round < 1000);
		while (frames_begin_scrub(f, &runs[n]))
			mark(&runs[n++], at, 0, 1);
		assert_true(n > 0 && f->zeroing <= most);
		assert_true(frames_free(f) >= LOW || n == 1);
		while (n-- > 0) { /* one of three fails the first time */
			bool good = round % 3 != 0 || n > 0;

			mark(&runs[n], at, 1, good ? 2 : 0);
			zeroed += frames_end_scrub(f, runs[n].first, good) * good;
		}
		assert_int_equal(f->zeroed.count, zeroed);
		assert_int_equal(frames_free(f), MANY);
	}
	assert_false(frames_begin_scrub(f, &runs[0]));
	test_free(f);
}

static void test_many_at_a_time(void **state)
{
	(void)state;
	many_at_a_time(256);
	many_at_a_time(MANY);
}

/* Clean ones in a row; what is warm, or lies beyond a gap or a word, waits. */
static void test_clean_ones_in_a_row(void **state)
{
	struct frames *f = open_many(1000);
	struct frame_run run;
	uint32_t n;

	(void)state;
	assert_int_equal(frames_take_zeroed_row(f, 10, &n), TIDAL_FRAME_NONE);
	assert_true(frames_begin_scrub(f, &run) && run.first == 0);
	assert_int_equal(frames_end_scrub(f, 0, true), 64);
	assert_true(frames_begin_scrub(f, &run) && run.first == 64);
	assert_int_equal(frames_end_scrub(f, 64, true), 64);
	assert_int_equal(frames_take_zeroed_row(f, 10, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(frames_take_zeroed_row(f, 1000, &n), 10);
	assert_int_equal(n, 54);
	assert_int_equal(frames_take_zeroed_row(f, 64, &n), 64);
	assert_int_equal(n, 64);
	frames_put_zeroed(f, 5);
	assert_int_equal(frames_take_zeroed_row(f, 64, &n), TIDAL_FRAME_NONE);
	assert_true(f->zeroed.count == 1 && frames_free(f) == MANY - 127);
	test_free(f);
}

/* Frames that were used come in runs, too, also the last ones freed. */
static void test_used_ones_in_runs(void **state)
{
	struct frames *f = open_many(64);
	struct frame_run run;
	uint32_t got = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		(void)frames_take_dirty(f);
	for (tidal_frame i = 0; i < 300; i += 2)
		frames_put_dirty(f, i);
	while (frames_begin_scrub(f, &run)) {
		for (uint64_t mask = run.mask; mask; mask &= mask - 1)
			assert_int_equal((run.first + (uint32_t)__builtin_ctzll(mask)) % 2, 0);
		got += frames_end_scrub(f, run.first, true);
	}
	assert_int_equal(got, 150);
	assert_int_equal(f->zeroed.count, 150);
	assert_int_equal(frames_to_zero(f), 0);
	test_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh_frames_come_in_order),
		cmocka_unit_test(test_every_frame_is_in_one_place),
		cmocka_unit_test(test_last_freed_goes_first),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_many_at_a_time),
		cmocka_unit_test(test_used_ones_in_runs),
		cmocka_unit_test(test_clean_ones_in_a_row),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
