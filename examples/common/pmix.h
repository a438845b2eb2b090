/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix.h - a pod that a launcher of parallel programs has started (mpirun, srun): each process
 * learns from PMIx which node it is and where the others are.
 */
#ifndef MINI_POD_PMIX_H
#define MINI_POD_PMIX_H

#include "options.h"

/* --pmix: be one of the nodes. Returns the exit code. */
int pmix_join(struct options *options);

/* This is one of many copies, and was not told to be a part: say once what would make it one. */
void pmix_hint(void);

#endif
