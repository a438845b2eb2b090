/* SPDX-License-Identifier: BSD-3-Clause */
/* told: maps that a master tells a node, piece by piece, and that can't be (boot.c). */
#include "one-core.h"

#include "core/boot.h"

static void open_without_map(struct one_core *o)
{
	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->params.node = 2;
	o->params.vmap = NULL;
	one_start(o);
	one_peer(o); /* only for one_close() */
	one_pull(o);
}

/* The master says: piece *index* of *total*. Is it believed, and a map that fits? */
static bool hear(struct one_core *o, struct wire_map piece, unsigned index, unsigned total)
{
	uint32_t reports = o->reports[TIDAL_REPORT_BAD_PEER];
	struct engine e;
	int err;

	piece.index = (uint8_t)index;
	piece.total = (uint8_t)total;
	core_engine(o->core, o->now, &e);
	err = boot_on_map(&e, 0, &piece);
	assert_true(err == 0 || err == TIDAL_EPROTO);
	one_pull(o);
	return err == 0 && o->reports[TIDAL_REPORT_BAD_PEER] == reports;
}

/* Pieces of a kind, one after the other, as many as a map has room for; and one more. */
static void check_most(uint8_t kind, unsigned most)
{
	struct one_core o;

	open_without_map(&o);
	for (unsigned i = 0; i <= most; i++) {
		const struct wire_map piece = { .first = i * 4096, .count = 1, .kind = kind };

		assert_int_equal(hear(&o, piece, i, 190), i < most);
	}
	assert_false(o.core->guest.known);
	one_close(&o);
}

/* Broken in keep(): each bound; memory beyond the map was written. */
static void more_pieces_than_a_map_has(void **state)
{
	(void)state;
	check_most(MAP_MEMORY, TIDAL_VMAP_RUNS);
	check_most(MAP_VCPUS, 16); /* numbers of vCPUs have 16 bits */
	check_most(MAP_DEVICE, TIDAL_VMAP_DEVICES);
}

static void more_runs_of_vcpus(void **state)
{
	struct one_core o;

	(void)state;
	open_without_map(&o);
	for (unsigned i = 0; i <= TIDAL_VMAP_RUNS; i++) {
		const struct wire_map piece = { .first = i, .count = 1, .kind = MAP_VCPUS };

		assert_int_equal(hear(&o, piece, i, 190), i < TIDAL_VMAP_RUNS);
	}
	one_close(&o);
}

/* Broken in boot_on_map(), keep(): each condition but g->known, which the pieces it has tell too. */
static void pieces_that_can_not_be(void **state)
{
	const struct wire_map run = { .first = 0, .count = 600, .kind = MAP_MEMORY };
	const struct wire_map many = { .first = 0, .count = 65536, .kind = MAP_VCPUS };
	struct one_core o;

	(void)state;
	open_without_map(&o);
	assert_false(hear(&o, run, 200, 255)); /* more than are kept count of */
	assert_false(hear(&o, run, 5, 5));
	assert_false(hear(&o, many, 0, 2));
	assert_false(hear(&o, (struct wire_map){ .count = 1, .kind = 77 }, 0, 2));
	assert_true(hear(&o, run, 1, 2));
	assert_false(hear(&o, run, 1, 2)); /* again */
	assert_false(hear(&o, run, 0, 3)); /* of another map */
	assert_true(hear(&o, (struct wire_map){ .count = 4, .kind = MAP_VCPUS }, 0, 2));
	assert_true(o.core->guest.known);
	assert_false(hear(&o, run, 1, 2)); /* too late */
	one_close(&o);
}

/* A guest with more vCPUs than this node has records for, none of them here. Broken in boot_fits(). */
static void more_vcpus_than_are_known(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		const struct wire_map vcpus = { .count = ONE_VCPUS + more, .node = 1,
						.kind = MAP_VCPUS };
		struct one_core o;

		open_without_map(&o);
		assert_true(hear(&o, (struct wire_map){ .count = 600, .kind = MAP_MEMORY }, 0, 2));
		assert_int_equal(hear(&o, vcpus, 1, 2), !more);
		assert_int_equal(o.core->guest.known, !more);
		one_close(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_pieces_than_a_map_has),
		cmocka_unit_test(more_runs_of_vcpus),
		cmocka_unit_test(pieces_that_can_not_be),
		cmocka_unit_test(more_vcpus_than_are_known),
	};

	return cmocka_run_group_tests_name("told", tests, NULL, NULL);
}
