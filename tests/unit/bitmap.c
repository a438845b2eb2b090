/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap: against an array of flags, at sizes around the edges of its levels. */
#include "component.h"

#include "core/bitmap.h"

static struct bitmap *open_bitmap(uint32_t size)
{
	struct bitmap *b;

	COMPONENT_OPEN(struct bitmap, &b, bitmap_init, size);
	return b;
}

static void check_all(const struct bitmap *b, const bool *in, uint32_t size)
{
	uint32_t count = 0;

	for (uint32_t n = 0; n < size; n++) {
		assert_int_equal(bitmap_has(b, n), in[n]);
		count += in[n];
	}
	assert_int_equal(b->count, count);
}

static void step(struct bitmap *b, bool *in, uint32_t size, bool more, uint64_t *random)
{
	uint32_t n = (uint32_t)random_below(random, size);

	if (random_below(random, 4) == 0)
		more = !more;
	if (more && !in[n]) {
		bitmap_put(b, n);
		in[n] = true;
	} else if (!more) {
		uint32_t count = b->count, got = bitmap_take(b);

		assert_int_equal(got == BITMAP_NONE, count == 0);
		if (got == BITMAP_NONE)
			return;
		assert_in_range(got, 0, size - 1);
		assert_true(in[got]);
		in[got] = false;
	}
}

static void test_like_an_array(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 4095, 4096, 4097, 10000 };
	uint64_t random = 1;

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = sizes[i];
		struct bitmap *b = open_bitmap(size);
		bool *in = test_calloc(size, sizeof(*in));

		for (uint32_t n = 0; n < 40 * size + 100; n++) {
			step(b, in, size, n / (4 * size + 8) % 2 == 0, &random);
			if (n % (size / 2 + 1) == 0)
				check_all(b, in, size);
		}
		test_free(in);
		test_free(b);
	}
}

/* Four levels: the largest and the smallest, alone and together. */
static void test_far_apart(void **state)
{
	const uint32_t size = (1u << 18) + 1;
	struct bitmap *b = open_bitmap(size);

	(void)state;
	assert_int_equal(b->levels, 4);
	assert_int_equal(bitmap_take(b), BITMAP_NONE);
	bitmap_put(b, size - 1);
	bitmap_put(b, 0);
	assert_int_equal(bitmap_take(b), 0);
	assert_int_equal(bitmap_take(b), size - 1);
	assert_int_equal(bitmap_take(b), BITMAP_NONE);
	test_free(b);
}

/*
 * Some of a word at a time, however they lie. Was seen to fail with a mask that begins at the word
 * instead of its first member, and with a count that is left as it was.
 */
static void test_some(void **state)
{
	const uint32_t size = 4097;
	struct bitmap *b = open_bitmap(size);
	bool in[4097] = { false };
	uint64_t random = 3, mask = 0;

	(void)state;
	assert_int_equal(bitmap_take_some(b, 64, &mask), BITMAP_NONE);
	for (unsigned round = 0; round < 300; round++) {
		uint32_t most = 1 + (uint32_t)random_below(&random, 64), first, n = 0;

		for (unsigned i = 0; i < 20; i++) {
			uint32_t at = (uint32_t)random_below(&random, size);

			if (!in[at])
				bitmap_put(b, at);
			in[at] = true;
		}
		first = bitmap_take_some(b, most, &mask);
		assert_true(mask & 1);
		for (; mask; mask &= mask - 1, n++) {
			uint32_t at = first + (uint32_t)__builtin_ctzll(mask);

			assert_true(at < size && in[at] && at / 64 == first / 64);
			in[at] = false;
		}
		assert_in_range(n, 1, most);
		check_all(b, in, size);
	}
	test_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_an_array),
		cmocka_unit_test(test_far_apart),
		cmocka_unit_test(test_some),
	};

	return cmocka_run_group_tests_name("bitmap", tests, NULL, NULL);
}
