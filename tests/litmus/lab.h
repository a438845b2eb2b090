/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pod to run shapes on: real nodes, fake hosts with gates, the in-process wire, virtual time.
 * Everything follows from a seed: sizes, weather, policy, where things lie, and who
 * runs how far when.
 */
#ifndef LITMUS_LAB_H
#define LITMUS_LAB_H

#include <tidal/inproc.h>
#include <tidal/node.h>

#include "body.h"
#include "gate.h"

#define LAB_RANGES GATE_NODES		      /* 2 MiB of guest memory begin at each node */
#define LAB_GFN(range, n) ((tidal_gfn)(range) * TIDAL_RANGE_PAGES + (n))
#define LAB_POOL 6
#define LAB_PIN 200 /* in the range of each node: a page that is pinned there */

struct lab_config {
	unsigned nodes, harts, hthreads;
	uint32_t frames;
	unsigned pool; /* pages for variables, in the range of each node */
	tidal_time delay_ns, jitter_ns;
	uint32_t loss_ppm, dup_ppm, reorder;
	bool ideal;
	bool lazy; /* nodes are late at times */
	bool meddled; /* an administrator gives commands */
	bool cramped; /* tables are small */
	bool dumb; /* cores aren't told of retired instructions */
	uint32_t budget; /* most instructions in a step */
	const struct tidal_policy_ops *policy;
};

struct lab_node {
	struct lab *lab;
	struct tidal_transport *wire;
	struct tidal_node *node;
	unsigned ready, pinned;
};

struct lab {
	struct lab_config c;
	uint64_t random;
	struct gate gate;
	struct lab_node node[GATE_NODES];
	struct tidal_inproc *net;
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[16];
	tidal_time now;
	uint64_t steps;
	bool quiet; /* nothing is under way */
	bool booted;
	struct body body;
	tidal_gpa code;
	unsigned accesses; /* over */
	char wrong[160];   /* what failed, or empty */
};

/* How a pod of this seed is. */
void lab_choose(struct lab_config *config, uint64_t seed, unsigned harts);
/* The same where copies are made more often, for a fault to show in them. */
void lab_calm(struct lab_config *config);
/* Open it, boot it, put the code where it belongs, and let the harts come to the gate. */
void lab_open(struct lab *lab, const struct lab_config *config, uint64_t seed,
	      const struct shape *shape, tidal_gfn code);
void lab_close(struct lab *lab);

/* Steps, until all harts wait at the gate; false: something is wrong. */
bool lab_step(struct lab *lab);
bool lab_gather(struct lab *lab);
void lab_fail(struct lab *lab, const char *what, long long value);
/* An access of a VMM, until it is over. */
bool lab_access(struct lab *lab, unsigned node, tidal_gpa gpa, void *bytes, size_t len, bool write);
/* One of the built-in policies, or one whose answers are a hash of the question. */
const struct tidal_policy_ops *lab_policy(uint64_t *random);
/* meddle.c: give some command. */
void lab_meddle(struct lab *lab);

/* Everything that cores can check of themselves. */
bool lab_check(struct lab *lab);

#endif
