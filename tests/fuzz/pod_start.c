/* SPDX-License-Identifier: BSD-3-Clause */
/* pod_start - a pod as the first bytes of the input want it. */
#include "pod.h"

static void choose_map(struct pod *p, uint8_t choice)
{
	static const uint64_t pages[] = { 600, 3, 2048, UINT64_C(1) << TIDAL_GFN_BITS };
	unsigned second = p->nodes > 1 ? 1 : 0;

	MUST(tidal_vmap_init(&p->map, sizeof(p->map), pages[choice % 4], 1 + choice / 4 % 4) == 0);
	p->map.devices = 1;
	p->map.device[0] = (struct tidal_vmap_device){ POD_DEVICE, POD_DEVICE_BYTES,
						       (tidal_nodeid)(choice / 128 * second) };
	if (!(choice & 16) || p->map.memory[0].pages <= TIDAL_RANGE_PAGES)
		return;
	p->map.memory_runs = 2;
	p->map.memory[1] = (struct tidal_vmap_memory){ TIDAL_RANGE_PAGES,
						       p->map.memory[0].pages - TIDAL_RANGE_PAGES,
						       (tidal_nodeid)second };
	p->map.memory[0].pages = TIDAL_RANGE_PAGES;
	if (!(choice & 32) || p->map.vcpu[0].count < 2)
		return;
	p->map.vcpu_runs = 2;
	p->map.vcpu[1] = (struct tidal_vmap_vcpus){ 1, (uint16_t)(p->map.vcpu[0].count - 1),
						    (tidal_nodeid)second };
	p->map.vcpu[0].count = 1;
}

static void choose_topology(struct pod *p, uint8_t choice)
{
	p->topology = (struct tidal_topology){ p->objects, 2 + choice % POD_THREADS };
	for (uint32_t i = 1; i < p->topology.count; i++)
		p->objects[i].kind = TIDAL_TOPO_THREAD;
}

static void choose_sizes(struct tidal_params *q, uint8_t choice)
{
	static const uint32_t frames[] = { 16, 5, 64, 8 };

	tidal_params_init(q, sizeof(*q), frames[choice % 4]);
	q->vcpus = POD_VCPUS;
	q->vcpu_slots = choice & 4 ? POD_VCPUS : POD_VCPUS / 2;
	q->transits = choice & 8 ? 16 : 4;
	q->ranges = choice & 16 ? 32 : 12;
	q->homes = choice & 32 ? 16 : 4;
	q->hints = choice & 64 ? 16 : 4;
	q->vcpu_bytes = POD_VCPU_BYTES;
}

static void choose_policy(struct pod *p, struct tidal_params *q, uint8_t choice)
{
	const struct tidal_policy_ops *const ops[] = {
		NULL, tidal_policy_page(), tidal_policy_vcpu(), tidal_policy_cost(),
	};

	q->policy = ops[choice % 4];
	tidal_weights_init(&p->weights, sizeof(p->weights));
	p->weights.page_fixed.weight = choice & 64 ? 1000000 : 0;
	p->weights.vcpu_fixed.weight = choice & 128 ? 1000000 : 0;
	if (choice % 4 == 3)
		q->weights = &p->weights;
}

static void choose_params(struct pod *p, struct tidal_params *q, uint8_t flags)
{
	uint8_t policy;

	choose_sizes(q, fuzz_u8(&p->in));
	policy = fuzz_u8(&p->in);
	choose_policy(p, q, policy);
	q->nodes = (uint16_t)p->nodes;
	q->messages = 8 * p->nodes + 96 + (policy & 4 ? 100 : 0);
	q->flags = (p->ideal ? TIDAL_PARAM_IDEAL_LINK : 0u) |
		   (flags & 2 ? TIDAL_PARAM_RETIRE_EVENTS : 0u);
	q->hold_ns = policy & 8 ? 0 : q->hold_ns;
	q->topology = &p->topology;
	q->seed = policy;
}

/* false: these parameters don't fit together. */
static bool open_node(struct pod *p, struct pod_node *n)
{
	size_t bytes;
	int err;

	n->params.node = n->id;
	n->params.vmap = n->id == 0 ? &p->map : NULL;
	bytes = tidal_core_footprint(&n->params);
	if (bytes == 0)
		return false;
	fuzz_arena_open(&n->mem, bytes);
	n->before = malloc(bytes);
	MUST(n->before);
	err = tidal_core_init(n->mem.at, bytes, &n->params, &n->core);
	MUST(err == 0 || err == TIDAL_ERANGE);
	return err == 0;
}

/* Everybody knows that everybody is there. */
static void introduce(struct pod *p, struct pod_node *n)
{
	struct tidal_event up = { .kind = TIDAL_EV_PEER_UP, .u.peer = { .incarnation = 1 } };

	for (unsigned i = 0; i < p->nodes && i < 4; i++) {
		up.u.peer.node = (tidal_nodeid)i;
		if (i != n->id)
			(void)pod_push(p, n, &up);
	}
}

struct pod_node *pod_find(struct pod *p, tidal_nodeid id)
{
	for (unsigned i = 0; i < p->cores; i++)
		if (p->node[i].id == id)
			return &p->node[i];
	return NULL;
}

/* Which nodes there are; node 0 may be hostile as well. */
static void choose_nodes(struct pod *p, uint8_t choice)
{
	static const uint8_t nodes[] = { 2, 3, 4, POD_NODES };
	unsigned first = choice & 4 ? 1 : 0;

	p->nodes = nodes[choice % 4];
	p->cores = 1 + choice / 8 % 4;
	if (p->cores > POD_CORES || p->cores > p->nodes - first)
		p->cores = 1;
	for (unsigned i = 0; i < p->cores; i++)
		p->node[i].id = (tidal_nodeid)(first + i);
	for (unsigned i = 0; i < p->nodes && p->hostiles < POD_HOSTILE; i++)
		if (!pod_find(p, (tidal_nodeid)i))
			p->hostile[p->hostiles++].id = (tidal_nodeid)i;
}

bool pod_open(struct pod *p)
{
	uint8_t flags;

	choose_nodes(p, fuzz_u8(&p->in));
	flags = fuzz_u8(&p->in);
	p->ideal = flags & 1;
	choose_map(p, fuzz_u8(&p->in));
	choose_topology(p, flags / 4);
	for (unsigned i = 0; i < p->cores; i++)
		choose_params(p, &p->node[i].params, flags);
	for (unsigned i = 0; i < p->hostiles; i++)
		pod_hostile_open(p, &p->hostile[i]);
	for (unsigned i = 0; i < p->cores; i++)
		if (!open_node(p, &p->node[i]))
			return false;
	if (flags & 64)
		pod_log_open(p);
	for (unsigned i = 0; i < p->cores && flags & 16; i++)
		introduce(p, &p->node[i]);
	if (p->hostiles && p->hostile[0].id == 0 && flags & 32)
		pod_hostile_map(p);
	return true;
}

void pod_close(struct pod *p)
{
	free(p->log);
	for (unsigned i = 0; i < p->cores; i++) {
		if (p->node[i].mem.map)
			fuzz_arena_close(&p->node[i].mem);
		free(p->node[i].before);
	}
	for (unsigned i = 0; i < p->hostiles; i++)
		free(p->hostile[i].mem);
}
