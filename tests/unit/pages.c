/* SPDX-License-Identifier: BSD-3-Clause */
/* pages: what is put in comes out, in 16 bytes. */
#include "component.h"

#include "core/pages.h"

#define FRAMES 64
#define NODES 6

static struct pages *open_pages(void)
{
	struct pages *p;

	COMPONENT_OPEN(struct pages, &p, pages_init, FRAMES, NODES, 2);
	return p;
}

static void check_equal(const struct page *a, const struct page *b)
{
	assert_int_equal(a->gfn, b->gfn);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->map, b->map);
	assert_int_equal(a->frame, b->frame);
	assert_int_equal(a->used, b->used);
	assert_int_equal(a->everywhere, b->everywhere);
	assert_int_equal(a->owner, b->owner);
	assert_int_equal(a->epoch, b->epoch);
}

static struct page random_page(uint64_t *random)
{
	static const tidal_gfn gfns[] = { 0, 1, (UINT64_C(1) << TIDAL_GFN_BITS) - 1 };
	static const tidal_frame frames[] = { 0, 1, (1u << 29) - 2, TIDAL_FRAME_NONE };
	uint64_t pick = random_below(random, 4);

	return (struct page){
		.gfn = pick < 3 ? gfns[pick] : random_below(random, UINT64_C(1) << TIDAL_GFN_BITS),
		.state = (uint32_t)random_below(random, 5),
		.map = (uint32_t)random_below(random, 3),
		.frame = random_below(random, 2) ? frames[random_below(random, 4)] :
						   (tidal_frame)random_below(random, 1u << 29),
		.used = random_below(random, 2),
		.everywhere = random_below(random, 2),
		.owner = (tidal_nodeid)random_below(random, TIDAL_NODES_MAX),
		.epoch = random_below(random, 2) ? EPOCH_MASK : random_below(random, EPOCH_MASK),
	};
}

static void test_every_field_survives(void **state)
{
	struct pages *p = open_pages();
	uint64_t random = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct page in = random_page(&random), out;

		if (in.frame == PAGE_NO_FRAME)
			continue; /* frames end before it */
		pages_put(p, &in);
		assert_true(pages_get(p, in.gfn, &out));
		check_equal(&in, &out);
		pages_del(p, in.gfn);
		assert_false(pages_get(p, in.gfn, &out));
	}
	test_free(p);
}

/* More entries than frames, for pages without one. */
static void test_there_is_room_for_all_frames(void **state)
{
	struct pages *p = open_pages();
	struct page page = { .state = TIDAL_PAGE_EXCLUSIVE };
	uint32_t left = UINT32_MAX, met = 0;

	(void)state;
	for (page.gfn = 0; page.gfn < FRAMES; page.gfn++) {
		page.frame = (tidal_frame)page.gfn;
		pages_put(p, &page);
	}
	assert_true(pages_room(p, 1));
	left = p->table.size;
	while (pages_sweep(p, &left, &page)) {
		assert_int_equal(page.frame, page.gfn);
		met++;
	}
	assert_int_equal(met, FRAMES);
	test_free(p);
}

/* The sweep goes on where it stopped, and looks at no more places than it may. */
static void test_sweep_is_bounded(void **state)
{
	struct pages *p = open_pages();
	struct page page = { .state = TIDAL_PAGE_EXCLUSIVE, .gfn = 5 };
	uint32_t met = 0;

	(void)state;
	pages_put(p, &page);
	for (uint32_t i = 0; i < p->table.size; i++) {
		uint32_t left = 1;

		met += pages_sweep(p, &left, &page);
		assert_int_equal(left, 0);
	}
	assert_int_equal(met, 1);
	test_free(p);
}

static void test_copysets(void **state)
{
	struct pages *p = open_pages();
	struct page page = { .state = TIDAL_PAGE_PRIMARY, .gfn = 5 };

	(void)state;
	assert_int_equal(pages_copies(p, &page), 0);
	pages_set_copies(p, &page, 1 << 3 | 1 << 4);
	pages_put(p, &page);
	assert_int_equal(pages_copies(p, &page), 1 << 3 | 1 << 4);
	pages_set_copies(p, &page, 0);
	assert_int_equal(pages_copies(p, &page), 0);
	pages_set_copies(p, &page, 1 << 3);
	pages_del(p, 5);
	assert_int_equal(pages_copies(p, &page), 0);
	assert_int_equal(p->copies.used, 0);
	test_free(p);
}

/* Without room for a copyset every other node may have a copy, and that is remembered. */
static void test_full_copyset_table_means_everywhere(void **state)
{
	struct pages *p = open_pages();
	struct page page = { .state = TIDAL_PAGE_PRIMARY }, back;

	(void)state;
	do {
		page.gfn++;
		pages_set_copies(p, &page, 1);
	} while (!page.everywhere);
	assert_int_equal(p->copies.used, p->copies.limit);
	pages_put(p, &page);
	assert_true(pages_get(p, page.gfn, &back));
	assert_int_equal(pages_copies(p, &back), copies_all(NODES) & ~(UINT64_C(1) << 2));
	pages_set_copies(p, &back, 0);
	assert_false(back.everywhere);
	test_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_survives),
		cmocka_unit_test(test_there_is_room_for_all_frames),
		cmocka_unit_test(test_sweep_is_bounded),
		cmocka_unit_test(test_copysets),
		cmocka_unit_test(test_full_copyset_table_means_everywhere),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
