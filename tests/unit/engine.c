/* SPDX-License-Identifier: BSD-3-Clause */
/* engine: components side by side agree about a page; and a page that comes along with another. */
#include "one-core.h"

static void open_engine(struct one_core *o, struct engine *e)
{
	one_open(o, 0);
	one_run(o);
	core_engine(o->core, o->now, e);
}

static bool has_range(const struct engine *e, tidal_gfn gfn, bool *untouched)
{
	uint64_t epoch;

	return ranges_has(e->ranges, gfn, &epoch, untouched);
}

/* Untouched dormant memory has no entries, and looks like pages of zeroes. */
static void test_dormant_without_an_entry(void **state)
{
	struct one_core o;
	struct engine e;
	struct page page;

	(void)state;
	open_engine(&o, &e);
	engine_page(&e, 7, &page);
	assert_int_equal(page.state, TIDAL_PAGE_DORMANT);
	assert_int_equal(page.frame, TIDAL_FRAME_NONE);
	assert_int_equal(page.map, UNMAPPED);
	assert_int_equal(e.pages->table.used, 0);
	assert_true(engine_page_room(&e, &page));
	one_close(&o);
}

/* The first entry of a range makes it touched; its other pages stay dormant. */
static void test_store_touches_the_range(void **state)
{
	struct one_core o;
	struct engine e;
	struct page page;
	bool untouched;

	(void)state;
	open_engine(&o, &e);
	assert_true(has_range(&e, 8, &untouched) && untouched);
	engine_page(&e, 7, &page);
	page.state = TIDAL_PAGE_EXCLUSIVE;
	page.frame = 3;
	engine_store(&e, &page);
	assert_true(has_range(&e, 8, &untouched) && !untouched);
	engine_page(&e, 7, &page);
	assert_int_equal(page.state, TIDAL_PAGE_EXCLUSIVE);
	engine_page(&e, 8, &page);
	assert_int_equal(page.state, TIDAL_PAGE_DORMANT);
	one_close(&o);
}

/* A page that has left is not dormant again, and its neighbours still are. */
static void test_forgotten_pages_are_gone(void **state)
{
	struct one_core o;
	struct engine e;
	struct page page;

	(void)state;
	open_engine(&o, &e);
	engine_forget(&e, 7);
	engine_page(&e, 7, &page);
	assert_int_equal(page.state, TIDAL_PAGE_INVALID);
	engine_page(&e, 6, &page);
	assert_int_equal(page.state, TIDAL_PAGE_DORMANT);
	one_close(&o);
}

/* Without a mask for its range, an entry says that the page is gone. */
static void test_gone_without_a_mask(void **state)
{
	struct one_core o;
	struct engine e;
	struct page page;

	(void)state;
	open_engine(&o, &e);
	e.ranges->masks_used = e.ranges->masks_size;
	engine_forget(&e, 7);
	engine_page(&e, 7, &page);
	assert_int_equal(page.state, TIDAL_PAGE_INVALID);
	assert_int_equal(e.pages->table.used, 1);
	engine_page(&e, 6, &page);
	assert_int_equal(page.state, TIDAL_PAGE_DORMANT);
	one_close(&o);
}

static void test_freed_frames_come_back(void **state)
{
	struct one_core o;
	struct engine e;
	uint32_t zeroed, all;
	tidal_frame a, b;

	(void)state;
	open_engine(&o, &e);
	zeroed = e.frames->zeroed.count;
	all = frames_free(e.frames);
	a = frames_take_zeroed(e.frames);
	b = frames_take_zeroed(e.frames);
	engine_free(&e, TIDAL_FRAME_NONE, true); /* nothing is nothing */
	assert_int_equal(frames_free(e.frames), all - 2);
	engine_free(&e, a, true);
	engine_free(&e, b, false);
	assert_int_equal(e.frames->zeroed.count, zeroed - 1);
	assert_int_equal(frames_free(e.frames), all);
	assert_int_equal(engine_free_share(&e), all * 256 / 64);
	one_close(&o);
}

static void test_who_waits(void **state)
{
	struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, 9, TIDAL_WRITE);
	struct one_core o;
	struct engine e;

	(void)state;
	open_engine(&o, &e);
	assert_false(engine_waiting(&e, 9));
	assert_int_equal(one_push(&o, &ev), 0);
	assert_true(engine_waiting(&e, 9));
	assert_false(engine_waiting(&e, 8));
	one_settle(&o);
	assert_false(engine_waiting(&e, 9));
	ev = one_command(TIDAL_CMD_PIN, 9);
	assert_int_equal(engine_pinned(&e, 9), 0);
	assert_int_equal(one_push(&o, &ev), 0);
	assert_int_equal(one_push(&o, &ev), 0);
	one_settle(&o);
	assert_int_equal(engine_pinned(&e, 9), 2);
	assert_int_equal(engine_pinned(&e, 8), 0);
	one_close(&o);
}

static void test_random_numbers(void **state)
{
	unsigned seen[10] = { 0 };
	struct one_core o;
	struct engine e;

	(void)state;
	open_engine(&o, &e);
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t n = engine_random(&e, 10);

		assert_true(n < 10);
		seen[n]++;
	}
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(seen[i], 800, 1200);
	assert_int_equal(engine_random(&e, 1), 0);
	one_close(&o);
}

