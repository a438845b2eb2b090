/* SPDX-License-Identifier: BSD-3-Clause */
/* owners: the newest epoch wins, homes are spread evenly; and epochs go round. */
#include "component.h"

#include "core/owners.h"

#define PAGES 40

static struct owners *open_owners(uint32_t homes, uint32_t hints, uint16_t nodes)
{
	const struct owners_config config = { homes, hints, nodes, 0 };
	struct owners *o;

	COMPONENT_OPEN(struct owners, &o, owners_init, &config);
	return o;
}

static struct whereabouts at(tidal_nodeid node, uint64_t epoch)
{
	return (struct whereabouts){ node, epoch & EPOCH_MASK };
}

static void test_epochs_go_round(void **state)
{
	uint64_t half = UINT64_C(1) << (EPOCH_BITS - 1), random = 1;

	(void)state;
	assert_int_equal(epoch_next(EPOCH_MASK), 0);
	assert_true(epoch_newer(0, EPOCH_MASK));
	assert_false(epoch_newer(EPOCH_MASK, 0));
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t e = random_below(&random, EPOCH_MASK), n = 1 + random_below(&random, half - 1);

		assert_false(epoch_newer(e, e));
		assert_true(epoch_newer((e + n) & EPOCH_MASK, e));
		assert_false(epoch_newer(e, (e + n) & EPOCH_MASK));
	}
}

/* News of a page come in any order, while its epoch passes zero. */
static void test_newest_record_wins(void **state)
{
	struct owners *o = open_owners(PAGES, 4, 7);
	uint64_t best[PAGES], random = 1;
	tidal_nodeid owner[PAGES];

	(void)state;
	memset(owner, 0xff, sizeof(owner));
	for (unsigned i = 0; i < 50000; i++) {
		tidal_gfn gfn = random_below(&random, PAGES);
		struct whereabouts w = at((tidal_nodeid)random_below(&random, 7),
					  EPOCH_MASK - 30000 + i - random_below(&random, 500));

		assert_true(owners_note_page(o, gfn, w));
		if (owner[gfn] == TIDAL_NODE_NONE || epoch_newer(w.epoch, best[gfn])) {
			owner[gfn] = w.node;
			best[gfn] = w.epoch;
		}
		assert_int_equal(owners_recorded(o, gfn).node, owner[gfn]);
		assert_int_equal(owners_recorded(o, gfn).epoch, best[gfn]);
	}
	test_free(o);
}

/* A page's own record and those of extents of any size around it: the newest. */
static void test_newest_extent_wins(void **state)
{
	struct owners *o = open_owners(100, 4, 7);
	tidal_gfn gfn = UINT64_C(777) * TIDAL_RANGE_PAGES + 5;

	(void)state;
	assert_int_equal(owners_recorded(o, gfn).node, TIDAL_NODE_NONE);
	assert_true(owners_note_extent(o, 0, TIDAL_ORDER_MAX, at(1, 10)));
	assert_int_equal(owners_recorded(o, gfn).node, 1);
	assert_true(owners_note_extent(o, 768, 8, at(2, 12)));
	assert_int_equal(owners_recorded(o, gfn).node, 2);
	assert_int_equal(owners_recorded(o, gfn + UINT64_C(256) * TIDAL_RANGE_PAGES).node, 1);
	assert_true(owners_note_page(o, gfn, at(3, 11)));
	assert_int_equal(owners_recorded(o, gfn).node, 2);
	assert_true(owners_note_page(o, gfn, at(4, 13)));
	assert_int_equal(owners_recorded(o, gfn).node, 4);
	assert_int_equal(owners_recorded(o, gfn + 1).node, 2);
	test_free(o);
}

static void test_full_home_counts(void **state)
{
	struct owners *o = open_owners(4, 4, 2);

	(void)state;
	for (tidal_gfn gfn = 0; gfn < 4; gfn++)
		assert_true(owners_note_page(o, gfn, at(1, 1)));
	assert_false(owners_note_page(o, 4, at(1, 1)));
	assert_int_equal(o->overflow, 1);
	assert_true(owners_note_page(o, 3, at(0, 2))); /* what is known can be brought up to date */
	assert_int_equal(owners_recorded(o, 3).node, 0);
	test_free(o);
}

/* Hints are forgotten, but what a hint says was once said of that page. */
static void test_hints_are_not_mixed_up(void **state)
{
	struct owners *o = open_owners(4, 16, 7);
	uint64_t random = 1;
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		tidal_gfn gfn = random_below(&random, 100);
		struct whereabouts w;

		owners_hint_page(o, gfn, at((tidal_nodeid)(gfn % 7), i));
		gfn = random_below(&random, 100);
		w = owners_hinted(o, gfn);
		if (w.node == TIDAL_NODE_NONE)
			continue;
		assert_int_equal(w.node, gfn % 7);
		hits++;
	}
	assert_true(hits > 1000);
	test_free(o);
}

