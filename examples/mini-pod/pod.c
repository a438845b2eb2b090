/* SPDX-License-Identifier: BSD-3-Clause */
/* pod.c - make the hosts, the wire and the nodes of a pod. */
#include "pod.h"

#include <errno.h>
#include <string.h>

#include "text.h"

/* The wire: what a fast Ethernet between machines gives. */
#define DELAY_NS 5000
#define BYTE_PS 800 /* 10 Gbit/s */

/*
 * The initial virtual map: all memory dormant at node 0, the device registers there too,
 * the vCPUs in equal shares.
 */
static int make_vmap(const struct options *options, struct tidal_vmap *map)
{
	uint32_t nodes = options->start_at_master ? 1 : options->nodes;
	uint32_t done = 0;

	if (tidal_vmap_init(map, sizeof(*map), options->memory / TIDAL_PAGE_SIZE, options->vcpus))
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
	map->devices = 1;
	map->device[0] = (struct tidal_vmap_device){
		.base = TIDAL_FAKE_DEVICES,
		.bytes = TIDAL_FAKE_DEVICES_BYTES,
		.node = 0,
	};
	return 0;
}

static int open_net(struct pod *pod)
{
	const struct options *options = pod->options;
	struct tidal_inproc_config config;
	int status;

	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = options->nodes;
	config.delay_ns = DELAY_NS;
	config.byte_ps = BYTE_PS;
	config.jitter_ns = options->reorder ? 2 * DELAY_NS : 0;
	config.reorder = (uint32_t)options->reorder;
	config.loss_ppm = options->loss_ppm;
	config.seed = options->seed;
	status = tidal_inproc_open(&config, &pod->net);
	return status ? complain(MINI_POD_BUG, "the wire: %s", tidal_strerror(status)) : 0;
}

static int open_host(struct pod_node *node)
{
	const struct options *options = node->pod->options;
	struct tidal_fake_config config;
	int status;

	tidal_fake_config_init(&config, sizeof(config));
	config.frames = (uint32_t)(options->node_memory / TIDAL_PAGE_SIZE);
	config.vcpu_slots = options->vcpus;
	config.hthreads = options->hthreads;
	config.ram_bytes = options->memory;
	status = tidal_fake_open(&config, &node->host);
	return status ? complain(MINI_POD_USAGE, "node %u with %s: %s", node->id,
				 text_bytes(options->node_memory).s, tidal_strerror(status)) :
			0;
}

/* A vCPU begins to exist on the host where the virtual map lets it start. */
static int boot_vcpus(struct pod_node *node, const struct tidal_vmap *map,
		      const struct program *program)
{
	const struct options *options = node->pod->options;
	struct tidal_fake_boot boot = {
		.pc = program->image.entry,
		.a = { 0, options->vcpus, options->memory, program->input_at, program->input.len,
		       program->free },
	};

	for (uint32_t run = 0; run < map->vcpu_runs; run++) {
		const struct tidal_vmap_vcpus *vcpus = &map->vcpu[run];

		if (vcpus->node != node->id)
			continue;
		for (uint16_t i = 0; i < vcpus->count; i++) {
			tidal_vcpuid vcpu = (tidal_vcpuid)(vcpus->first + i);
			int status = tidal_fake_ops()->vcpu_create(node->host, vcpu);

			boot.a[0] = vcpu;
			if (!status)
				status = tidal_fake_vcpu_boot(node->host, vcpu, &boot);
			if (status)
				return complain(MINI_POD_BUG, "vCPU %u: %s", vcpu,
						tidal_strerror(status));
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
	params->flags = TIDAL_PARAM_RETIRE_EVENTS;
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
}

static int open_node(struct pod_node *node, const struct tidal_params *params)
{
	const struct tidal_node_config config = {
		.size = sizeof(config),
		.params = params,
		.host_ops = tidal_fake_ops(),
		.host = node->host,
		.transport_ops = tidal_inproc_ops(),
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

static int add_node(struct pod *pod, const struct tidal_vmap *map, const struct program *program)
{
	struct tidal_topo_object objects[2 + 2 * MINI_POD_HTHREADS_MAX];
	struct pod_node *node = &pod->nodes[pod->opened];
	struct tidal_topology topology;
	struct tidal_params params;
	int status;

	node->pod = pod;
	node->id = (tidal_nodeid)pod->opened++;
	status = open_host(node);
	if (!status)
		status = boot_vcpus(node, map, program);
	if (status)
		return status;
	status = tidal_inproc_endpoint(pod->net, node->id, &node->transport);
	if (!status)
		status = tidal_topology_regular(&topology, objects,
						sizeof(objects) / sizeof(objects[0]), 1,
						pod->options->hthreads, 1);
	if (status)
		return complain(MINI_POD_BUG, "node %u: %s", node->id, tidal_strerror(status));
	make_params(node, map, &topology, &params);
	return open_node(node, &params);
}

static int open_record(struct pod *pod)
{
	const char *path = pod->options->record;

	if (!path)
		return 0;
	pod->record = fopen(path, "wb");
	return pod->record ? 0 :
			     complain(MINI_POD_USAGE, "%s: can't write it: %s", path,
				      strerror(errno));
}

int pod_open(struct pod *pod, const struct options *options, const struct program *program)
{
	struct tidal_vmap map;
	int status;

	memset(pod, 0, sizeof(*pod));
	pod->options = options;
	status = make_vmap(options, &map);
	if (!status)
		status = open_record(pod);
	if (!status)
		status = open_net(pod);
	while (!status && pod->opened < options->nodes)
		status = add_node(pod, &map, program);
	return status;
}

/*
 * Where a vCPU is. One that was sent counts as frozen on its old node until that node knows of its
 * arrival; where it has arrived it is something else. On the wire: where it was sent from last.
 */
static uint32_t vcpu_node(const struct pod *pod, tidal_vcpuid vcpu)
{
	uint32_t last = MINI_POD_NODES_MAX;
	uint64_t epoch = 0;

	for (uint32_t i = 0; i < pod->opened; i++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(tidal_node_core(pod->nodes[i].node), vcpu, &info) ||
		    info.state == TIDAL_VCPU_AWAY || info.state == TIDAL_VCPU_LOST)
			continue;
		if (info.state != TIDAL_VCPU_FROZEN)
			return i;
		if (last == MINI_POD_NODES_MAX || info.epoch > epoch) {
			last = i;
			epoch = info.epoch;
		}
	}
	return last;
}

uint32_t pod_vcpus_on(const struct pod *pod, uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t vcpu = 0; vcpu < pod->options->vcpus; vcpu++)
		count += vcpu_node(pod, (tidal_vcpuid)vcpu) == node;
	return count;
}

void pod_close(struct pod *pod)
{
	while (pod->opened) {
		struct pod_node *node = &pod->nodes[--pod->opened];

		if (node->node)
			tidal_node_close(node->node);
		if (node->transport)
			tidal_inproc_ops()->close(node->transport);
		if (node->host)
			tidal_fake_ops()->close(node->host);
	}
	if (pod->net)
		tidal_inproc_close(pod->net);
	if (pod->record && fclose(pod->record))
		complain(MINI_POD_BUG, "%s: %s", pod->options->record, strerror(errno));
	memset(pod, 0, sizeof(*pod));
}
