/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h - what happened on each node, for people. */
#ifndef MINI_POD_TABLE_H
#define MINI_POD_TABLE_H

#include <tidal/node.h>

#include "options.h"

struct tally {
	uint32_t nodes;
	struct tidal_stats core[MINI_POD_NODES_MAX];
	struct tidal_node_stats driver[MINI_POD_NODES_MAX];
	tidal_time ready, ended; /* when the pod could boot, and when the guest ended */
	int real;		 /* these are not virtual times */
};

/*
 * On stderr. With virtual times all of it is in pod time, so that the same seed prints the same
 * table, except the decision time in its last line.
 */
void table_print(const struct options *options, const struct tally *tally);

#endif
