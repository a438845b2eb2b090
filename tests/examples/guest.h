/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest of the worked examples: code on a pod of fake hosts, one piece of one vCPU at a time.
 * Between two pieces the pod is paused and can be looked at.
 */
#ifndef EXAMPLES_GUEST_H
#define EXAMPLES_GUEST_H

#include "../unit/node_pod.h"

enum guest_piece { GUEST_NOTHING, GUEST_STORE, GUEST_LOAD, GUEST_ZERO, GUEST_PIECES };

/* Until every node has the map, the vCPUs are where it says, and the code is where they are. */
void guest_start(struct pod *pod);
void guest_open(struct pod *pod, const struct pod_config *config); /* and start it */
/* That nothing was reported, and all cores are in order; then close the pod. */
void guest_finish(struct pod *pod);

/*
 * A vCPU does one piece, with one page; all others wait for interrupts that never come. Its
 * registers are looked at: the piece was done to its end, once.
 */
void guest_do(struct pod *pod, tidal_vcpuid v, enum guest_piece piece, tidal_gfn gfn);
#define GUEST_WORD 1 /* the doubleword of a page that loads and stores are of */
uint64_t guest_load(struct pod *pod, tidal_vcpuid v, tidal_gfn gfn);
void guest_store(struct pod *pod, tidal_vcpuid v, tidal_gfn gfn, uint64_t value);
/* Pages one after the other, without a pause between them; value, value + 1.. */
void guest_fill(struct pod *pod, tidal_vcpuid v, tidal_gfn gfn, uint64_t pages, uint64_t value);

/* The one node that has the vCPU, which is neither running nor on its way; else pod->nodes. */
unsigned guest_where(const struct pod *pod, tidal_vcpuid v);

/* A command for every node. */
void guest_order(struct pod *pod, struct tidal_ev_command what);
void guest_pass(struct pod *pod, unsigned steps);

const struct tidal_core *guest_core(const struct pod *pod, unsigned node);
struct tidal_stats guest_stats(const struct pod *pod, unsigned node);
/* Nothing is under way with the page. */
struct tidal_page_info guest_page(const struct pod *pod, unsigned node, tidal_gfn gfn);

#endif
