/* SPDX-License-Identifier: BSD-3-Clause */
/* ranges: against one bit per page, and a guest of 64 TiB in one entry. */
#include "component.h"

#include "core/ranges.h"

#define RANGES 64 /* of the small guest */
#define PAGES (RANGES * TIDAL_RANGE_PAGES)
#define LIMIT 200

struct model {
	bool here[PAGES];
	bool touched[RANGES];
	bool has[RANGES]; /* an extent covers it */
	uint64_t epoch[RANGES];
};

static struct ranges *open_ranges(uint32_t limit)
{
	struct ranges *r;

	COMPONENT_OPEN(struct ranges, &r, ranges_init, limit);
	return r;
}

static void add(struct ranges *r, struct model *m, const struct extent *x)
{
	ranges_add(r, x);
	for (uint64_t i = x->first; i < x->first + (UINT64_C(1) << x->order); i++) {
		m->has[i] = true;
		m->touched[i] = false;
		m->epoch[i] = x->epoch;
		memset(&m->here[i * TIDAL_RANGE_PAGES], true, TIDAL_RANGE_PAGES);
	}
}

static void check_page(const struct ranges *r, const struct model *m, tidal_gfn gfn)
{
	uint64_t range = gfn / TIDAL_RANGE_PAGES, epoch;
	bool untouched;

	assert_int_equal(ranges_has(r, gfn, &epoch, &untouched), m->has[range] && m->here[gfn]);
	if (!m->has[range] || !m->here[gfn])
		return;
	assert_int_equal(epoch, m->epoch[range]);
	assert_int_equal(untouched, !m->touched[range]);
}

static void cut(struct ranges *r, struct model *m, tidal_gfn gfn, uint32_t order, uint64_t epoch)
{
	uint64_t range = gfn / TIDAL_RANGE_PAGES;
	struct extent x;

	assert_int_equal(ranges_cut(r, gfn, order, &x), m->has[range] && !m->touched[range]);
	if (!m->has[range] || m->touched[range])
		return;
	assert_true(x.order <= order);
	assert_int_equal(x.first, range >> x.order << x.order);
	assert_int_equal(x.epoch, m->epoch[range]);
	for (uint64_t i = x.first; i < x.first + (UINT64_C(1) << x.order); i++) {
		assert_true(m->has[i] && !m->touched[i] && m->epoch[i] == x.epoch);
		m->has[i] = false;
	}
	if (epoch % 3 == 0) { /* it comes back, younger */
		x.epoch = epoch;
		add(r, m, &x);
	}
}

static void step(struct ranges *r, struct model *m, uint64_t *random, uint64_t n)
{
	tidal_gfn gfn = random_below(random, PAGES);
	uint64_t range = gfn / TIDAL_RANGE_PAGES;

	assert_true(ranges_room(r, 0));
	switch (random_below(random, 4)) {
	case 0:
		ranges_touch(r, gfn);
		m->touched[range] |= m->has[range];
		break;
	case 1:
		if (m->has[range] && !m->touched[range])
			break;
		if (m->has[range] && m->here[gfn])
			break;
		if (!ranges_gain(r, gfn, 9 + n / 100))
			break;
		if (!m->has[range])
			memset(&m->here[range * TIDAL_RANGE_PAGES], false, TIDAL_RANGE_PAGES);
		if (!m->has[range] || 9 + n / 100 > m->epoch[range])
			m->epoch[range] = 9 + n / 100;
		m->has[range] = m->touched[range] = m->here[gfn] = true;
		break;
	case 2:
		if (!m->has[range] || !m->touched[range] || !ranges_may_lose(r, gfn))
			break;
		ranges_lose(r, gfn);
		m->here[gfn] = false;
		break;
	default:
		if (random_below(random, 10) == 0)
			cut(r, m, gfn, (uint32_t)random_below(random, 7), n);
		break;
	}
	check_page(r, m, gfn);
}

static void test_against_a_bitmap(void **state)
{
	struct model *m = test_calloc(1, sizeof(*m));

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct ranges *r = open_ranges(LIMIT);
		uint64_t random = seed << 32;

		memset(m, 0, sizeof(*m));
		add(r, m, &(struct extent){ 0, 5, 9 });
		add(r, m, &(struct extent){ 32, 4, 9 });
		add(r, m, &(struct extent){ 48, 0, 9 });
		for (uint64_t n = 0; n < 5000; n++)
			step(r, m, &random, n);
		for (tidal_gfn gfn = 0; gfn < PAGES; gfn++)
			check_page(r, m, gfn);
		test_free(r);
	}
	test_free(m);
}

