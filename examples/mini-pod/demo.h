/* SPDX-License-Identifier: BSD-3-Clause */
/* demo.h - what mini-pod does when it is asked for nothing: a story of a few seconds. */
#ifndef MINI_POD_DEMO_H
#define MINI_POD_DEMO_H

#include "options.h"

/* Returns the exit code. */
int demo_run(const struct options *options);

#endif
