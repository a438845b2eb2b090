/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boot: a node gets the initial map in pieces, in any order, each once, and then owns what the map
 * says; the master tells each node all of it. Broken in boot.c: a piece taken twice, sorted the wrong
 * way, a run of another node kept, an extent beyond the end of its run.
 */
#include "one-core.h"

#include "core/boot.h"

#define RUNS 5
#define RANGES(n) ((n) * UINT64_C(512))

/* Runs that begin and end at odd ranges; the last one ends in the middle of one. */
static const struct tidal_vmap_memory memory[RUNS] = {
	{ 0, RANGES(7), 1 }, { RANGES(7), RANGES(1), 0 }, { RANGES(8), RANGES(11), 1 },
	{ RANGES(19), RANGES(2), 2 }, { RANGES(21), RANGES(3) + 100, 1 },
};

static void full_map(struct tidal_vmap *map)
{
	assert_int_equal(tidal_vmap_init(map, sizeof(*map), 1, ONE_VCPUS), 0);
	map->memory_runs = RUNS;
	memcpy(map->memory, memory, sizeof(memory));
	map->vcpu_runs = 3;
	map->vcpu[0] = (struct tidal_vmap_vcpus){ 0, 1, 0 };
	map->vcpu[1] = (struct tidal_vmap_vcpus){ 1, 2, 1 };
	map->vcpu[2] = (struct tidal_vmap_vcpus){ 3, 1, 2 };
	map->devices = 2;
	map->device[0] = (struct tidal_vmap_device){ ONE_DEVICE, 4096, 2 };
	map->device[1] = (struct tidal_vmap_device){ ONE_DEVICE + 8192, 64, 1 };
}

/* A core that has no map: node 1. */
static void open_node(struct one_core *o, struct engine *e)
{
	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->params.node = 1;
	o->params.vmap = NULL;
	o->params.ranges = 64;
	one_start(o);
	core_engine(o->core, o->now, e);
	assert_false(e->guest->known);
}

static void close_node(struct one_core *o)
{
	free(o->mem);
}

static uint32_t pieces(const struct tidal_vmap *map)
{
	return map->memory_runs + map->vcpu_runs + map->devices;
}

static struct wire_map piece(const struct tidal_vmap *map, uint32_t i)
{
	struct wire_map m = { .index = (uint8_t)i, .total = (uint8_t)pieces(map) };
	uint32_t v = i - map->memory_runs, d = v - map->vcpu_runs;

	if (i < map->memory_runs) {
		m.kind = MAP_MEMORY;
		m.first = map->memory[i].first;
		m.count = map->memory[i].pages;
		m.node = map->memory[i].node;
	} else if (v < map->vcpu_runs) {
		m.kind = MAP_VCPUS;
		m.first = map->vcpu[v].first;
		m.count = map->vcpu[v].count;
		m.node = map->vcpu[v].node;
	} else {
		m.kind = MAP_DEVICE;
		m.first = map->device[d].base;
		m.count = map->device[d].bytes;
		m.node = map->device[d].node;
	}
	return m;
}

static int tell(struct engine *e, const struct wire_map *m)
{
	return boot_on_map(e, 0, m);
}

static void check_owned(const struct engine *e, const struct tidal_vmap *map)
{
	for (uint32_t i = 0; i < map->memory_runs; i++)
		for (uint64_t k = 0; k < map->memory[i].pages; k++) {
			uint64_t epoch;
			bool untouched = false;

			assert_int_equal(ranges_has(e->ranges, map->memory[i].first + k, &epoch,
						    &untouched), map->memory[i].node == e->self);
			assert_int_equal(untouched, map->memory[i].node == e->self);
		}
}

/* As few extents as can be: 7 ranges are 4 + 2 + 1, 11 from the 8th on 8 + 2 + 1, 4 from the 21st
 * on 1 + 2 + 1. */
static void check_extents(const struct engine *e)
{
	static const struct { uint64_t range; unsigned order; } expected[] = {
		{ 0, 2 }, { 4, 1 }, { 6, 0 }, { 8, 3 }, { 16, 1 }, { 18, 0 },
		{ 21, 0 }, { 22, 1 }, { 24, 0 },
	};

	assert_int_equal(e->ranges->table.used, 9);
	for (unsigned i = 0; i < 9; i++) {
		struct extent x;

		assert_true(ranges_cut(e->ranges, expected[i].range << TIDAL_RANGE_SHIFT, 30, &x));
		assert_int_equal(x.first, expected[i].range);
		assert_int_equal(x.order, expected[i].order);
	}
}

