/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * story - a pod that does what a test tells it, one access at a time. Every vCPU waits until
 * it is told to touch a page; messages can be lost, held or repeated by kind, sender and
 * receiver. vCPU n starts on node n. Include after cmocka.
 */
#ifndef TIDAL_TESTS_STORY_H
#define TIDAL_TESTS_STORY_H

#include "../sim/world.h"

#include "core/wire.h"

#define STORY_OPS 1200
#define STORY_WIRES 8
#define ANY TIDAL_NODE_NONE

struct story {
	struct world *w;
	struct world_config config;
	struct world_op op[WORLD_VCPUS][STORY_OPS];
	uint64_t told[WORLD_VCPUS], done[WORLD_VCPUS];
	struct story_wire {
		uint8_t kind;
		tidal_nodeid from, to;
		enum world_fate fate;
	} wire[STORY_WIRES];
	unsigned wires;
	unsigned seen[MSG_MAX][WORLD_NODES][WORLD_NODES];
	struct wire last[MSG_MAX]; /* the latest of each kind */
	uint16_t payload[MSG_MAX]; /* and what it carried */
};

/*
 * What the config leaves out: a vCPU per node, 1024 pages, 64 frames, the page policy, 1 us of
 * wire.
 */
void story_open(struct story *s, const struct world_config *config);
/* Fails if anything was violated. */
void story_close(struct story *s);

/* Tell a vCPU to do this when it has done everything else. */
void story_tell(struct story *s, tidal_vcpuid v, uint8_t access, tidal_gfn gfn);
void story_tell_crossing(struct story *s, tidal_vcpuid v, uint8_t access, tidal_gfn gfn);
/* Has it done everything that it was told? */
bool story_done(const struct story *s, tidal_vcpuid v);
/* Let it do this now; it must succeed. Returns the virtual time that it took. */
tidal_time story_do(struct story *s, tidal_vcpuid v, uint8_t access, tidal_gfn gfn);
/* Go on until the vCPU is done (true), or for so long. */
bool story_finish(struct story *s, tidal_vcpuid v, tidal_time within);
void story_pass(struct story *s, tidal_time time);

/* What becomes of these messages from now on; kind 0: all, ANY: whoever. Later words win. */
void story_wire(struct story *s, uint8_t kind, tidal_nodeid from, tidal_nodeid to,
		enum world_fate fate);
/* All pass again, and what was held is sent on. Returns how many packets that were. */
unsigned story_mend(struct story *s);
/* Packets so far; repetitions count. */
unsigned story_seen(const struct story *s, uint8_t kind, tidal_nodeid from, tidal_nodeid to);

struct tidal_page_info story_page(const struct story *s, unsigned node, tidal_gfn gfn);
struct tidal_stats story_stats(const struct story *s, unsigned node);
struct tidal_stats story_total(const struct story *s);
/* Which must succeed. */
void story_command(struct story *s, unsigned node, struct tidal_ev_command c);
/* A VMM thread of that node touches the page; see world_completed(). */
void story_touch(struct story *s, unsigned node, uint8_t access, tidal_gfn gfn);

#define MS UINT64_C(1000000)
#define US UINT64_C(1000)

#endif
