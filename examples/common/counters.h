/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.h - the counters of a node as JSON. */
#ifndef MINI_POD_COUNTERS_H
#define MINI_POD_COUNTERS_H

#include <jansson.h>

#include "table.h"

/* Those of one node of a tally, in an object; and back. Counters that only one side knows are 0. */
json_t *counters_write(const struct tally *tally, uint32_t node);
void counters_read(json_t *object, struct tally *tally, uint32_t node);

#endif
