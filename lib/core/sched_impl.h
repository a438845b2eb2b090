/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sched_impl - what the files of the scheduler share: its layout in the arena.
 *
 * Objects are kept in depth-first order: those below object i are i + 1 .. end - 1, so a
 * walk over a subtree is a loop, and a subtree is skipped by going on at its end. The node
 * is object 0. References to vCPUs are numbers + 1, so that zeroed memory is an empty list.
 */
#ifndef TIDAL_CORE_SCHED_IMPL_H
#define TIDAL_CORE_SCHED_IMPL_H

#include "bits.h"
#include "sched.h"

#define SCHED_OBJECT_NONE UINT16_MAX

enum sched_place {
	SCHED_NOWHERE = 0,
	SCHED_READY = 1,   /* in the queue of its home */
	SCHED_RUNNING = 2, /* on its home; in s->running unless asked to stop */
	SCHED_WAITING = 3, /* in the event table */
};

struct sched_list {
	uint16_t first, last; /* vCPU + 1; 0: empty */
};

struct sched_vcpu {
	uint16_t prev, next; /* vCPU + 1 in the one list that holds it */
	uint16_t home;	     /* leaf object where it runs, is queued, or ran last; 0: never here */
	uint8_t place;	     /* enum sched_place */
	uint8_t priority;
	uint8_t passes;	     /* how often it was passed over as head of its queue */
	uint8_t kind;	     /* WAITING: enum sched_wait */
	uint8_t early;	     /* 1: it last ran until `left`, and had not used up its slice */
	uint8_t asked;	     /* RUNNING: 1: sched_preempt() has named it */
	uint64_t value;	     /* WAITING: for what */
	uint64_t order;	     /* smaller came to its place earlier */
	tidal_time at;	     /* READY, RUNNING: since when */
	tidal_time left;
	tidal_time since;    /* first readied here */
};

struct sched_object {
	uint16_t parent;
	uint16_t end;	  /* the object after the last one below this one */
	uint16_t hthread; /* leaves: its number, else SCHED_HT_NONE */
	uint16_t threads; /* leaves below (a leaf: 1) */
	uint16_t free;	  /* of them, how many run nothing */
	uint16_t ready;	  /* vCPUs queued below */
	uint16_t runs;	  /* leaves: vCPU + 1; 0: free */
	struct sched_list queue; /* leaves only */
};

struct sched {
	tidal_time slice;
	uint64_t order;	   /* the last one given */
	uint32_t vcpus;	   /* vCPU numbers are below */
	uint32_t seen;	   /* entries from here on were never used */
	uint32_t buckets;  /* power of two */
	uint16_t objects;
	uint16_t asked;	   /* running vCPUs that sched_preempt() has named */
	uint16_t readied;  /* the vCPU that was readied last; + 1 */
	uint32_t paused;
	struct sched_list running; /* by start time, without those asked to stop */
	rel vcpu;	   /* struct sched_vcpu[vcpus] */
	rel object;	   /* struct sched_object[objects] */
	rel leaf;	   /* uint16_t[threads]: object of a hyperthread */
	rel bucket;	   /* struct sched_list[buckets]: the event table */
};

static inline struct sched_vcpu *sched_vcpu(const struct sched *s, tidal_vcpuid v)
{
	return (struct sched_vcpu *)REL(s, vcpu) + v;
}

static inline struct sched_object *sched_object(const struct sched *s, uint16_t i)
{
	return (struct sched_object *)REL(s, object) + i;
}

static inline uint16_t sched_leaf(const struct sched *s, uint16_t hthread)
{
	return ((const uint16_t *)REL(s, leaf))[hthread];
}

static inline struct sched_list *sched_bucket(const struct sched *s, enum sched_wait kind,
					      uint64_t value)
{
	uint64_t mixed = mix64(value ^ (uint64_t)kind << 60);

	return (struct sched_list *)REL(s, bucket) + (mixed & (s->buckets - 1));
}

/* Lists; the vCPU must be in no list, or in this one. */
void sched_append(struct sched *s, struct sched_list *list, tidal_vcpuid v);
void sched_unlink(struct sched *s, struct sched_list *list, tidal_vcpuid v);

/* The entry of a vCPU that is about to be put somewhere: it must be nowhere. */
struct sched_vcpu *sched_enter(struct sched *s, tidal_vcpuid v);

#endif