static void check_started(struct one_core *o, const struct engine *e)
{
	static const tidal_nodeid at[] = { 0, 1, 1, 2 };
	struct tidal_vmap map;

	full_map(&map);
	assert_true(e->guest->known);
	assert_int_equal(e->guest->pages, RANGES(24) + 100);
	assert_int_equal(e->guest->vcpus, ONE_VCPUS);
	assert_memory_equal(e->guest->map.memory, map.memory, sizeof(map.memory));
	assert_memory_equal(e->guest->map.vcpu, map.vcpu, sizeof(map.vcpu));
	check_owned(e, &map);
	for (tidal_vcpuid v = 0; v < ONE_VCPUS; v++) {
		const struct vcpu *vcpu = vcpus_at(e->vcpus, v);

		assert_int_equal(vcpu->node, at[v]);
		assert_int_equal(vcpu->ran_on, at[v]);
		assert_int_equal(vcpu->dest, TIDAL_NODE_NONE);
		assert_int_equal(vcpu->state, at[v] == 1 ? TIDAL_VCPU_READY : TIDAL_VCPU_AWAY);
	}
	assert_int_equal(e->vcpus->here, 2);
	one_check(o);
	one_pull(o);
	assert_int_equal(o->reports[TIDAL_REPORT_READY], 1);
	assert_int_equal(o->last_report.node, 1);
	assert_int_equal(o->last_report.gfn, TIDAL_GFN_NONE);
	assert_int_equal(o->last_report.vcpu, TIDAL_VCPU_NONE);
	check_extents(e);
}

/* Forwards, backwards, and from the middle. */
static void test_pieces_in_any_order(void **state)
{
	static const uint32_t step[] = { 1, 9, 3, 7 };
	struct tidal_vmap map;

	(void)state;
	full_map(&map);
	for (unsigned i = 0; i < 4; i++) {
		struct one_core o;
		struct engine e;

		open_node(&o, &e);
		for (uint32_t k = 0; k < 10; k++) {
			struct wire_map m = piece(&map, (k * step[i] + i) % 10);

			assert_false(e.guest->known);
			assert_int_equal(tell(&e, &m), 0);
		}
		check_started(&o, &e);
		for (uint32_t d = 0; d < 2; d++) {
			const struct tidal_vmap_device *x = &e.guest->map.device[d];

			assert_int_equal(x->node, x->base == ONE_DEVICE ? 2 : 1);
			assert_int_equal(x->bytes, x->base == ONE_DEVICE ? 4096 : 64);
		}
		assert_int_equal(tell(&e, &(struct wire_map){ .total = 10 }), TIDAL_EPROTO);
		close_node(&o);
	}
}

static void refused(struct engine *e, tidal_nodeid from, const struct wire_map *m)
{
	assert_int_equal(boot_on_map(e, from, m), TIDAL_EPROTO);
}

/* A piece comes once, from the master, and all agree about how many there are. */
static void test_pieces_that_are_wrong(void **state)
{
	struct tidal_vmap map;
	struct one_core o;
	struct engine e;
	struct wire_map m;

	(void)state;
	full_map(&map);
	open_node(&o, &e);
	m = piece(&map, 0);
	refused(&e, 2, &m);
	m.index = m.total;
	refused(&e, 0, &m);
	m.kind = 3;
	m.index = 1;
	refused(&e, 0, &m);
	m = piece(&map, 6); /* a number that a vCPU can't have, and so many */
	m.first = UINT16_MAX + 1;
	refused(&e, 0, &m);
	m = piece(&map, 6);
	m.count = UINT16_MAX + 1;
	refused(&e, 0, &m);
	for (uint32_t i = 0; i < 9; i++) {
		m = piece(&map, i);
		assert_int_equal(tell(&e, &m), 0);
		refused(&e, 0, &m);
		m = piece(&map, 9);
		m.total++;
		refused(&e, 0, &m);
		m.total -= 2;
		m.index = 8;
		refused(&e, 0, &m);
	}
	m = piece(&map, 9);
	assert_int_equal(tell(&e, &m), 0);
	check_started(&o, &e);
	close_node(&o);
}

/* As many pieces as there can be of a kind, and no more; each once; and all bits of what came are told
 * apart. */
static void test_as_many_pieces_as_fit(void **state)
{
	static const unsigned most[] = { TIDAL_VMAP_RUNS, TIDAL_VMAP_RUNS, TIDAL_VMAP_DEVICES };
	struct wire_map m = { .total = 255 };
	struct one_core o;
	struct engine e;

	(void)state;
	open_node(&o, &e);
	for (unsigned kind = 0; kind < 3; kind++) {
		m.kind = (uint8_t)kind;
		for (unsigned i = 0; i < most[kind]; i++, m.index++) {
			m.first = 1000 - i;
			m.count = UINT16_MAX;
			assert_int_equal(tell(&e, &m), 0);
			if (i + 1 < most[kind]) /* there is room for it, but it came before */
				refused(&e, 0, &m);
		}
		refused(&e, 0, &m);
	}
	assert_int_equal(e.guest->got, m.index);
	for (m.index = 0; m.index < 144; m.index++)
		assert_true(e.guest->have[m.index / 64] >> m.index % 64 & 1);
	assert_int_equal(e.guest->have[2] >> 16, 0);
	for (unsigned i = 0; i < TIDAL_VMAP_RUNS; i++) {
		assert_int_equal(e.guest->map.memory[i].first, 1000 - (TIDAL_VMAP_RUNS - 1) + i);
		assert_int_equal(e.guest->map.vcpu[i].first, 1000 - (TIDAL_VMAP_RUNS - 1) + i);
	}
	m.index = 192;
	refused(&e, 0, &m);
	close_node(&o);
}

