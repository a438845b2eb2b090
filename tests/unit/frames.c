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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh_frames_come_in_order),
		cmocka_unit_test(test_every_frame_is_in_one_place),
		cmocka_unit_test(test_last_freed_goes_first),
		cmocka_unit_test(test_promises),
	};

	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
