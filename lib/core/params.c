/* SPDX-License-Identifier: BSD-3-Clause */
/* The parameters of a core: defaults and checks. */
#include "params.h"

#include <stdbool.h>
#include <tidal/error.h>

#include "bits.h"
#include "topology.h"
#include "versioned.h"

#define US UINT64_C(1000)
#define TIME_MAX UINT64_C(60000000000)
#define VCPU_BYTES_MAX 65536u /* TIDAL_VCPU_BYTES_MAX; the core does not know transport.h */
#define HINTS_TEXT "hints: a power of two, 4 .. 2^30"

static uint32_t clamp(uint32_t x, uint32_t least, uint32_t most)
{
	return x < least ? least : x > most ? most : x;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t p = 1;

	while (p < at_least)
		p *= 2;
	return p;
}

/* What depends on the number of frames. In the smallest memories nothing takes more than its share. */
static void init_sizes(struct tidal_params *p, uint32_t frames)
{
	uint32_t quarter = clamp(frames / 4, 1, UINT32_MAX);

	p->frames = frames;
	p->landing = smaller(clamp(frames / 32, 4, 64), quarter);
	p->reserve = smaller(clamp(frames / 64, 2, 32), quarter);
	p->low = clamp(frames / 16, p->landing + p->reserve, UINT32_MAX);
	p->high = p->low < frames / 4 ? 2 * p->low : clamp(frames / 2, p->low, UINT32_MAX);
	p->transits = clamp(frames / 8, 64, 4096);
	p->ranges = clamp(frames, 0, (UINT32_C(1) << 30) - 1024) + 1024;
	p->homes = frames < UINT32_MAX - 1024 ? frames + 1024 : UINT32_MAX;
	p->hints = power_of_two(clamp(frames / 4, 256, 65536));
}

void tidal_params_init(struct tidal_params *params, size_t size, uint32_t frames)
{
	struct tidal_params p = {
		.size = sizeof(p),
		.nodes = 1,
		.incarnation = 1,
		.vcpus = TIDAL_VCPUS_MAX,
		.vcpu_slots = 64,
		.vcpu_bytes = 6400,
		.messages = 1024,
		.rto_ns = 200 * US,
		.hold_ns = 20 * US,
		.hold_max_ns = 1000 * US,
		.reserve_ns = 500 * US,
		.backoff_ns = 10 * US,
		.slice_ns = 1000 * US,
	};

	init_sizes(&p, frames);
	versioned_export(params, size, &p, sizeof(p));
}

int params_import(struct tidal_params *full, const struct tidal_params *user)
{
	if (user->size < offsetof(struct tidal_params, frames) + sizeof(user->frames))
		return TIDAL_EINVAL;
	tidal_params_init(full, sizeof(*full), user->frames);
	return versioned_import(full, sizeof(*full), user);
}

/* Members that only have to be within bounds; where a bound is a member, that one comes first. */
static const char *out_of_bounds(const struct tidal_params *p)
{
	const struct {
		uint64_t value, least, most;
		const char *text;
	} bounds[] = {
		{ p->nodes, 1, TIDAL_NODES_MAX, "nodes: 1 .. 1024" },
		{ p->node, 0, (uint64_t)p->nodes - 1, "node: 0 .. nodes - 1" },
		{ p->incarnation, 1, UINT32_MAX, "incarnation: 1 .. 2^32 - 1" },
		{ p->frames, 4, UINT32_C(1) << 30, "frames: 4 .. 2^30" },
		{ p->landing, 1, (uint64_t)p->frames - 2, "landing: 1 .. frames - 2" },
		{ p->reserve, 1, (uint64_t)p->frames - p->landing - 1,
		  "reserve: 1 .. frames - landing - 1" },
		{ p->high, 0, (uint64_t)p->frames - p->landing, "high: 0 .. frames - landing" },
		{ p->low, 0, p->high, "low: 0 .. high" },
		{ p->vcpus, 1, TIDAL_VCPUS_MAX, "vcpus: 1 .. 1024" },
		{ p->vcpu_slots, 1, TIDAL_VCPUS_MAX, "vcpu_slots: 1 .. 1024" },
		{ p->vcpu_bytes, 1, VCPU_BYTES_MAX, "vcpu_bytes: 1 .. 65536" },
		{ p->transits, 4, UINT32_C(1) << 20, "transits: 4 .. 2^20" },
		{ p->messages, 8u * p->nodes + 96, UINT32_C(1) << 24,
		  "messages: 8 * nodes + 96 .. 2^24" },
		{ p->ranges, 4, UINT32_C(1) << 30, "ranges: 4 .. 2^30" },
		{ p->homes, 4, UINT32_C(1) << 31, "homes: 4 .. 2^31" },
		{ p->hints, 4, UINT32_C(1) << 30, HINTS_TEXT },
		{ p->hints & (p->hints - 1), 0, 0, HINTS_TEXT },
		{ p->rto_ns, 1, TIME_MAX, "rto_ns: 1 .. 60 s" },
		{ p->hold_ns, 0, TIME_MAX, "hold_ns: 0 .. 60 s" },
		{ p->hold_max_ns, p->hold_ns, TIME_MAX, "hold_max_ns: hold_ns .. 60 s" },
		{ p->reserve_ns, 1, TIME_MAX, "reserve_ns: 1 .. 60 s" },
		{ p->backoff_ns, 1, TIME_MAX, "backoff_ns: 1 .. 60 s" },
		{ p->slice_ns, 1, TIME_MAX, "slice_ns: 1 .. 60 s" },
	};

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		if (bounds[i].value < bounds[i].least || bounds[i].value > bounds[i].most)
			return bounds[i].text;
	return NULL;
}

