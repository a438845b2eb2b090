/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash of a host's memory map, against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backends/common/map.h"

#define PAGES 2000u

/* Gfns that are dense, far apart, and a multiple of any table's size apart. */
static tidal_gfn gfn_of(unsigned i)
{
	switch (i % 3) {
	case 0:
		return i;
	case 1:
		return (tidal_gfn)i << 24;
	default:
		return ((tidal_gfn)1 << 33) + i * 4096u;
	}
}

static void expect_same(const struct host_map *map, const uint32_t frames[PAGES])
{
	uint32_t used = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		const struct host_page *page = host_map_find(map, gfn_of(i));

		assert_int_equal(page != NULL, frames[i] != 0);
		assert_int_equal(host_map_any(map, gfn_of(i), 1), frames[i] != 0);
		if (!page)
			continue;
		used++;
		assert_int_equal(page->frame, frames[i]);
		assert_int_equal(host_page_gfn(page), gfn_of(i));
		assert_int_equal(host_page_prot(page), frames[i] % 2 ? 1 : 3);
	}
	assert_int_equal(map->used, used);
}

static void test_random(void **state)
{
	static uint32_t frames[PAGES]; /* 0: not mapped */
	uint64_t seed = 88172645463325252u;
	struct host_map map;

	(void)state;
	assert_true(host_map_init(&map));
	for (uint32_t n = 1; n <= 60000; n++) {
		unsigned i;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		i = (unsigned)(seed % PAGES);
		/* waves: mostly adding, then mostly removing */
		if (!frames[i] && (n / 8000 % 2 == 0 || seed >> 60 == 0)) {
			assert_true(host_map_reserve(&map, 1));
			host_map_add(&map, gfn_of(i), n, n % 2 ? 1 : 3);
			frames[i] = n;
		} else if (frames[i] && (n / 8000 % 2 == 1 || seed >> 60 == 0)) {
			host_map_remove(&map, host_map_find(&map, gfn_of(i)));
			frames[i] = 0;
		}
		if (n % 4000 == 0)
			expect_same(&map, frames);
	}
	host_map_fini(&map);
}

static void test_ranges(void **state)
{
	struct host_map map;

	(void)state;
	assert_true(host_map_init(&map));
	assert_true(host_map_reserve(&map, 100000)); /* many at once */
	host_map_add(&map, 100, 1, 3);
	assert_false(host_map_any(&map, 0, 100));
	assert_true(host_map_any(&map, 0, 101));
	assert_true(host_map_any(&map, 100, 1));
	assert_false(host_map_any(&map, 101, 1000));
	host_map_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
