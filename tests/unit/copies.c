/* SPDX-License-Identifier: BSD-3-Clause */
/* copies: a copyset may name too many nodes, never too few. */
#include "component.h"

#include "core/copies.h"

#define EXACT 64 /* nodes up to which a copyset is exact */
#define NAMES 5	 /* members up to which it is exact in larger pods */

static void check_superset(copies c, unsigned nodes, const struct tidal_nodeset *model)
{
	struct tidal_nodeset set;

	copies_expand(c, nodes, TIDAL_NODE_NONE, TIDAL_NODE_NONE, &set);
	for (unsigned n = 0; n < TIDAL_NODES_MAX; n++) {
		if (nodeset_has(model, n))
			assert_true(nodeset_has(&set, n));
		if (n >= nodes)
			assert_false(nodeset_has(&set, n));
	}
}

static void check_exact(copies c, unsigned nodes, const struct tidal_nodeset *model)
{
	struct tidal_nodeset set;

	copies_expand(c, nodes, TIDAL_NODE_NONE, TIDAL_NODE_NONE, &set);
	assert_memory_equal(&set, model, sizeof(set));
}

/* Random comings and goings in a pod of every size. Deletion is exact until the set was coarse. */
static void test_no_member_is_lost(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (unsigned nodes = 1; nodes <= TIDAL_NODES_MAX; nodes++) {
		struct tidal_nodeset model = { { 0 } };
		copies c = 0;
		bool exact = true;

		for (unsigned i = 0; i < 40; i++) {
			unsigned n = (unsigned)random_below(&random, nodes);

			if (random_below(&random, 3)) {
				c = copies_add(c, n, nodes);
				nodeset_add(&model, n);
			} else {
				c = copies_del(c, n, nodes);
				nodeset_del(&model, n);
			}
			if (nodes > EXACT && nodeset_count(&model) > NAMES)
				exact = false;
			check_superset(c, nodes, &model);
			if (exact)
				check_exact(c, nodes, &model);
		}
	}
}

static void test_all_is_everybody(void **state)
{
	(void)state;
	for (unsigned nodes = 1; nodes <= TIDAL_NODES_MAX; nodes++) {
		struct tidal_nodeset set;

		copies_expand(copies_all(nodes), nodes, TIDAL_NODE_NONE, TIDAL_NODE_NONE, &set);
		assert_int_equal(nodeset_count(&set), nodes);
		copies_expand(copies_all(nodes), nodes, 0, (nodes - 1), &set);
		assert_int_equal(nodeset_count(&set), nodes > 2 ? nodes - 2 : 0);
	}
}

static void test_nothing_is_nobody(void **state)
{
	struct tidal_nodeset set, none = { { 0 } };

	(void)state;
	for (unsigned nodes = 1; nodes <= TIDAL_NODES_MAX; nodes++) {
		copies_expand(0, nodes, TIDAL_NODE_NONE, TIDAL_NODE_NONE, &set);
		assert_memory_equal(&set, &none, sizeof(set));
		assert_int_equal(copies_del(copies_add(0, nodes - 1, nodes), nodes - 1, nodes), 0);
	}
}

/* Old and new owner are left out, whatever the form of the set. */
static void test_owners_are_left_out(void **state)
{
	static const unsigned sizes[] = { 2, 64, 65, 1024 };

	(void)state;
	for (unsigned s = 0; s < 4; s++) {
		unsigned nodes = sizes[s];
		struct tidal_nodeset set;
		copies c = 0;

		for (unsigned n = 0; n < nodes && n < 9; n++) {
			c = copies_add(c, n, nodes);
			copies_expand(c, nodes, 0, n, &set);
			assert_false(nodeset_has(&set, 0));
			assert_false(nodeset_has(&set, n));
		}
	}
}

/* Twice the same is once. */
static void test_names_are_not_repeated(void **state)
{
	copies c = 0;
	struct tidal_nodeset set;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		c = copies_add(c, 900 + i % NAMES, 1000);
	copies_expand(c, 1000, TIDAL_NODE_NONE, TIDAL_NODE_NONE, &set);
	assert_int_equal(nodeset_count(&set), NAMES);
}

/* What the functions here make is sound. Broken in copies_sound(): `<` for `<=` NAMES. */
static void test_all_that_is_made_is_sound(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (unsigned nodes = 1; nodes <= TIDAL_NODES_MAX; nodes++) {
		copies c = 0;

		assert_true(copies_sound(copies_all(nodes), nodes));
		for (unsigned i = 0; i < 12; i++) {
			assert_true(copies_sound(c, nodes));
			c = copies_add(c, (unsigned)random_below(&random, nodes), nodes);
			if (i % 4 == 3)
				c = copies_del(c, (unsigned)random_below(&random, nodes), nodes);
		}
	}
}

/*
 * Nodes that there are not, and numbers of names that there can't be. Broken in copies_sound(): each
 * of its conditions.
 */
static void test_what_can_not_be_is_not_sound(void **state)
{
	(void)state;
	for (unsigned nodes = 1; nodes < EXACT; nodes++)
		for (unsigned n = nodes; n < EXACT; n++)
			assert_false(copies_sound(UINT64_C(1) << n, nodes));
	for (unsigned nodes = EXACT + 1; nodes < TIDAL_NODES_MAX; nodes++)
		for (unsigned i = 0; i < NAMES; i++) {
			copies c = 0;

			for (unsigned k = 0; k < i; k++)
				c = copies_add(c, k, nodes);
			assert_false(copies_sound(copies_add(c, nodes, nodes), nodes));
		}
	for (uint64_t names = NAMES + 1; names < 15; names++)
		assert_false(copies_sound(names << 60, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_member_is_lost),
		cmocka_unit_test(test_all_is_everybody),
		cmocka_unit_test(test_nothing_is_nobody),
		cmocka_unit_test(test_owners_are_left_out),
		cmocka_unit_test(test_names_are_not_repeated),
		cmocka_unit_test(test_all_that_is_made_is_sound),
		cmocka_unit_test(test_what_can_not_be_is_not_sound),
	};

	return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