/* ---- answers ---- */

/* All memory is on node 1, and VMM threads here want pages 5 and 6: requests 1 and 2. */
static void open_asking(struct one_core *o)
{
	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->map.memory[0].node = 1;
	one_start(o);
	one_peer(o);
	one_run(o);
	for (tidal_gfn gfn = 5; gfn <= 6; gfn++) {
		struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, gfn, TIDAL_WRITE);

		assert_int_equal(one_push(o, &ev), 0);
		one_pull(o);
	}
}

/* Only the answer to the request that is out counts. */
static void test_answers_to_other_requests(void **state)
{
	struct wire m = { .kind = MSG_OWN,
			  .u.own = { .gfn = 5, .epoch = 1, .id = 2, .flags = WIRE_IS_ZERO } };
	struct tidal_page_info info;
	struct one_core o;

	(void)state;
	open_asking(&o);
	one_say(&o, &m); /* the other page's */
	assert_int_equal(tidal_core_page(o.core, 5, &info), 0);
	assert_int_equal(info.transient, SIT_ASK);
	m.u.own.id = 1;
	one_say(&o, &m);
	assert_int_equal(tidal_core_page(o.core, 5, &info), 0);
	assert_int_not_equal(info.state, TIDAL_PAGE_INVALID);
	one_close(&o);
}

/*
 * Two pages of a range are asked for; the answer for the first is the whole range, so the second
 * request finds nobody. The second page is here meanwhile, and its stall ends all the same.
 */
static void test_page_that_comes_along(void **state)
{
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct wire extent = { .kind = MSG_EXTENT,
			       .u.extent = { .gfn = 5, .epoch = 1, .id = 1 } };
	const struct wire refuse = { .kind = MSG_REFUSE,
				     .u.refuse = { .gfn = 6, .id = 2, .owner = TIDAL_NODE_NONE } };
	struct tidal_page_info info;
	struct one_core o;

	(void)state;
	open_asking(&o);
	one_say(&o, &extent);
	one_settle(&o);
	one_check(&o);
	one_say(&o, &refuse);
	o.now = tidal_core_deadline(o.core);
	for (unsigned i = 0; i < 10 && o.core->vmm.used; i++) {
		assert_int_equal(one_push(&o, &tick), 0);
		one_settle(&o);
		one_check(&o);
		o.now += 100000;
	}
	assert_int_equal(o.core->vmm.used, 0);
	assert_int_equal(tidal_core_page(o.core, 6, &info), 0);
	assert_int_equal(info.state, TIDAL_PAGE_EXCLUSIVE);
	one_close(&o);
}

/* Owners that this node should remember as their home, and has no room for. */
static void test_full_homes_are_counted(void **state)
{
	struct wire m = { .kind = MSG_OWNER,
			  .u.owner = { .epoch = 1, .owner = 2, .order = WIRE_ORDER_PAGE } };
	struct tidal_stats stats;
	struct one_core o;

	(void)state;
	one_open(&o, 0);
	one_run(&o);
	for (; m.u.owner.gfn < o.params.homes + 3; m.u.owner.gfn++)
		one_say(&o, &m);
	tidal_core_stats(o.core, &stats, sizeof(stats));
	assert_int_equal(stats.homes_full, 3);
	/* a caller that doesn't know it yet */
	stats.homes_full = 77;
	tidal_core_stats(o.core, &stats, offsetof(struct tidal_stats, homes_full));
	assert_int_equal(stats.homes_full, 77);
	assert_int_equal(stats.vcpus_here, ONE_VCPUS);
	one_close(&o);
}

/* The same without room to split its range; and a page that isn't here needs none. */
static void test_gone_without_room(void **state)
{
	struct one_core o;
	struct engine e;
	struct page page;

	(void)state;
	open_engine(&o, &e);
	engine_forget(&e, 520); /* its range, the second, is touched; the first is not */
	engine_page(&e, 520, &page);
	assert_int_equal(page.state, TIDAL_PAGE_INVALID);
	e.ranges->table.limit = e.ranges->table.used;
	assert_true(engine_page_room(&e, &page));
	engine_page(&e, 7, &page);
	assert_false(engine_page_room(&e, &page));
	engine_page(&e, 520, &page);
	pages_put(e.pages, &page);
	e.pages->table.limit = e.pages->table.used; /* an entry that is there needs no more room */
	assert_true(engine_page_room(&e, &page));
	pages_del(e.pages, 520);
	e.pages->table.limit = e.pages->table.size;
	engine_page(&e, 7, &page);
	engine_forget(&e, 7);
	engine_page(&e, 7, &page);
	assert_int_equal(page.state, TIDAL_PAGE_INVALID);
	assert_int_equal(e.pages->table.used, 1);
	one_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dormant_without_an_entry),
		cmocka_unit_test(test_store_touches_the_range),
		cmocka_unit_test(test_forgotten_pages_are_gone),
		cmocka_unit_test(test_gone_without_a_mask),
		cmocka_unit_test(test_gone_without_room),
		cmocka_unit_test(test_freed_frames_come_back),
		cmocka_unit_test(test_who_waits),
		cmocka_unit_test(test_random_numbers),
		cmocka_unit_test(test_answers_to_other_requests),
		cmocka_unit_test(test_page_that_comes_along),
		cmocka_unit_test(test_full_homes_are_counted),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
