/* SPDX-License-Identifier: BSD-3-Clause */
/* A pod of real guests whose nodes are in one process, over inproc. */
#ifndef TEST_KVM_PODS_H
#define TEST_KVM_PODS_H

#include <tidal/inproc.h>

#include "node.h"

#define POD_NODES 3
#define POD_PATIENCE_US 240000000u

struct pod {
	unsigned nodes;
	struct tidal_inproc *net;
	struct vm_node vm[POD_NODES];
	struct tidal_transport *wire[POD_NODES];
};

/* config: of each node, but for what makes them different. All are ready. */
void pod_open(struct pod *pod, unsigned nodes, const struct vm_config *config);
/* Checks that nothing was reported. */
void pod_close(struct pod *pod);
void pod_continue(struct pod *pod);

/* Order some vCPU, wherever it is, to go somewhere else: 1: it has begun. */
unsigned pod_move_one(struct pod *pod, unsigned *seed);
/*
 * Until all vCPUs are done, order moves now and then, after 200 .. 200 + pause_us microseconds; 0:
 * none. How many have begun.
 */
unsigned pod_stir(struct pod *pod, unsigned pause_us, unsigned *seed);

/* Faults and vCPUs that moved in the whole pod. */
struct tidal_kvm_info pod_info(struct pod *pod);

#endif