/* A range of which every page has gone is gone, and its mask serves another one. */
static void test_nothing_left(void **state)
{
	struct ranges *r = open_ranges(4);
	uint64_t epoch;
	bool untouched;

	(void)state;
	for (uint64_t range = 0; range < 20; range++) {
		tidal_gfn first = range * TIDAL_RANGE_PAGES;

		assert_true(ranges_gain(r, first + 3, 5));
		assert_true(ranges_gain(r, first + 500, 7));
		assert_true(ranges_has(r, first + 3, &epoch, &untouched));
		assert_int_equal(epoch, 7);
		assert_false(untouched);
		assert_false(ranges_has(r, first + 4, &epoch, &untouched));
		ranges_lose(r, first + 500);
		assert_int_equal(r->table.used, 1);
		ranges_lose(r, first + 3);
		assert_int_equal(r->table.used, 0);
	}
	for (uint64_t range = 0; range < 6; range++)
		assert_int_equal(ranges_gain(r, range * TIDAL_RANGE_PAGES, 1), range < 4);
	test_free(r);
}

/* Masks run out: ranges_may_lose() says so, and only for ranges that have none yet. */
static void test_masks_run_out(void **state)
{
	struct ranges *r = open_ranges(4); /* four masks */
	tidal_gfn gfn;

	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		ranges_add(r, &(struct extent){ i * 2, 0, 0 });
	for (uint64_t i = 0; i < 6; i++) {
		gfn = i * 2 * TIDAL_RANGE_PAGES;
		ranges_touch(r, gfn);
		assert_int_equal(ranges_may_lose(r, gfn), i < 4);
		if (i < 4)
			ranges_lose(r, gfn + 1);
	}
	assert_true(ranges_may_lose(r, 0));
	assert_true(ranges_may_lose(r, UINT64_C(1000) * TIDAL_RANGE_PAGES)); /* none of ours */
	test_free(r);
}

/*
 * Every range that there may be can note pages that went: without a mask each would take an entry in
 * the page table for good. Broken in ranges_init(): a mask for one in sixteen.
 */
static void test_a_mask_for_every_range(void **state)
{
	struct ranges *r = open_ranges(256);

	(void)state;
	for (uint64_t i = 0; i < 256; i++) {
		tidal_gfn gfn = i * TIDAL_RANGE_PAGES + 7 + i;

		assert_true(ranges_add(r, &(struct extent){ i, 0, 0 }));
		ranges_touch(r, gfn);
		assert_true(ranges_may_lose(r, gfn));
		ranges_lose(r, gfn);
	}
	test_free(r);
}

/* 64 TiB in one entry; one page touched costs as many entries as the tree is deep. */
static void test_largest_guest(void **state)
{
	static const tidal_gfn gfns[] = { 0, 1, 12345678901, (UINT64_C(1) << TIDAL_GFN_BITS) - 1 };
	struct ranges *r = open_ranges(64);
	struct extent x;
	uint64_t epoch;
	bool untouched;

	(void)state;
	ranges_add(r, &(struct extent){ 0, TIDAL_ORDER_MAX, 77 });
	assert_int_equal(r->table.used, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(ranges_has(r, gfns[i], &epoch, &untouched));
		assert_true(untouched);
		assert_int_equal(epoch, 77);
	}
	assert_true(ranges_room(r, 0));
	ranges_touch(r, gfns[2]);
	assert_true(r->table.used <= RANGES_SPLIT);
	assert_true(ranges_has(r, gfns[2], &epoch, &untouched) && !untouched);
	assert_true(ranges_has(r, gfns[2] ^ TIDAL_RANGE_PAGES, &epoch, &untouched) && untouched);
	ranges_lose(r, gfns[2]);
	assert_false(ranges_has(r, gfns[2], &epoch, &untouched));
	assert_true(ranges_has(r, gfns[2] ^ 1, &epoch, &untouched));
	assert_true(ranges_cut(r, gfns[3], 9, &x));
	assert_int_equal(x.order, 9);
	assert_int_equal(x.first + 512, UINT64_C(1) << TIDAL_ORDER_MAX);
	assert_false(ranges_has(r, gfns[3], &epoch, &untouched));
	test_free(r);
}

/* What can't be is refused, and changes nothing. Broken: each condition of ranges_add(). */
static void test_refusals(void **state)
{
	struct ranges *r = open_ranges(2);
	const struct extent two = { 2, 1, 0 };
	const tidal_gfn elsewhere = 9 * TIDAL_RANGE_PAGES, here = 2 * TIDAL_RANGE_PAGES;

	(void)state;
	assert_true(ranges_add(r, &two));
	assert_false(ranges_add(r, &(struct extent){ 2, 2, 0 })); /* its first is here */
	assert_false(ranges_add(r, &(struct extent){ 0, 2, 0 })); /* its last is here */
	ranges_lose(r, elsewhere);
	assert_false(ranges_gain(r, here, 5)); /* it is here, with its range */
	assert_int_equal(r->table.used, 1);
	assert_true(ranges_add(r, &(struct extent){ 0, 0, 0 }));
	while (table_room(&r->table, 1))
		assert_true(ranges_add(r, &(struct extent){ 8 + r->table.used, 0, 0 }));
	assert_false(ranges_add(r, &(struct extent){ 100, 0, 0 }));
	test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_bitmap),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_masks_run_out),
		cmocka_unit_test(test_a_mask_for_every_range),
		cmocka_unit_test(test_largest_guest),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
