/* SPDX-License-Identifier: BSD-3-Clause */
/* Regular topologies, and what is no topology. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/error.h>

#include "core/topology.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NODE TIDAL_TOPO_NODE
#define SOCKET TIDAL_TOPO_SOCKET
#define CORE TIDAL_TOPO_CORE
#define THREAD TIDAL_TOPO_THREAD

static void test_regular(void **state)
{
	static const struct tidal_topo_object want[] = {
		{ NODE, 0, 0 },
		{ SOCKET, 0, 0 },
		{ CORE, 1, 0 }, { THREAD, 2, 0 }, { THREAD, 2, 1 },
		{ SOCKET, 0, 1 },
		{ CORE, 5, 1 }, { THREAD, 6, 2 }, { THREAD, 6, 3 },
	};
	struct tidal_topo_object objects[COUNT(want)];
	struct tidal_topology t;
	const char *why;

	(void)state;
	assert_int_equal(tidal_topology_regular(&t, objects, COUNT(want), 2, 1, 2), 0);
	assert_ptr_equal(t.objects, objects);
	assert_int_equal(t.count, COUNT(want));
	assert_memory_equal(objects, want, sizeof(want));
	assert_int_equal(topology_check(&t, &why), 0);
}

static void test_regular_refuses(void **state)
{
	static const struct { size_t room; unsigned s, c, t; int err; } cases[] = {
		{ 1024, 0, 1, 1, TIDAL_EINVAL },
		{ 1024, 1, 0, 1, TIDAL_EINVAL },
		{ 1024, 1, 1, 0, TIDAL_EINVAL },
		{ 1024, 1, 1, 513, TIDAL_ERANGE },
		{ 1024, 2, 0x80000000u, 1, TIDAL_ERANGE }, /* 2^32 cores */
		{ 1024, 2, 1, 257, TIDAL_ERANGE }, /* 514 threads */
		{ 1024, 1, 1, 512, 0 },
		{ 1024, 1, 512, 1, TIDAL_ERANGE }, /* 1026 objects */
		{ 1024, 1, 511, 1, 0 },
		{ 1024, 65536, 65536, 1, TIDAL_ERANGE },
		{ 1024, UINT32_MAX, UINT32_MAX, UINT32_MAX, TIDAL_ERANGE },
		{ 8, 2, 1, 2, TIDAL_ENOMEM },
		{ 0, 1, 1, 1, TIDAL_ENOMEM },
	};
	struct tidal_topo_object objects[1024];
	struct tidal_topology t;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(tidal_topology_regular(&t, objects, cases[i].room, cases[i].s,
							cases[i].c, cases[i].t),
				 cases[i].err);
}

static void test_check(void **state)
{
	static const struct {
		struct tidal_topo_object objects[5];
		uint32_t count;
		int err;
		const char *says; /* a part of the text */
	} cases[] = {
		{ { { NODE, 0, 0 }, { THREAD, 0, 0 } }, 2, 0, "" },
		{ { { NODE, 0, 0 }, { CORE, 0, 0 }, { SOCKET, 0, 0 }, { THREAD, 1, 0 },
		    { THREAD, 2, 0 } }, 5, 0, "" },
		{ { { NODE, 0, 0 } }, 1, TIDAL_ERANGE, "2 .. 1024" },
		{ { { SOCKET, 0, 0 }, { THREAD, 0, 0 } }, 2, TIDAL_EINVAL, "object 0" },
		{ { { NODE, 1, 0 }, { THREAD, 0, 0 } }, 2, TIDAL_EINVAL, "object 0" },
		{ { { NODE, 0, 0 }, { CORE, 0, 0 } }, 2, TIDAL_ERANGE, "threads: 1 .. 512" },
		{ { { NODE, 0, 0 }, { THREAD, 1, 0 } }, 2, TIDAL_EINVAL, "before its parent" },
		{ { { NODE, 0, 0 }, { THREAD, 9, 0 } }, 2, TIDAL_EINVAL, "before its parent" },
		{ { { NODE, 0, 0 }, { 4, 0, 0 } }, 2, TIDAL_EINVAL, "unknown kind" },
		{ { { NODE, 0, 0 }, { NODE, 0, 0 }, { THREAD, 1, 0 } }, 3, TIDAL_EINVAL,
		  "kinds must go" },
		{ { { NODE, 0, 0 }, { THREAD, 0, 0 }, { THREAD, 1, 0 } }, 3, TIDAL_EINVAL,
		  "kinds must go" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tidal_topology t = { cases[i].objects, cases[i].count };
		const char *why = "";

		assert_int_equal(topology_check(&t, &why), cases[i].err);
		assert_int_equal(topology_check(&t, NULL), cases[i].err);
		assert_non_null(strstr(why, cases[i].says));
	}
}

static void test_check_sizes(void **state)
{
	struct tidal_topo_object objects[TIDAL_TOPO_MAX + 1] = { { NODE, 0, 0 } };
	struct tidal_topology t = { objects, 1 + TIDAL_HTHREADS_MAX };

	(void)state;
	for (size_t i = 1; i < COUNT(objects); i++)
		objects[i].kind = i < TIDAL_TOPO_MAX / 2 ? CORE : THREAD;
	t.count = TIDAL_TOPO_MAX / 2 + TIDAL_HTHREADS_MAX;
	assert_int_equal(topology_check(&t, NULL), 0);
	objects[1].kind = THREAD; /* one thread too many */
	assert_int_equal(topology_check(&t, NULL), TIDAL_ERANGE);
	objects[1].kind = objects[TIDAL_TOPO_MAX].kind = CORE;
	t.count = TIDAL_TOPO_MAX + 1;
	assert_int_equal(topology_check(&t, NULL), TIDAL_ERANGE);
	t.objects = NULL;
	t.count = 2;
	assert_int_equal(topology_check(&t, NULL), TIDAL_ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regular),
		cmocka_unit_test(test_regular_refuses),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_sizes),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