/* vCPUs that start at a node. */
static uint32_t vcpus_at(const struct tidal_vmap *map, tidal_nodeid node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < map->vcpu_runs; i++)
		if (map->vcpu[i].node == node)
			n += map->vcpu[i].count;
	return n;
}

static int check_vmap(const struct tidal_params *p, const char **why)
{
	int err;

	if (p->node != 0) {
		*why = "vmap: NULL except on node 0, which sends it to all";
		return p->vmap ? TIDAL_EINVAL : 0;
	}
	*why = "vmap: node 0 needs it";
	if (!p->vmap)
		return TIDAL_EINVAL;
	err = tidal_vmap_check(p->vmap, p->nodes, why);
	if (err)
		return err;
	*why = "vcpus: fewer than those of the vmap";
	if (tidal_vmap_vcpus(p->vmap) > p->vcpus)
		return TIDAL_ERANGE;
	*why = "vcpu_slots: fewer than the vCPUs that start here";
	return vcpus_at(p->vmap, p->node) > p->vcpu_slots ? TIDAL_ERANGE : 0;
}

int params_check_policy(const struct tidal_policy_ops *ops, const void *data, const char **why)
{
	*why = "policy: a table of functions of a wrong size, or with a function missing";
	if (ops && (versioned_check(ops, ops->size, sizeof(*ops)) || ops->size < sizeof(*ops) ||
		    !ops->request || !ops->answer || !ops->full))
		return TIDAL_EINVAL;
	*why = "policy_data: only for a policy of the embedder's own";
	return data && (!ops || ops == tidal_policy_cost()) ? TIDAL_EINVAL : 0;
}

static int check_policy(const struct tidal_params *p, const char **why)
{
	const char *name;

	if (params_check_policy(p->policy, p->policy_data, why))
		return TIDAL_EINVAL;
	*why = "weights: one is out of range (weight: -10^9 .. 10^9, exponent: 0 .. 16), or "
	       "their size is wrong: tidal_weights_check() names it";
	return p->weights ? tidal_weights_check(p->weights, &name) : 0;
}

static int check(const struct tidal_params *user, const char **why)
{
	struct tidal_params p;
	const char *bounds;
	int err;

	*why = "size: too small, or set members that this library does not know";
	err = params_import(&p, user);
	if (err)
		return err;
	*why = "flags: unknown bits";
	if (p.flags & ~(uint32_t)(TIDAL_PARAM_IDEAL_LINK | TIDAL_PARAM_RETIRE_EVENTS |
				  TIDAL_PARAM_TRACE))
		return TIDAL_EINVAL;
	bounds = out_of_bounds(&p);
	*why = bounds;
	if (bounds)
		return TIDAL_ERANGE;
	err = check_vmap(&p, why);
	if (!err && p.topology)
		err = topology_check(p.topology, why);
	if (!err)
		err = check_policy(&p, why);
	return err;
}

int tidal_params_check(const struct tidal_params *params, const char **why)
{
	const char *text;
	int err = check(params, &text);

	if (why)
		*why = err ? text : NULL;
	return err;
}
