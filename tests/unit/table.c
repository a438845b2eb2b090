/* SPDX-License-Identifier: BSD-3-Clause */
/* table: against an array indexed by key. */
#include "component.h"

#include "core/table.h"

#define KEY_BITS 20
#define KEYS 700 /* of which the table may hold 500: it is often full */
#define LIMIT 500
#define OPERATIONS 1000000

struct model {
	struct entry entry[KEYS];
	bool has[KEYS];
	uint32_t used;
};

static struct table *open_table(uint32_t limit)
{
	struct table *t;

	COMPONENT_OPEN(struct table, &t, table_init, limit, KEY_BITS);
	return t;
}

/* An entry for a key, with something in the bits that are not the key. */
static struct entry entry_of(uint64_t key, uint64_t *random)
{
	return (struct entry){ key | random_below(random, UINT64_C(1) << 40) << KEY_BITS,
			       random_below(random, UINT64_MAX) };
}

static void check_one(const struct table *t, const struct model *m, uint64_t key, uint32_t i)
{
	struct entry e;
	bool has = table_get(t, key, &e);

	assert_int_equal(has, m->has[i]);
	if (has)
		assert_memory_equal(&e, &m->entry[i], sizeof(e));
}

/* A sweep meets everything once. */
static void check_sweep(const struct table *t, const struct model *m, const uint64_t *keys)
{
	uint32_t met = 0;
	struct entry e;

	for (uint32_t i = 0; i < t->size; i++)
		met += table_at(t, i, &e);
	assert_int_equal(met, m->used);
	for (uint32_t i = 0; i < KEYS; i++)
		check_one(t, m, keys[i], i);
}

static void put(struct table *t, struct model *m, uint64_t key, uint32_t i, uint64_t *random)
{
	struct entry e = entry_of(key, random);
	bool fits = m->has[i] || m->used < t->limit;

	assert_int_equal(table_put(t, &e), fits);
	if (!fits)
		return;
	m->used += !m->has[i];
	m->has[i] = true;
	m->entry[i] = e;
}

static void del(struct table *t, struct model *m, uint64_t key, uint32_t i)
{
	assert_int_equal(table_del(t, key), m->has[i]);
	m->used -= m->has[i];
	m->has[i] = false;
}

/* Now more comes, now more goes. */
static void run(struct table *t, const uint64_t *keys, uint64_t seed)
{
	struct model *m = test_calloc(1, sizeof(*m));
	uint32_t full = 0;

	for (uint32_t n = 0; n < OPERATIONS; n++) {
		uint32_t i = (uint32_t)random_below(&seed, KEYS);
		unsigned grow = n / 5000 % 2 ? 80 : 40;

		if (random_below(&seed, 100) < grow)
			put(t, m, keys[i], i, &seed);
		else
			del(t, m, keys[i], i);
		full += m->used == t->limit;
		assert_int_equal(t->used, m->used);
		assert_int_equal(table_room(t, 1), m->used < t->limit);
		i = (uint32_t)random_below(&seed, KEYS);
		check_one(t, m, keys[i], i);
		if (n % 10007 == 0)
			check_sweep(t, m, keys);
	}
	check_sweep(t, m, keys);
	assert_true(full > OPERATIONS / 20);
	test_free(m);
}

static void test_random_keys(void **state)
{
	struct table *t = open_table(LIMIT);
	uint64_t keys[KEYS], seed = 1;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++)
		keys[i] = 1 + i * 1000 + random_below(&seed, 1000);
	run(t, keys, 2);
	test_free(t);
}

/* Keys that all want one of two places, one of them the last: the longest probes there are. */
static void test_crowded_keys(void **state)
{
	struct table *t = open_table(LIMIT);
	uint64_t keys[KEYS];
	uint32_t found = 0;

	(void)state;
	for (uint64_t key = 1; key < UINT64_C(1) << KEY_BITS && found < KEYS; key++) {
		uint32_t home = table_home(t, key);

		if (home == t->size - 1 || home == 7)
			keys[found++] = key;
	}
	assert_int_equal(found, KEYS);
	run(t, keys, 3);
	test_free(t);
}

/* Dense groups of keys in a table with neighbourhoods. */
static void test_near_keys(void **state)
{
	struct table *t;
	uint64_t keys[KEYS], seed = 4;

	(void)state;
	COMPONENT_OPEN(struct table, &t, table_init_near, LIMIT, KEY_BITS, 5, 3);
	for (uint32_t i = 0; i < KEYS; i++)
		keys[i] = 32 * (1 + i / 8 * 100) + i % 8 * 4 + random_below(&seed, 4);
	run(t, keys, 5);
	test_free(t);
}

static void test_neighbours_lie_side_by_side(void **state)
{
	struct table *t;

	(void)state;
	COMPONENT_OPEN(struct table, &t, table_init_near, LIMIT, KEY_BITS, 5, 3);
	for (uint64_t group = 32; group < 32000; group += 32)
		for (uint64_t i = 0; i < 32; i++)
			assert_int_equal(table_home(t, group + i),
					 (table_home(t, group) + i / 4) % t->size);
	test_free(t);
}

static void test_empty_and_full(void **state)
{
	struct table *t = open_table(1);
	struct entry e = { 5, 6 }, other = { 9, 1 };

	(void)state;
	assert_false(table_get(t, 5, &e));
	assert_false(table_del(t, 5));
	assert_true(table_put(t, &e));
	assert_false(table_put(t, &other));
	assert_true(table_put(t, &e)); /* replacing needs no room */
	assert_false(table_room(t, 1));
	assert_true(table_room(t, 0));
	assert_true(table_del(t, 5));
	assert_true(table_put(t, &other));
	test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_keys),
		cmocka_unit_test(test_crowded_keys),
		cmocka_unit_test(test_near_keys),
		cmocka_unit_test(test_neighbours_lie_side_by_side),
		cmocka_unit_test(test_empty_and_full),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
