/* SPDX-License-Identifier: BSD-3-Clause */
/* build.c - make a node: its host, its vCPUs, its parameters. */
#include "pod.h"
#include "text.h"

#define REAL_RTO_NS 20000000

/*
 * The initial virtual map: all memory dormant at node 0, the vCPUs in equal shares.
 */
int build_vmap(const struct options *options, struct tidal_vmap *map)
{
	uint32_t nodes = options->start_at_master ? 1 : options->nodes;
	uint32_t done = 0;

	if (tidal_vmap_init(map, sizeof(*map), options->machine->gpa(options->memory) / TIDAL_PAGE_SIZE,
			    options->vcpus))
		return complain(MINI_POD_USAGE, "%s of guest memory: not so much",
				text_bytes(options->memory).s);
	map->vcpu_runs = 0;
	for (uint32_t i = 0; i < nodes; i++) {
		uint32_t end = options->vcpus * (i + 1) / nodes;

		if (end == done)
			continue;
		map->vcpu[map->vcpu_runs++] = (struct tidal_vmap_vcpus){
			.first = (tidal_vcpuid)done,
			.count = (uint16_t)(end - done),
			.node = (tidal_nodeid)i,
		};
		done = end;
	}
	options->machine->devices(options, map);
	return 0;
}

/* A vCPU begins to exist on the host where the virtual map lets it start. */
static int boot_vcpus(struct pod_node *node, const struct tidal_vmap *map, struct boot boot)
{
	for (uint32_t run = 0; run < map->vcpu_runs; run++) {
		const struct tidal_vmap_vcpus *vcpus = &map->vcpu[run];

		if (vcpus->node != node->id)
			continue;
		for (uint16_t i = 0; i < vcpus->count; i++) {
			tidal_vcpuid vcpu = (tidal_vcpuid)(vcpus->first + i);
			int status;

			boot.a[0] = vcpu;
			status = node->pod->options->machine->boot(node, vcpu, &boot);
			if (status)
				return status;
		}
	}
	return 0;
}

static uint32_t at_least(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void make_params(const struct pod_node *node, const struct tidal_vmap *map,
			const struct tidal_topology *topology, struct tidal_params *params)
{
	const struct options *options = node->pod->options;
	uint32_t frames = (uint32_t)(options->node_memory / TIDAL_PAGE_SIZE);

	tidal_params_init(params, sizeof(*params), frames);
	params->node = node->id;
	params->nodes = (uint16_t)options->nodes;
	params->incarnation = 1;
	params->flags = (options->machine->real ? 0u : TIDAL_PARAM_RETIRE_EVENTS) |
			(node->pod->trace ? TIDAL_PARAM_TRACE : 0u);
	params->seed = options->seed * MINI_POD_NODES_MAX + node->id;
	params->vmap = node->id == 0 ? map : NULL;
	params->topology = topology;
	params->vcpu_slots = options->vcpus;
	/*
	 * In a huge guest every page that is used may lie in a range of its own, each split off
	 * extents that are halved again and again. What isn't used costs only addresses.
	 */
	params->ranges = at_least(params->ranges, 16 * frames * options->nodes);
	params->homes = at_least(params->homes, 2 * frames * options->nodes);
	params->policy = options->policy;
	/* Between processes that share processors an answer may take a time slice. */
	if (options->machine->real || node->pod->peer_gone)
		params->rto_ns = REAL_RTO_NS;
}

static int open_node(struct pod_node *node, const struct tidal_params *params)
{
	const struct tidal_node_config config = {
		.size = sizeof(config),
		.params = params,
		.host_ops = node->pod->options->machine->host_ops(),
		.host = node->host,
		.transport_ops = node->transport_ops,
		.transport = node->transport,
		.callbacks = &pod_callbacks,
		.arg = node,
	};
	const char *why = "";
	int status = tidal_params_check(params, &why);

	if (status)
		return complain(MINI_POD_USAGE, "node %u with %s of memory: %s: %s", node->id,
				text_bytes(node->pod->options->node_memory).s,
				tidal_strerror(status), why);
	status = tidal_node_open(&config, &node->node);
	if (!status && node->pod->record && node->id == 0)
		status = tidal_node_record(node->node);
	return status ? complain(MINI_POD_BUG, "node %u: %s", node->id, tidal_strerror(status)) :
			0;
}

void build_boot(const struct options *options, const struct program *program,
		struct boot *boot)
{
	*boot = (struct boot){
		.pc = program->image.entry,
		.a = { 0, options->vcpus, options->memory, program->input_at, program->input.len,
		       program->free },
	};
}

int build_host(struct pod_node *node, const struct tidal_vmap *map,
	       const struct boot *boot)
{
	int status = node->pod->options->machine->open(node, map);

	return status ? status : boot_vcpus(node, map, *boot);
}

int build_node(struct pod_node *node, const struct tidal_vmap *map)
{
	struct tidal_topo_object objects[2 + 2 * MINI_POD_HTHREADS_MAX];
	struct tidal_topology topology;
	struct tidal_params params;
	int status = tidal_topology_regular(&topology, objects,
					    sizeof(objects) / sizeof(objects[0]), 1,
					    node->pod->options->hthreads, 1);

	if (status)
		return complain(MINI_POD_BUG, "node %u: %s", node->id, tidal_strerror(status));
	make_params(node, map, &topology, &params);
	return open_node(node, &params);
}
