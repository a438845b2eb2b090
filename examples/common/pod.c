/* SPDX-License-Identifier: BSD-3-Clause */
/* pod.c - make the hosts, the wire and the nodes of a pod. */
#include "pod.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "text.h"
#include "trace_file.h"

/* The wire: what a fast Ethernet between machines gives. */
#define DELAY_NS 5000
#define BYTE_PS 800 /* 10 Gbit/s */

static int open_net(struct pod *pod)
{
	const struct options *options = pod->options;
	struct tidal_inproc_config config;
	int status;

	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = options->nodes;
	config.delay_ns = options->machine->real ? 0 : DELAY_NS;
	config.byte_ps = options->machine->real ? 0 : BYTE_PS;
	config.jitter_ns = options->reorder ? 2 * DELAY_NS : 0;
	config.reorder = (uint32_t)options->reorder;
	config.loss_ppm = options->loss_ppm;
	config.seed = options->seed;
	status = tidal_inproc_open(&config, &pod->net);
	return status ? complain(MINI_POD_BUG, "the wire: %s", tidal_strerror(status)) : 0;
}

static int add_node(struct pod *pod, const struct tidal_vmap *map,
		    const struct boot *boot)
{
	struct pod_node *node = &pod->nodes[pod->opened];
	int status;

	node->pod = pod;
	node->id = (tidal_nodeid)pod->opened++;
	node->transport_ops = tidal_inproc_ops();
	status = build_host(node, map, boot);
	if (status)
		return status;
	status = tidal_inproc_endpoint(pod->net, node->id, &node->transport);
	if (status)
		return complain(MINI_POD_BUG, "node %u: %s", node->id, tidal_strerror(status));
	return build_node(node, map);
}

int pod_open_record(struct pod *pod)
{
	const char *path = pod->options->record;

	if (!path)
		return 0;
	pod->record = fopen(path, "wb");
	return pod->record ? 0 :
			     complain(MINI_POD_USAGE, "%s: can't write it: %s", path,
				      strerror(errno));
}

int pod_open_trace(struct pod *pod)
{
	if (!pod->options->trace)
		return 0;
	pod->trace = trace_open(pod->options, pod->peer_gone != NULL);
	return pod->trace ? 0 : complain(MINI_POD_BUG, "not enough memory");
}

int pod_write_trace(struct pod *pod)
{
	const struct options *options = pod->options;
	struct trace_path part;
	int status;

	if (!pod->trace)
		return 0;
	part = trace_part(options->trace, options->node);
	trace_end(pod->trace, pod->trace->real ? clock_ns() : pod->now);
	status = trace_write(pod->trace, part.s);
	if (!status && options->node == MINI_POD_NO_NODE)
		status = trace_merge(options->trace, &part, 1);
	return status;
}

int pod_open(struct pod *pod, const struct options *options, const struct program *program)
{
	struct boot boot;
	struct tidal_vmap map;
	int status;

	memset(pod, 0, sizeof(*pod));
	pod->options = options;
	pod->budget = QUANTUM_INSNS;
	pod->begun = clock_ns();
	pod->pass_time = options->machine->real ? pod_advance_real : pod_advance;
	build_boot(options, program, &boot);
	status = build_vmap(options, &map);
	if (!status)
		status = pod_open_record(pod);
	if (!status)
		status = pod_open_trace(pod);
	if (!status)
		status = open_net(pod);
	while (!status && pod->opened < options->nodes)
		status = add_node(pod, &map, &boot);
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

void pod_tally(const struct pod *pod, struct tally *tally)
{
	*tally = (struct tally){ .nodes = pod->opened, .ready = pod->ready_time, .ended = pod->now };
	for (uint32_t i = 0; i < pod->opened; i++) {
		const struct tidal_node *node = pod->nodes[i].node;

		tidal_core_stats(tidal_node_core(node), &tally->core[i], sizeof(tally->core[i]));
		tidal_node_stats(node, &tally->driver[i], sizeof(tally->driver[i]));
		/* The gauge has a vCPU that moves on two nodes; here each is on one. */
		tally->core[i].vcpus_here = pod_vcpus_on(pod, i);
	}
}

void pod_close(struct pod *pod)
{
	while (pod->opened) {
		struct pod_node *node = &pod->nodes[--pod->opened];

		pod->options->machine->stop(node);
		if (node->node)
			tidal_node_close(node->node);
		if (node->transport)
			node->transport_ops->close(node->transport);
		pod->options->machine->close(node);
	}
	if (pod->net)
		tidal_inproc_close(pod->net);
	trace_close(pod->trace);
	if (pod->record && fclose(pod->record))
		complain(MINI_POD_BUG, "%s: %s", pod->options->record, strerror(errno));
	memset(pod, 0, sizeof(*pod));
}
