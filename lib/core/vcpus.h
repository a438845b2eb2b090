/* SPDX-License-Identifier: BSD-3-Clause */
/* vcpus - the continuations: what this node knows of every vCPU of the guest. */
#ifndef TIDAL_CORE_VCPUS_H
#define TIDAL_CORE_VCPUS_H

#include <stdbool.h>
#include <tidal/core.h>

#include "arena.h"

#define VCPU_HISTORY 16 /* recent stalls of which the serving node is remembered */
#define VCPU_STARVING 4 /* stalls without a retired instruction */
#define VCPU_RESTLESS 32 /* recent moves: it may go to and fro for one instruction */
#define VCPU_PATIENT 16 /* stalls of a restless one until it is believed to get on */

struct vcpu {
	uint8_t state;	  /* enum tidal_vcpu_state */
	uint8_t resume;	  /* enum tidal_resume: how it goes on when it runs next */
	uint8_t access;	  /* of its present stall */
	uint8_t priority;
	uint8_t moves;	  /* recent moves; fades as instructions retire */
	uint8_t stalls;	  /* since the last retired instruction */
	uint8_t history_used, history_at;
	bool moved;	  /* for this instruction already */
	bool pin_bound;	  /* came here for a pinned page */
	bool placed;	  /* the embedder's initial state of it is on this node */
	bool go;	  /* a slot at dest is promised: it leaves as soon as it is still */
	bool stop_asked;  /* TIDAL_ACT_STOP is under way */
	tidal_nodeid node; /* where it is, or probably is */
	tidal_nodeid dest; /* where it is to go: at its next stop, or while it is being saved */
	tidal_nodeid ran_on;
	uint16_t history[VCPU_HISTORY];
	uint32_t group;
	uint32_t io;	  /* number of the device access that is out, */
	tidal_nodeid io_node; /* where to, */
	uint32_t io_incarnation; /* and of that node */
	uint32_t dest_incarnation;
	uint32_t held;	  /* pages held for it: number of the first transit */
	uint32_t buf, buf_len; /* saved state, while it is being sent */
	uint64_t epoch;
	tidal_gfn gfn;	  /* of its last stall */
	tidal_gfn gfn_before; /* of the one before */
	uint64_t value;	  /* of its device access */
	tidal_time since; /* first stall without a retired instruction */
	tidal_time ran_at; /* when it was put on its hyperthread last */
	tidal_time settling; /* time run here towards the next move forgotten */
};

struct vcpus {
	rel vcpu;
	uint32_t count; /* records */
	uint32_t slots; /* that this node may hold */
	uint32_t here;	/* that it holds, arriving ones included */
	uint32_t promised; /* slots promised to vCPUs that may come */
};

void vcpus_init(struct vcpus *vs, struct arena *a, uint32_t count, uint32_t slots);

static inline struct vcpu *vcpus_at(const struct vcpus *vs, tidal_vcpuid v)
{
	return (struct vcpu *)((char *)(uintptr_t)vs + vs->vcpu) + v;
}

static inline bool vcpus_may_promise(const struct vcpus *vs)
{
	return vs->here + vs->promised < vs->slots;
}

/* Is it on this node, in whatever way? */
static inline bool vcpu_is_here(const struct vcpu *v)
{
	return v->state != TIDAL_VCPU_AWAY && v->state != TIDAL_VCPU_LOST;
}

/* Note which node served a stall; and the share (0..256) of the noted stalls that *node* served. */
void vcpu_served(struct vcpu *v, tidal_nodeid node);
uint32_t vcpu_share(const struct vcpu *v, tidal_nodeid node);

/*
 * It ran here until *now*, and needed nothing from anybody: that counts as stalls served here, one for
 * each VCPU_QUIET_NS, or a vCPU that touches another node once in a while would seem to
 * live there. And its moves fade, one for each VCPU_SETTLE_NS.
 */
#define VCPU_QUIET_NS 50000
#define VCPU_SETTLE_NS 1000000
void vcpu_ran(struct vcpu *v, tidal_time now, tidal_nodeid here);

/* It stalled on this page at *now*: counts towards starving. */
void vcpu_stalled(struct vcpu *v, tidal_time now, tidal_gfn gfn, uint8_t access, bool tells_retire);
/* It has retired an instruction. */
void vcpu_retired(struct vcpu *v);

#endif
