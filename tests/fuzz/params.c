/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: parameters, virtual map, topology and weights from bytes. Whatever passes the
 * checks makes a core, within its footprint, that holds its invariants.
 */
#include <tidal/core.h>

#include "core/params.h"
#include "core/topology.h"
#include "fuzz.h"

#define FOOTPRINT_MAX (8u << 20) /* larger cores are only measured */
#define OBJECTS 12

struct given {
	struct tidal_params params;
	struct tidal_vmap map;
	struct tidal_topology topology;
	struct tidal_topo_object objects[OBJECTS];
	struct tidal_weights weights;
};

/* Changes *n* times a few bytes of a struct that was sound, beyond its size too. */
static void change(struct fuzz_in *in, void *of, size_t size, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t at = fuzz_below(in, (uint32_t)size + 1);
		uint64_t v = fuzz_int(in, 1 + fuzz_u8(in) % 8);
		size_t bytes = size - at < 8 ? size - at : 8;

		memcpy((char *)of + at, &v, bytes);
	}
}

/* The numbers that a caller may choose freely, mostly small. */
static void choose_numbers(struct fuzz_in *in, struct tidal_params *p)
{
	p->nodes = (uint16_t)fuzz_int(in, 1 + (fuzz_u8(in) & 1));
	p->node = fuzz_u8(in) % 4;
	p->landing = fuzz_u8(in);
	p->reserve = fuzz_u8(in);
	p->high = (uint32_t)fuzz_int(in, 2);
	p->low = fuzz_u8(in);
	p->vcpus = 1 + fuzz_u8(in);
	p->vcpu_slots = 1 + fuzz_u8(in);
	p->transits = (uint32_t)fuzz_int(in, 2);
	p->messages = (uint32_t)fuzz_int(in, 2);
	p->ranges = (uint32_t)fuzz_int(in, 2);
	p->homes = (uint32_t)fuzz_int(in, 2);
	p->hints = 1u << fuzz_u8(in) % 32;
	p->flags = fuzz_u8(in) % 4;
}

static void choose_map(struct fuzz_in *in, struct tidal_vmap *map)
{
	uint64_t first = 0;

	if (tidal_vmap_init(map, sizeof(*map), 1 + fuzz_int(in, 5), 1 + fuzz_u8(in)))
		return;
	map->memory_runs = 1 + fuzz_u8(in) % 4;
	for (uint32_t i = 0; i < map->memory_runs; i++) {
		uint64_t pages = (1 + fuzz_int(in, 2)) * TIDAL_RANGE_PAGES;

		map->memory[i] = (struct tidal_vmap_memory){ first, pages, fuzz_u8(in) % 3 };
		first += pages;
	}
	map->devices = fuzz_u8(in) % 3;
	for (uint32_t i = 0; i < map->devices; i++)
		map->device[i] = (struct tidal_vmap_device){ fuzz_int(in, 8), fuzz_int(in, 8),
							     fuzz_u8(in) % 3 };
}

static void choose_topology(struct fuzz_in *in, struct given *g)
{
	g->topology.objects = g->objects;
	g->topology.count = fuzz_u8(in) % (OBJECTS + 1);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		uint8_t b = fuzz_u8(in);

		g->objects[i] = (struct tidal_topo_object){ b % 5, b / 5 % (i + 2), b };
	}
}

static const struct tidal_policy_ops *choose_policy(uint8_t choice)
{
	return choice % 4 == 0 ? NULL : choice % 4 == 1 ? tidal_policy_page() :
	       choice % 4 == 2 ? tidal_policy_vcpu() : tidal_policy_cost();
}

static void choose(struct fuzz_in *in, struct given *g)
{
	uint8_t shape = fuzz_u8(in);

	tidal_params_init(&g->params, sizeof(g->params), (uint32_t)fuzz_int(in, 1 + shape / 64));
	tidal_weights_init(&g->weights, sizeof(g->weights));
	if (shape & 1)
		choose_numbers(in, &g->params);
	choose_map(in, &g->map);
	choose_topology(in, g);
	change(in, &g->params, offsetof(struct tidal_params, policy), shape / 2 % 4);
	change(in, &g->map, sizeof(g->map), shape / 8 % 2);
	change(in, &g->weights, sizeof(g->weights), shape / 16 % 2);
	g->params.policy = choose_policy(fuzz_u8(in));
	g->params.vmap = g->params.node == 0 || fuzz_u8(in) == 1 ? &g->map : NULL;
	g->params.topology = shape & 32 ? &g->topology : NULL;
	g->params.weights = fuzz_u8(in) & 1 ? &g->weights : NULL;
}

static void make_core(const struct tidal_params *p, size_t bytes)
{
	struct fuzz_arena mem;
	struct tidal_core *core;
	struct tidal_action action;
	const char *why = "";
	int err;

	fuzz_arena_open(&mem, bytes);
	err = tidal_core_init(mem.at, bytes - 1, p, &core);
	MUST(err == TIDAL_ENOMEM);
	err = tidal_core_init(mem.at, bytes, p, &core);
	MUST(err == 0 || err == TIDAL_ERANGE);
	for (uint32_t i = 0; !err && tidal_core_pull(core, &action); i++)
		MUST(i < 4 * p->frames + 4 * p->messages + 1024);
	if (!err && tidal_core_check(core, &why))
		fprintf(stderr, "%s\n", why);
	MUST(err || tidal_core_check(core, &why) == 0);
	fuzz_arena_check(&mem);
	fuzz_arena_close(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_in in = { bytes, len };
	struct given g = { 0 };
	const char *why = NULL, *name = NULL;
	size_t footprint;
	int err;

	choose(&in, &g);
	if (g.params.size > sizeof(g.params) || g.map.size > sizeof(g.map) ||
	    g.weights.size > sizeof(g.weights))
		return 0; /* the caller's size is believed: there must be so much memory */
	err = tidal_params_check(&g.params, &why);
	MUST(!err == !why);
	MUST(tidal_vmap_check(&g.map, 4, &why) <= 0 && tidal_weights_check(&g.weights, &name) <= 0);
	footprint = tidal_core_footprint(&g.params);
	MUST(!err == (footprint > 0));
	if (footprint > 0 && footprint < FOOTPRINT_MAX)
		make_core(&g.params, footprint);
	return 0;
}
