/* SPDX-License-Identifier: BSD-3-Clause */
/* start.h - what main() does: read the command line, and run what it asks for. */
#ifndef MINI_POD_START_H
#define MINI_POD_START_H

#include "options.h"

/* *no_program*: run when none was given; all return the exit code. */
int start_main(int argc, char **argv, int (*no_program)(const struct options *options));

/* A pod of which all nodes are in this process, from its program to its end (local.c). */
int local_run(const struct options *options);

#endif
