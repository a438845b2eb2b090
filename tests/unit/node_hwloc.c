/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's topology is one that the core takes; a build without hwloc says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/hwloc.h>
#include <tidal/params.h>

#ifdef HAVE_HWLOC
static struct tidal_topo_object objects[TIDAL_TOPO_MAX];

static unsigned threads_of(const struct tidal_topology *t)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < t->count; i++)
		n += t->objects[i].kind == TIDAL_TOPO_THREAD;
	return n;
}

static void check(const struct tidal_topology *t)
{
	struct tidal_params params;
	const char *why = "";

	assert_ptr_equal(t->objects, objects);
	assert_int_equal(objects[0].kind, TIDAL_TOPO_NODE);
	tidal_params_init(&params, sizeof(params), 64);
	params.node = 1; /* not the master, which would need a virtual map */
	params.nodes = 2;
	params.topology = t;
	if (tidal_params_check(&params, &why) != 0)
		fail_msg("%s", why);
}

static void test_this_machine(void **state)
{
	struct tidal_topology t = { 0 };

	(void)state;
	assert_int_equal(tidal_topology_hwloc(&t, objects, TIDAL_TOPO_MAX, 0), 0);
	check(&t);
	assert_in_range(threads_of(&t), 1, TIDAL_HTHREADS_MAX);
}

static void test_fewer_threads(void **state)
{
	struct tidal_topology t = { 0 };

	(void)state;
	assert_int_equal(tidal_topology_hwloc(&t, objects, TIDAL_TOPO_MAX, 1), 0);
	check(&t);
	assert_int_equal(threads_of(&t), 1);
}

static void test_room(void **state)
{
	struct tidal_topology t = { 0 };
	uint32_t need;

	(void)state;
	assert_int_equal(tidal_topology_hwloc(&t, objects, TIDAL_TOPO_MAX, 1), 0);
	need = t.count;
	assert_int_equal(tidal_topology_hwloc(&t, objects, need, 1), 0);
	for (uint32_t room = 0; room < need; room++)
		assert_int_equal(tidal_topology_hwloc(&t, objects, room, 1), TIDAL_ENOMEM);
}
#else
static void test_without_hwloc(void **state)
{
	struct tidal_topo_object object;
	struct tidal_topology t;

	(void)state;
	assert_int_equal(tidal_topology_hwloc(&t, &object, 1, 0), TIDAL_ENOSYS);
}
#endif

static void test_arguments(void **state)
{
	struct tidal_topo_object object;
	struct tidal_topology t;

	(void)state;
	assert_int_equal(tidal_topology_hwloc(NULL, &object, 1, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_topology_hwloc(&t, NULL, 1, 0), TIDAL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_HWLOC
		cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_fewer_threads),
		cmocka_unit_test(test_room),
#else
		cmocka_unit_test(test_without_hwloc),
#endif
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests_name("node_hwloc", tests, NULL, NULL);
}
