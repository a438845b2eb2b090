/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pod.h - several nodes in one process, in virtual time: what an embedder of libtidal
 * writes, at its smallest. pod.c makes the nodes, run.c drives them, load.c writes
 * the program into guest memory.
 */
#ifndef MINI_POD_POD_H
#define MINI_POD_POD_H

#include <stdio.h>

#include <tidal/inproc.h>
#include <tidal/node.h>

#include "options.h"
#include "program.h"

struct pod;

struct pod_node {
	struct pod *pod;
	tidal_nodeid id;
	struct tidal_host *host;
	struct tidal_transport *transport;
	struct tidal_node *node;
};

struct pod {
	const struct options *options;
	struct tidal_inproc *net;
	struct pod_node nodes[MINI_POD_NODES_MAX];
	uint32_t opened;       /* of nodes */
	tidal_time now;	       /* pod time */
	tidal_time ready_time; /* when all nodes knew the virtual map */
	uint32_t ready;	       /* nodes that know it */
	uint32_t loading;      /* accesses of the loader under way */
	uint64_t ticket;       /* next value of the ticket device */
	int exited;	       /* the guest has written to its exit device: */
	int exit_code;
	int failed; /* an exit code; it was complained about. Nothing goes on */
	FILE *record;
	char transcript[4096]; /* the beginning of what the guest said */
	size_t said;
	uint64_t steps;
};

/* All return 0, or an exit code after a complaint. pod_close() in any case. */
int pod_open(struct pod *pod, const struct options *options, const struct program *program);
void pod_close(struct pod *pod);

int pod_boot(struct pod *pod);					  /* until all nodes are ready */
int pod_load(struct pod *pod, const struct program *program);	  /* program and input */
int pod_run(struct pod *pod);					  /* until the guest ends */

/* Do one step of every node and let time pass. */
int pod_step(struct pod *pod);

/* vCPUs on a node; each of the guest's is on one. */
uint32_t pod_vcpus_on(const struct pod *pod, uint32_t node);

/* What the nodes tell (run.c). */
extern const struct tidal_node_callbacks pod_callbacks;

#endif
