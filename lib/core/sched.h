/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sched - the tree of scheduling objects of one node: node, sockets, cores, hyperthreads;
 * the wait queues of ready continuations, one per hyperthread; and the event table, where
 * stalled ones wait. (The pod root is above the node; it is reached by message and comes
 * later: the search ends at the node, in sched_pick().)
 *
 * A ready continuation is queued at the leaf where it ran last; the first time, at a leaf
 * found by going from the node to the least loaded child, so that newcomers spread over
 * sockets and cores. A free hyperthread searches from its own leaf upwards: its own queue, then
 * all queues below its core, socket and node that it has not looked at. At each queue only the
 * head (the longest waiting) is a candidate, and objects without anything ready below them
 * are skipped, so a search costs at most one step per object.
 *
 * The cost of a candidate is its distance (levels of the tree, SCHED_LEVEL_NS each, as long as
 * its caches are warm: SCHED_WARM_NS) minus how long it has waited. One that has used up its
 * time slice counts as cold: warm caches are no reason to come before those who waited while
 * it ran, only to run where it was, if it comes first anyway. Lower priority values come first, then the lower cost, then the one that was readied first. Waiting always wins in the
 * end: a head that was passed over SCHED_PASSES times, each time for one that was readied
 * later, comes before all others whatever its priority, the earliest first.
 */
#ifndef TIDAL_CORE_SCHED_H
#define TIDAL_CORE_SCHED_H

#include <stdbool.h>
#include <tidal/base.h>
#include <tidal/topology.h>

#include "arena.h"

#define SCHED_HT_NONE UINT16_MAX
#define SCHED_PASSES 8
#define SCHED_LEVEL_NS 50000  /* one level of distance weighs as much as this time waited */
#define SCHED_WARM_NS 1000000 /* caches are warm for this long after a vCPU stopped */

/* What a stalled vCPU waits for. The key of the event table is (kind, value). */
enum sched_wait { SCHED_WAIT_NONE = 0, SCHED_WAIT_PAGE = 1, SCHED_WAIT_IO = 2, SCHED_WAIT_MOVE = 3 };

struct sched;

/*
 * topology NULL: one socket, one core, one thread; else it must have passed topology_check().
 * vcpus_max: vCPU numbers are below it; 1 .. TIDAL_VCPUS_MAX. Memory as in link_init().
 */
struct sched *sched_init(struct arena *a, const struct tidal_topology *topology,
			 uint32_t vcpus_max, tidal_time slice_ns);

/* Make a vCPU ready. It must be neither queued, running nor waiting here. priority: lower runs first; 0 usual. */
void sched_ready(struct sched *s, tidal_time now, tidal_vcpuid v, uint8_t priority);
/* Take a vCPU off its queue or out of the event table; it and its history are then unknown
 * here. Not while running. Nothing happens to one that is unknown already. */
void sched_forget(struct sched *s, tidal_vcpuid v);

/*
 * Next assignment of a ready vCPU to a free hyperthread; false when no thread is free, nothing
 * is ready, or paused. The free thread nearest to the longest waiting vCPU searches
 * (sched_pick()); what it finds runs there, or on a free thread that is nearer to where
 * it ran last. The vCPU is running afterwards.
 */
bool sched_next(struct sched *s, tidal_time now, tidal_vcpuid *v, uint16_t *hthread);
/* The search of one free hyperthread: the vCPU that it should run, TIDAL_VCPU_NONE if none
 * is ready. Pure; doesn't look at pauses. */
tidal_vcpuid sched_pick(const struct sched *s, tidal_time now, uint16_t hthread);
/* A running vCPU left its hyperthread: the thread is free, the vCPU nowhere until it is readied,
 * put into the event table or forgotten. */
void sched_stopped(struct sched *s, tidal_time now, tidal_vcpuid v);

/* Put a vCPU that isn't running or queued into the event table. */
void sched_wait(struct sched *s, tidal_vcpuid v, enum sched_wait kind, uint64_t value);
/* Take out of the event table one vCPU that waits for this (the first that came); NONE when there is none. */
tidal_vcpuid sched_take(struct sched *s, enum sched_wait kind, uint64_t value);
/* The same without taking: the first that waits; and the one after *v* for the same. */
tidal_vcpuid sched_waiting(const struct sched *s, enum sched_wait kind, uint64_t value);
tidal_vcpuid sched_waiting_next(const struct sched *s, tidal_vcpuid v);

/*
 * The running vCPU that should make room: its slice is over, for the longest time, and more
 * vCPUs are ready than threads are free or will be when those named before have
 * stopped. It is marked, so that it is named once only per run. NONE: none now, or paused.
 */
tidal_vcpuid sched_preempt(struct sched *s, tidal_time now);
/* When sched_preempt() will next name one if nothing else happens; TIDAL_NEVER. */
tidal_time sched_deadline(const struct sched *s);

/* Paused: no vCPU is put on a thread and none is preempted; running ones are the caller's to stop. */
void sched_pause(struct sched *s, bool paused);

/* Ready and running vCPUs per hyperthread, in 1/16. Those in the event table don't count. */
uint32_t sched_load(const struct sched *s);
bool sched_running(const struct sched *s, tidal_vcpuid v, uint16_t *hthread);
/* How long the vCPU has been here since it was first readied: 0 .. 256 (256: >= 1 ms). */
uint32_t sched_warmth(const struct sched *s, tidal_time now, tidal_vcpuid v);

/* Every vCPU in at most one place; queues and event table linked both ways; threads right. */
bool sched_check(const struct sched *s, const char **why);
/* Fold what decides the future (who is queued where in which order, runs, waits for what; no times) into h. */
uint64_t sched_digest(const struct sched *s, uint64_t h);

#endif
