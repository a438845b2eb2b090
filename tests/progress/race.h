/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * race - vCPUs that get in each other's way, and how long each access takes them in virtual
 * time: from its first attempt to the moment when the instruction has retired. Every race is
 * run under every policy, with hosts that tell retired instructions and hosts that can't, and
 * with several seeds (order of messages, speed of hosts). Include after cmocka.
 */
#ifndef TIDAL_TESTS_RACE_H
#define TIDAL_TESTS_RACE_H

#include "../sim/world.h"

#define RACE_US UINT64_C(1000)
#define RACE_MS UINT64_C(1000000)

struct race {
	const char *name;
	unsigned nodes, vcpus, hthreads; /* hthreads 0: one for each vCPU */
	unsigned slice;			 /* as in struct world_config */
	bool quick;			 /* hosts take no time; else up to 1 us */
	uint64_t pages;
	uint32_t frames;
	uint64_t steps; /* accesses of each vCPU */
	void (*next)(tidal_vcpuid v, uint64_t step, struct world_op *op);
	/* The access has retired; its page is mapped so on that node. May be NULL. */
	void (*retired)(tidal_vcpuid v, uint64_t step, int mapping);
	void (*tune)(struct tidal_params *, void *arg);
	tidal_time bound;      /* no access takes longer... */
	tidal_time bound_told; /* ...or even this, where hosts tell; 0: the same */
};

/* Fails if an access takes longer than the bound, or anything is violated. Prints what it took. */
void race_run(const struct race *r);

#endif
