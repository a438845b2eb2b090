/* SPDX-License-Identifier: BSD-3-Clause */
/* A pod of real nodes for tests: cores, fake hosts, the in-process wire, virtual time. */
#ifndef TEST_NODE_POD_H
#define TEST_NODE_POD_H

#include <tidal/fake.h>
#include <tidal/inproc.h>
#include <tidal/node.h>

#define POD_NODES 4
#define POD_TRACES 16
#define POD_VCPUS 8

struct pod_log {
	unsigned char *bytes;
	size_t len, room;
};

struct pod_node {
	struct pod *pod;
	struct tidal_host *host;
	struct tidal_transport *wire;
	struct tidal_node *node;
	struct pod_log log;
	unsigned ready; /* reports */
	unsigned failed;
	unsigned pinned;
	int pin_status;
	uint64_t traced[POD_TRACES]; /* by enum tidal_trace_kind */
	uint64_t left, came; /* sums of the numbers of what moved */
	unsigned char runs[POD_VCPUS]; /* as traced */
};

struct pod {
	unsigned nodes;
	tidal_time now;
	struct tidal_inproc *net;
	struct pod_node node[POD_NODES];
	/* what callbacks saw */
	unsigned accesses, accesses_failed;
	uint64_t exit_code;
	unsigned exited;
	uint64_t tickets;
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[16];
};

struct pod_config {
	unsigned nodes;
	uint64_t pages;
	unsigned vcpus;
	uint32_t frames;
	uint32_t loss_ppm, dup_ppm, reorder;
	const struct tidal_policy_ops *policy;
	unsigned record; /* keep event logs */
	unsigned trace;
	void (*place)(struct tidal_vmap *map); /* else all begins at node 0 */
};

void pod_open(struct pod *pod, const struct pod_config *config);
void pod_close(struct pod *pod);
/* Close the nodes only: their logs are complete and stay until pod_close(). */
void pod_stop(struct pod *pod);
/* One step of every node; then time goes on. */
void pod_step(struct pod *pod);
/* Until all nodes have the map; the vCPUs are still paused. */
void pod_boot(struct pod *pod);
void pod_continue(struct pod *pod);
/* An access, until it is over. */
int pod_access(struct pod *pod, unsigned node, tidal_gpa gpa, void *buf, size_t len, int write);
int pod_command(struct pod *pod, unsigned node, const struct tidal_ev_command *command);

#endif
