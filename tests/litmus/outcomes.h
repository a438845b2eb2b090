/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a sequentially consistent machine allows: every interleaving of a shape is run, and the
 * outcomes are collected. An outcome is a number: four bits for each value that is learnt, in
 * the order of harts and instructions, then the variables at the end.
 */
#ifndef LITMUS_OUTCOMES_H
#define LITMUS_OUTCOMES_H

#include <stddef.h>

#include "shapes.h"

#define OUTCOMES 512

struct outcomes {
	unsigned n;
	struct outcome {
		uint64_t code;
		uint64_t seen;
		bool may; /* needs an SC that fails without a reason */
	} of[OUTCOMES];
};

void outcomes_allowed(struct outcomes *all, const struct shape *shape);
/* Count it; false: it is forbidden. */
bool outcomes_see(struct outcomes *all, uint64_t code);
bool outcomes_has(const struct outcomes *all, uint64_t code);
/* How many that need no failing SC were never seen. */
unsigned outcomes_missing(const struct outcomes *all);

/* Add a value to an outcome that has *n so far. */
void outcome_add(uint64_t *code, unsigned *n, uint64_t value);
/* "0:x=1 1:y=0 x=2" */
void outcome_text(char *text, size_t room, const struct shape *shape, uint64_t code);

#endif
