/* SPDX-License-Identifier: BSD-3-Clause */
/* processes.h - a process per node. */
#ifndef MINI_POD_PROCESSES_H
#define MINI_POD_PROCESSES_H

#include "options.h"

/* --processes: start them all on this host. --pod: be one of them. Each returns the exit code. */
int processes_run(struct options *options);
int processes_join(struct options *options);

#endif