static void test_newest_hint_wins(void **state)
{
	struct owners *o = open_owners(4, 16, 7);
	tidal_gfn gfn = UINT64_C(3) * TIDAL_RANGE_PAGES;

	(void)state;
	owners_hint_page(o, gfn, at(1, 5));
	owners_hint_page(o, gfn, at(2, 4));
	assert_int_equal(owners_hinted(o, gfn).node, 1);
	owners_hint_extent(o, 3, 0, at(3, 6));
	assert_int_equal(owners_hinted(o, gfn).node, 3);
	assert_int_equal(owners_hinted(o, gfn + 1).node, 3);
	owners_hint_extent(o, 0, 9, at(4, 7)); /* a GiB */
	assert_int_equal(owners_hinted(o, gfn + 1).node, 4);
	owners_hint_page(o, gfn, at(5, 8));
	assert_int_equal(owners_hinted(o, gfn).node, 5);
	test_free(o);
}

/* A large extent is known by its GiB, any other by its first range. Broken in owners_hint_extent(). */
static void test_hints_of_extents(void **state)
{
	static const struct { uint64_t first; uint32_t order; uint64_t asked; bool known; } cases[] = {
		{ 512, 9, 512, true },   { 512, 9, 1023, true },  { 512, 9, 511, false },
		{ 512, 9, 1024, false }, { 1024, 10, 1024, true }, { 1024, 10, 1535, true },
		{ 1024, 10, 1536, false }, { 256, 8, 256, true }, { 256, 8, 257, false },
		{ 7, 0, 7, true }, { 7, 0, 6, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owners *o = open_owners(4, 4096, 7);
		struct whereabouts w;

		owners_hint_extent(o, cases[i].first, cases[i].order, at(3, 5));
		w = owners_hinted(o, cases[i].asked * TIDAL_RANGE_PAGES + 9);
		assert_int_equal(w.node, cases[i].known ? 3 : TIDAL_NODE_NONE);
		assert_int_equal(w.epoch, cases[i].known ? 5 : 0);
		test_free(o);
	}
}

/* News of the first epoch is news, where nothing was known. */
static void test_first_epoch_is_news(void **state)
{
	struct owners *o = open_owners(4, 16, 7);

	(void)state;
	owners_hint_extent(o, 3, 0, at(3, 0));
	assert_int_equal(owners_hinted(o, UINT64_C(3) * TIDAL_RANGE_PAGES).node, 3);
	owners_hint_page(o, UINT64_C(4) * TIDAL_RANGE_PAGES, at(2, 0));
	assert_int_equal(owners_hinted(o, UINT64_C(4) * TIDAL_RANGE_PAGES).node, 2);
	assert_true(owners_note_extent(o, 5, 0, at(4, 0)));
	assert_int_equal(owners_recorded(o, UINT64_C(5) * TIDAL_RANGE_PAGES).node, 4);
	test_free(o);
}

/* All pages of a range have one home; each node is home of its share within a tenth. */
static void test_homes_are_spread(void **state)
{
	static const uint16_t sizes[] = { 1, 2, 3, 7, 16 };

	(void)state;
	for (unsigned s = 0; s < 5; s++) {
		struct owners *o = open_owners(4, 4, sizes[s]);
		uint32_t share[16] = { 0 }, ranges = 2000u * sizes[s];

		for (uint64_t r = 0; r < ranges; r++) {
			tidal_gfn first = r * TIDAL_RANGE_PAGES;
			tidal_nodeid home = owners_home(o, first);

			assert_int_equal(owners_home(o, first + TIDAL_RANGE_PAGES - 1), home);
			assert_true(home < sizes[s]);
			share[home]++;
		}
		for (unsigned n = 0; n < sizes[s]; n++)
			assert_in_range(share[n], 1800, 2200);
		test_free(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epochs_go_round),
		cmocka_unit_test(test_newest_record_wins),
		cmocka_unit_test(test_newest_extent_wins),
		cmocka_unit_test(test_full_home_counts),
		cmocka_unit_test(test_hints_are_not_mixed_up),
		cmocka_unit_test(test_newest_hint_wins),
		cmocka_unit_test(test_hints_of_extents),
		cmocka_unit_test(test_first_epoch_is_news),
		cmocka_unit_test(test_homes_are_spread),
	};

	return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
