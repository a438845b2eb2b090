/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pod whose nodes share memory among threads, in one process and real time: one thread drives
 * all nodes, others touch each node's memory.
 */
#ifndef TEST_THREADS_POD_H
#define TEST_THREADS_POD_H

#include <pthread.h>
#include <stdatomic.h>
#include <tidal/inproc.h>
#include <tidal/node.h>
#include <tidal/threads.h>

#define POD_NODES 3
#define POD_VCPUS 4 /* of each node */

struct pod_node {
	struct pod *pod;
	struct tidal_host *host;
	struct tidal_transport *wire;
	struct tidal_node *node;
	uint8_t *ram;
};

struct pod {
	unsigned nodes, ready;
	struct tidal_inproc *net;
	struct pod_node node[POD_NODES];
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[8];
	pthread_t driver;
	atomic_bool run, stop;
	atomic_uint failures; /* reports that should not be */
	atomic_uint refused;  /* vCPUs that the core wanted to move */
};

struct pod_config {
	unsigned nodes;
	uint64_t pages;
	uint32_t frames; /* of each node */
	uint32_t flags;	 /* of the hosts */
	uint32_t loss_ppm;
	const struct tidal_policy_ops *policy; /* NULL: tidal_policy_page() */
};

/* NULL: it can be opened; else why not (skip). */
const char *pod_refusal(uint32_t flags);
/* All nodes are ready, and the driver runs. */
void pod_open(struct pod *pod, const struct pod_config *config);
/* Checks the nodes' cores as well. */
void pod_close(struct pod *pod);

/* A guest: a thread of one node. */
struct guest {
	struct pod *pod;
	unsigned node, self; /* self: among all */
	unsigned guests;
	uint8_t *ram;
	const void *arg;
	uint64_t result;
	pthread_t thread;
};

/* Run *per_node* threads on each node, until all have ended. results: by self, may be NULL. */
void pod_run(struct pod *pod, unsigned per_node, void (*body)(struct guest *), const void *arg,
	     uint64_t *results);

#endif
