/* SPDX-License-Identifier: BSD-3-Clause */
/* access - reads and writes of guest memory by the VMM, a page at a time. */
#ifndef TIDAL_NODE_ACCESS_H
#define TIDAL_NODE_ACCESS_H

#include <stdbool.h>
#include <tidal/base.h>
#include <tidal/node.h>

enum access_state {
	ACCESS_FREE = 0,
	ACCESS_READY,	/* its next stall is to be pushed */
	ACCESS_WAITING, /* for TIDAL_ACT_COMPLETE */
};

struct access {
	uint32_t state; /* enum access_state */
	uint32_t age;	/* grows with every stall: old completions are told apart */
	bool write;
	uint8_t *buf;
	size_t len;
	tidal_gpa gpa;
	uint64_t cookie;
};

struct accesses {
	uint32_t ready; /* slots in that state */
	uint32_t used;	/* slots that are not free */
	struct access slot[TIDAL_NODE_ACCESSES];
};

struct tidal_node;

int access_begin(struct tidal_node *n, tidal_gpa gpa, void *buf, size_t len, bool write,
		 uint64_t cookie);
/* Push the stalls that are ready; returns how many the core took or refused for good. */
int access_push(struct tidal_node *n);
/* The core says that a page can be touched now, or why not. */
void access_complete(struct tidal_node *n, uint32_t requester, tidal_gfn gfn, int status);

#endif
