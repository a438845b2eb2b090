/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crew - nodes for the measurement of page faults: a process each, with threads that touch shared
 * pages when they are told to and note how long each touch took.
 *
 * What makes the pages shared is an engine: libtidal (fault_tidal.c) or the floor (floor/). All else
 * is the same for both: who touches what in which order, and the clock. Node n and everything in it
 * stays on processor n (modulo how many there are). What a page holds is checked with each touch.
 */
#ifndef TIDAL_BENCH_CREW_H
#define TIDAL_BENCH_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CREW_NODES 8
#define CREW_GUESTS 8	/* threads of a node that touch pages */
#define CREW_PAGES 1024 /* shared; those that nobody has written to are zero */
#define CREW_TOUCHES 1024 /* of one order */
#define CREW_ADDRESS 512

enum crew_wait {
	CREW_SPIN,  /* look again and again; let others run in between */
	CREW_MIXED, /* for spin_ns after something happened, then sleep */
	CREW_BLOCK, /* sleep */
};

struct crew_config {
	const char *provider; /* of libfabric; NULL: sockets (only the floor) */
	enum crew_wait wait;
	uint64_t spin_ns; /* MIXED */
	unsigned nodes;
	unsigned around; /* pages that a fault may bring besides its own, at most */
	bool stamps;	 /* note what happens when: taps.h */
};

/* Functions of one node, called in its process. They end it by crew_fail() when they can't. */
struct engine {
	const char *name;
	/* Returns the bytes written to *address*, by which others reach this node. */
	size_t (*open)(const struct crew_config *config, unsigned node, uint8_t *address);
	/* All addresses are known. Returns where the shared pages are, when they can be touched. */
	uint8_t *(*start)(const uint8_t (*address)[CREW_ADDRESS], const size_t *len);
};

extern const struct engine engine_tidal, engine_floor;

struct crew;

/* NULL: *why* (a text that stays) says why not: something is not here. */
struct crew *crew_open(const struct engine *engine, const struct crew_config *config,
		       const char **why);
void crew_close(struct crew *crew);
/* Nothing of it runs until it goes on. */
void crew_halt(struct crew *crew);
void crew_go_on(struct crew *crew);

struct crew_order {
	unsigned node;
	bool write;
	unsigned guests; /* threads, each with its share of the pages in a row; 0 is 1 */
	unsigned count;
	const uint16_t *page;
	double *ns; /* may be NULL: what each touch took */
};

/* Returns when all are touched; how long that took altogether, in ns. */
double crew_touch(struct crew *crew, const struct crew_order *order);
/* When the first thread of a node began its last order (clock_ns()). */
uint64_t crew_began(const struct crew *crew, unsigned node);
/* Two nodes write to a page in turn, *count* times each; ns per write. */
double crew_ping_pong(struct crew *crew, unsigned page, unsigned count);

/* In a node's process: it can't go on, or (*absent*) something is missing here. */
_Noreturn void crew_fail(bool absent, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Memory that all processes share, for stamps: so many bytes for each node, zero at first. */
#define CREW_NOTES 65536
void *crew_notes(struct crew *crew, unsigned node); /* in the parent */
void *crew_own_notes(void);			    /* in a node */

#endif
