/* SPDX-License-Identifier: BSD-3-Clause */
/* member.h - this process as one node of a pod of processes. */
#ifndef MINI_POD_MEMBER_H
#define MINI_POD_MEMBER_H

#include "options.h"

/*
 * Meet the others, run, end with them. Node 0 has a listener or -1 (it makes its own). Returns
 * the exit code.
 */
int member_run(struct options *options, int listener);

#endif