/* The map makes no sense, or asks for more than this node has: it stays without one, and says so. */
static void test_map_that_does_not_fit(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct tidal_vmap map;
		struct one_core o;
		struct engine e;

		full_map(&map);
		open_node(&o, &e);
		if (how == 0)
			map.memory[1].first++;
		else if (how == 1)
			map.memory[1].node = 3;
		else if (how == 2)
			map.vcpu[2].count = 2; /* one more than it was made for */
		else
			e.vcpus->slots = 1;
		for (uint32_t i = 0; i < 10; i++) {
			struct wire_map m = piece(&map, i);

			assert_int_equal(tell(&e, &m), 0);
		}
		assert_false(e.guest->known);
		one_pull(&o);
		assert_int_equal(o.reports[TIDAL_REPORT_BAD_PEER], 1);
		assert_int_equal(o.last_report.error, TIDAL_EINVAL);
		assert_int_equal(o.last_report.node, 0);
		assert_int_equal(o.last_report.gfn, TIDAL_GFN_NONE);
		assert_int_equal(o.last_report.vcpu, TIDAL_VCPU_NONE);
		close_node(&o);
	}
}

/* Extents of this node's runs need room, those of others none; vCPUs likewise. */
static void test_what_fits(void **state)
{
	struct tidal_vmap map;
	struct one_core o;
	struct engine e;

	(void)state;
	full_map(&map);
	open_node(&o, &e);
	assert_true(boot_fits(&e, &map));
	e.ranges->table.used = e.ranges->table.limit - 9 - RANGES_SPLIT;
	assert_true(boot_fits(&e, &map));
	e.ranges->table.used++;
	assert_false(boot_fits(&e, &map));
	e.ranges->table.used = 0;
	e.vcpus->slots = 2;
	assert_true(boot_fits(&e, &map));
	e.vcpus->slots = 1;
	assert_false(boot_fits(&e, &map));
	e.vcpus->slots = 2;
	e.vcpus->count = 3;
	assert_false(boot_fits(&e, &map));
	close_node(&o);
}

/* The master tells every node every piece once. */
static void test_master_tells_all(void **state)
{
	unsigned told[3] = { 0 };
	uint32_t seen[3] = { 0 };
	struct tidal_vmap map;
	struct one_core o;
	struct tidal_action a;
	struct engine e;

	(void)state;
	memset(&o, 0, sizeof(o));
	one_params(&o, TIDAL_PARAM_IDEAL_LINK);
	full_map(&map);
	o.params.vmap = &map;
	o.params.ranges = 64;
	one_start(&o);
	core_engine(o.core, 0, &e);
	assert_int_equal(*e.random, o.params.seed); /* else all nodes would pause alike */
	assert_int_equal(nodeset_count(&e.guest->tell), 2);
	link_peer(e.link, 1, 1);
	link_peer(e.link, 2, 1);
	boot_tell(&e);
	assert_true(nodeset_empty(&e.guest->tell));
	while (tidal_core_pull(o.core, &a)) {
		struct wire m;
		struct wire_map want;

		if (a.kind != TIDAL_ACT_SEND || a.u.send.len <= LINK_HEADER)
			continue;
		assert_true(wire_decode(&m, (const uint8_t *)a.u.send.header + LINK_HEADER,
					a.u.send.len - LINK_HEADER));
		assert_int_equal(m.kind, MSG_MAP);
		want = piece(&map, m.u.map.index);
		assert_int_equal(m.u.map.kind, want.kind);
		assert_int_equal(m.u.map.first, want.first);
		assert_int_equal(m.u.map.count, want.count);
		assert_int_equal(m.u.map.node, want.node);
		assert_int_equal(m.u.map.total, want.total);
		told[a.u.send.to]++;
		seen[a.u.send.to] |= 1u << m.u.map.index;
	}
	for (unsigned n = 1; n < 3; n++) {
		assert_int_equal(told[n], 10);
		assert_int_equal(seen[n], 0x3ff);
	}
	close_node(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_in_any_order),
		cmocka_unit_test(test_pieces_that_are_wrong),
		cmocka_unit_test(test_as_many_pieces_as_fit),
		cmocka_unit_test(test_map_that_does_not_fit),
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_master_tells_all),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
