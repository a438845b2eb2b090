/* SPDX-License-Identifier: BSD-3-Clause */
/* A trial: one pod, one shape, many runs of it. */
#ifndef LITMUS_TRIAL_H
#define LITMUS_TRIAL_H

#include "lab.h"
#include "outcomes.h"

#define TRIAL_RUNS 256

/* What moved, over all trials. */
struct traffic {
	uint64_t pods, pages, copies, invalidations, vcpus, evictions, resent, zeroed, steps;
};

struct trial {
	struct lab lab;
	const struct shape *shape;
	struct outcomes *outcomes;
	enum gate_fault fault; /* one in each run */
	bool verbose;
	uint64_t random;
	bool used[LAB_RANGES][LAB_POOL];
	bool in_code; /* x lies in the page of the code */
	tidal_gpa page[LITMUS_VARS];
	unsigned slot, slots; /* where in their pages the variables are; first that there is not */
	unsigned left;	      /* runs with these pages */
	uint64_t outcome;     /* of the last run */
	bool allowed;
};

/*
 * Runs of a pod with this seed, *runs* at most; how many were made. Stops at a forbidden outcome,
 * or when trial->lab.wrong says what else is not right.
 */
unsigned trial_runs(struct trial *trial, uint64_t seed, unsigned runs, struct traffic *traffic);

#endif
