/* SPDX-License-Identifier: BSD-3-Clause */
/* json.h - what happened on each node, for programs. */
#ifndef MINI_POD_JSON_H
#define MINI_POD_JSON_H

#include "options.h"
#include "table.h"

/* Before the run: can the file options->json be written? If there is one. 0, or an exit code. */
int json_check(const struct options *options);
/* The guest has ended with that exit code. 0, or an exit code of our own after a complaint. */
int json_write(const struct options *options, const struct tally *tally, int guest_code);

#endif
