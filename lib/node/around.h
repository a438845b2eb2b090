/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * around - pages that are fetched before anybody touches them.
 *
 * Vcpus that read missing pages in a row are noticed by their stalls (ROWS rows at a time). From the
 * second page of a row on the next ones are asked for as well: 4, then 8, then 16, never more than
 * the embedder wants. They come as the accesses of a VMM do, as copies to read. One is asked for at
 * a time, and only when nothing else is to do; none while frames are few, or accesses under way.
 */
#ifndef TIDAL_NODE_AROUND_H
#define TIDAL_NODE_AROUND_H

#include <stdbool.h>
#include <tidal/event.h>
#include <tidal/params.h>

#define AROUND_ROWS 8
#define AROUND_MOST 32

struct around {
	uint32_t most;	   /* pages ahead; 0: never any */
	uint32_t spare;	   /* free frames below which nothing is fetched */
	uint32_t under_way;
	tidal_gfn from, to; /* still to be asked for */
	uint32_t oldest;
	struct around_row {
		tidal_gfn last, next; /* that stalled; that nobody has asked for */
		uint32_t length;
	} row[AROUND_ROWS];
};

struct tidal_node;

/* EINVAL: more than AROUND_MOST. */
int around_open(struct around *a, uint32_t most, const struct tidal_params *params);
/* The core has taken a stall. */
void around_stalled(struct tidal_node *n, const struct tidal_ev_stall *stall);
/* Ask for a page, if there is one to be asked for now. */
bool around_waits(const struct tidal_node *n);
bool around_push(struct tidal_node *n);
/* Is a completion for this? */
bool around_is(uint32_t requester);
void around_complete(struct tidal_node *n);

#endif
