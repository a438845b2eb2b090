/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of frequently updated pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/policy.h"

static void stall(struct hot *h, tidal_gfn gfn, unsigned times)
{
	while (times--)
		hot_write_stall(h, gfn);
}

static void test_hot_after_some_write_stalls(void **state)
{
	struct hot h = { 0 };

	(void)state;
	assert_int_equal(hot_is(&h, 0), 0); /* page 0 is a page like others */
	assert_int_equal(hot_count(&h, 0), 0);
	stall(&h, 5, HOT_MIN - 1);
	assert_int_equal(hot_is(&h, 5), 0);
	stall(&h, 5, 1);
	assert_int_equal(hot_is(&h, 5), 1);
	assert_int_equal(hot_count(&h, 5), HOT_MIN);
	assert_int_equal(hot_is(&h, 6), 0);
}

/* The weakest entry is worn down by stalls of absent pages, and replaced at zero. */
static void test_weakest_is_replaced(void **state)
{
	struct hot h = { 0 };

	(void)state;
	for (tidal_gfn g = 0; g < HOT_PAGES; g++)
		stall(&h, 100 + g, g == 10 ? 3 : 9);
	stall(&h, 999, 2);
	assert_int_equal(hot_count(&h, 110), 1);
	assert_int_equal(hot_count(&h, 999), 0);
	stall(&h, 999, 1);
	assert_int_equal(hot_count(&h, 110), 0);
	assert_int_equal(hot_count(&h, 999), 1);
	stall(&h, 999, HOT_MIN - 1);
	assert_int_equal(hot_is(&h, 999), 1);
	for (tidal_gfn g = 0; g < HOT_PAGES; g++)
		assert_int_equal(hot_count(&h, 100 + g), g == 10 ? 0 : 9);
}

/* Pages written once each, however many, don't drive out those that are written again and again. */
static void test_streams_leave_hot_pages(void **state)
{
	struct hot h = { 0 };

	(void)state;
	for (tidal_gfn g = 0; g < 10000; g++) {
		stall(&h, 1000000 + g, 1);
		stall(&h, g % 4, 1);
	}
	for (tidal_gfn g = 0; g < 4; g++)
		assert_int_equal(hot_is(&h, g), 1);
	for (tidal_gfn g = 0; g < 10000; g++)
		assert_int_equal(hot_is(&h, 1000000 + g), 0);
}

/* Fame fades by halves while other pages stall. */
static void test_old_fame_fades(void **state)
{
	struct hot h = { 0 };
	tidal_gfn other = 1000;

	(void)state;
	stall(&h, 7, 100);
	stall(&h, 8, 1);
	for (unsigned n = 101; n < HOT_DECAY; n++)
		hot_write_stall(&h, other + n % 16);
	assert_int_equal(hot_count(&h, 7), 50);
	assert_int_equal(hot_count(&h, 8), 0); /* half of one is nothing */
	for (unsigned n = 0; n < 3 * HOT_DECAY; n++)
		hot_write_stall(&h, other + n % 16);
	assert_int_equal(hot_count(&h, 7), 6);
	assert_int_equal(hot_is(&h, 7), 0);
	for (unsigned n = 0; n < 3 * HOT_DECAY; n++)
		hot_write_stall(&h, other + n % 16);
	assert_int_equal(hot_count(&h, 7), 0);
	assert_int_equal(h.used, 16);
}

/* What survives the first halving, and as what. Broken in decay(): the bound. */
static void test_what_halving_leaves(void **state)
{
	struct hot h = { 0 };

	(void)state;
	stall(&h, 1, 1);
	stall(&h, 2, 2);
	stall(&h, 3, 3);
	stall(&h, 4, 4);
	stall(&h, 5, HOT_DECAY - 10);
	assert_int_equal(h.used, 4);
	assert_int_equal(hot_count(&h, 1), 0);
	assert_int_equal(hot_count(&h, 2), 1);
	assert_int_equal(hot_count(&h, 3), 1);
	assert_int_equal(hot_count(&h, 4), 2);
	assert_int_equal(hot_count(&h, 5), (HOT_DECAY - 10) / 2);
	assert_int_equal(h.since, 0);
}

/* Of two that are equally weak the one further down is worn. Broken in find_weakest(): the comparison. */
static void test_which_of_the_weak(void **state)
{
	struct hot h = { 0 };

	(void)state;
	for (tidal_gfn g = 0; g < HOT_PAGES; g++)
		stall(&h, 100 + g, g == 10 || g == 20 ? 1 : 3);
	stall(&h, 999, 1);
	assert_int_equal(hot_count(&h, 110), 1);
	assert_int_equal(hot_count(&h, 120), 0);
	assert_int_equal(hot_count(&h, 999), 1);
	assert_int_equal(h.used, HOT_PAGES);
}

/* Equal histories give equal bytes: no padding, and nothing left behind in free entries. */
static void test_bytes_are_the_state(void **state)
{
	struct hot h = { 0 };

	(void)state;
	assert_int_equal(sizeof(h), HOT_PAGES * (sizeof(tidal_gfn) + sizeof(uint32_t) + 1) + 8);
	for (tidal_gfn g = 0; g < HOT_PAGES; g++)
		stall(&h, g, 1);
	stall(&h, 3, HOT_DECAY - HOT_PAGES);
	assert_int_equal(h.used, 1);
	h.count[0] = h.used = 0;
	h.gfn[0] = 0;
	h.tag[0] = 0;
	assert_memory_equal(&h, &(struct hot){ 0 }, sizeof(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot_after_some_write_stalls),
		cmocka_unit_test(test_weakest_is_replaced),
		cmocka_unit_test(test_streams_leave_hot_pages),
		cmocka_unit_test(test_old_fame_fades),
		cmocka_unit_test(test_what_halving_leaves),
		cmocka_unit_test(test_which_of_the_weak),
		cmocka_unit_test(test_bytes_are_the_state),
	};

	return cmocka_run_group_tests_name("hot", tests, NULL, NULL);
}
