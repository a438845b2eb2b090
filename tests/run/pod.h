/* SPDX-License-Identifier: BSD-3-Clause */
/* A pod of fake hosts in which every node has threads of its own, in real time. */
#ifndef TEST_RUN_POD_H
#define TEST_RUN_POD_H

#include <pthread.h>
#include <stdatomic.h>
#include <tidal/fake.h>
#include <tidal/inproc.h>
#include <tidal/run.h>

#define POD_NODES 4
#define POD_MEMORY (UINT64_C(16) << 20)

struct pod_node {
	struct pod *pod;
	struct tidal_host *host;
	const struct tidal_transport_ops *wire_ops;
	struct tidal_transport *wire;
	struct tidal_node *node;
};

struct pod_config {
	unsigned nodes, vcpus, hthreads;
	uint32_t frames;
	const char *provider; /* of libfabric; NULL: the in-process wire */
	uint32_t blocking;    /* fabric: sleep on its descriptor */
	const struct tidal_policy_ops *policy;
	const struct tidal_host_ops *host_ops; /* of fake hosts; NULL: their own */
};

struct pod {
	struct pod_config config;
	struct tidal_inproc *net;
	struct pod_node node[POD_NODES];
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[16];
	void *elf;
	struct tidal_fake_image image;
	/* what callbacks see: other threads' */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ready, exited;
	unsigned failures; /* reports that should not be, and errors of steps */
	uint64_t exit_code, tickets;
	char said[4096];
	size_t len;
};

/* NULL: that wire can be had; else why not. */
const char *pod_refusal(const struct pod_config *config);
void pod_open(struct pod *pod, const struct pod_config *config);
/* Stops what is started, and checks the cores. */
void pod_close(struct pod *pod);
void pod_start(struct pod *pod, const struct tidal_run_config *run);
void pod_stop(struct pod *pod);
/* Until all nodes have the map; they are started. */
void pod_await_ready(struct pod *pod);
/* Write a program of examples/guests into memory. */
void pod_load(struct pod *pod, const char *guest);
void pod_continue(struct pod *pod);
/* Until the guest has ended; else fail, after a minute. */
void pod_await_exit(struct pod *pod);
/* An access, until it is over; any thread of a started pod. */
int pod_access(struct pod *pod, unsigned node, tidal_gpa gpa, void *buf, size_t len, int write);

#endif
