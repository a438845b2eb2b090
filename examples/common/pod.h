/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pod.h - the nodes of this process: what an embedder of libtidal writes, at its smallest.
 * pod.c makes a pod of which all nodes are here, in virtual time; build.c makes one node, run.c
 * drives those that are here, load.c writes the program into guest memory. With a process per
 * node (member.c) one is here, in real time.
 */
#ifndef MINI_POD_POD_H
#define MINI_POD_POD_H

#include <stdio.h>

#include <tidal/inproc.h>
#include <tidal/node.h>

#include "machine.h"
#include "options.h"
#include "program.h"
#include "table.h"
#include "trace.h"

/* While a vCPU runs, virtual time advances in steps in which it retires so many instructions. */
#define QUANTUM_INSNS 1000

struct pod;

struct pod_node {
	struct pod *pod;
	tidal_nodeid id;
	struct tidal_host *host;
	const struct tidal_transport_ops *transport_ops;
	struct tidal_transport *transport;
	struct tidal_node *node;
	void *vmm; /* the machine's own */
};

struct pod {
	const struct options *options;
	struct tidal_inproc *net;
	struct pod_node nodes[MINI_POD_NODES_MAX];
	uint32_t opened;       /* of nodes, those of this process */
	uint32_t budget;       /* instructions of a vCPU per step */
	/* Let time pass after a step in which something was done or not. 0, or an exit code. */
	int (*pass_time)(struct pod *pod, int did);
	/* Another process's node has gone. NULL: all nodes are here. */
	void (*peer_gone)(struct pod *pod, tidal_nodeid node);
	tidal_time now;	       /* pod time */
	uint64_t begun;	       /* if it is real: what clock_ns() said then */
	tidal_time ready_time; /* when all nodes knew the virtual map */
	uint32_t ready;	       /* nodes that know it */
	uint32_t loading;      /* accesses of the loader under way */
	uint64_t ticket;       /* the fake machine: next value of its ticket device */
	int exited;	       /* the guest has written to its exit device: */
	int exit_code;
	int failed; /* an exit code; it was complained about. Nothing goes on */
	FILE *record;
	struct trace *trace; /* NULL: none */
	char transcript[4096]; /* the beginning of what the guest said */
	size_t said;
	uint64_t steps;
};

/* All return 0, or an exit code after a complaint. pod_close() in any case. */
int pod_open(struct pod *pod, const struct options *options, const struct program *program);
void pod_close(struct pod *pod);

int pod_open_record(struct pod *pod);				  /* --record */
int pod_open_trace(struct pod *pod);				  /* --trace */
int pod_write_trace(struct pod *pod);				  /* what was seen until now */
int pod_boot(struct pod *pod);					  /* until all nodes are ready */
int pod_load(struct pod *pod, const struct program *program);	  /* program and input */
int pod_run(struct pod *pod);					  /* until the guest ends */

/* For machines: what the guest prints, its end, or one that is none: a code after a complaint. */
void pod_print(struct pod *pod, const void *bytes, size_t len);
void pod_exit(struct pod *pod, int code);
int pod_fail(struct pod *pod, int code);

int pod_continue(struct pod *pod);				  /* let vCPUs run here */

/* Do one step of every node and let time pass. */
int pod_step(struct pod *pod);
/* Virtual time: to the next moment at which something happens. */
int pod_advance(struct pod *pod, int did);
int pod_advance_real(struct pod *pod, int did);

/* Where a guest begins, from its program; what the virtual map is. 0, or an exit code (build.c). */
void build_boot(const struct options *options, const struct program *program,
		struct boot *boot);
int build_vmap(const struct options *options, struct tidal_vmap *map);
/* The host with the vCPUs that begin there; then, with a transport, the node. */
int build_host(struct pod_node *node, const struct tidal_vmap *map,
	       const struct boot *boot);
int build_node(struct pod_node *node, const struct tidal_vmap *map);

/* What happened on the nodes of this process. */
void pod_tally(const struct pod *pod, struct tally *tally);

/* vCPUs on a node; each of the guest's is on one. */
uint32_t pod_vcpus_on(const struct pod *pod, uint32_t node);

/* What the nodes tell (run.c). */
extern const struct tidal_node_callbacks pod_callbacks;

#endif
