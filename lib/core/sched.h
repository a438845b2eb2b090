/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sched - the tree of scheduling objects of one node: node, sockets, cores, hyperthreads,
 * each with a wait queue of ready continuations; and the event table, where stalled ones
 * wait. (The pod root is above the node; it is reached by message and comes later: the
 * search ends at the node, in sched_pick().)
 *
 * A ready continuation is queued at the leaf where it ran last (or, the first time, at the
 * leaf with the shortest queue). A free hyperthread searches from its own leaf upwards: own queue, then those of
 * its core, socket, node: all queues below that object that it has not looked at. At each
 * queue only the head (the longest waiting) is a candidate, so a search costs one step per object.
 * The cost of a candidate: distance from where it ran last (levels of the tree; only as
 * long as its caches are warm) minus how long it has waited, lower priority values first; the
 * lowest cost wins, ties go to the longest waiting, then the smallest vCPU number. Waiting always wins in the end:
 * no continuation is passed over more than SCHED_PASSES times while it is head of its queue.
 */
#ifndef TIDAL_CORE_SCHED_H
#define TIDAL_CORE_SCHED_H

#include <stdbool.h>
#include <tidal/base.h>
#include <tidal/topology.h>

#include "arena.h"

#define SCHED_HT_NONE UINT16_MAX
#define SCHED_PASSES 8

/* What a stalled vCPU waits for. The key of the event table is (kind, value). */
enum sched_wait { SCHED_WAIT_NONE = 0, SCHED_WAIT_PAGE = 1, SCHED_WAIT_IO = 2, SCHED_WAIT_MOVE = 3 };

struct sched;

/* topology NULL: one socket, one core, one thread. Memory as in link_init(). */
struct sched *sched_init(struct arena *a, const struct tidal_topology *topology,
			 uint32_t vcpus_max, tidal_time slice_ns);

/* Make a vCPU ready. It must be neither queued, running nor waiting here. priority: lower runs first; 0 usual. */
void sched_ready(struct sched *s, tidal_time now, tidal_vcpuid v, uint8_t priority);
/* Take a vCPU off its queue or out of the event table; it is then unknown here. Not while running. */
void sched_forget(struct sched *s, tidal_vcpuid v);

/*
 * Next assignment of a ready vCPU to a free hyperthread, nearest first for the longest
 * waiting; false when no thread is free, nothing is ready, or paused. The vCPU is running afterwards.
 */
bool sched_next(struct sched *s, tidal_time now, tidal_vcpuid *v, uint16_t *hthread);
/* The search of one free hyperthread: the vCPU that it should run, TIDAL_VCPU_NONE if none is ready. Pure. */
tidal_vcpuid sched_pick(const struct sched *s, tidal_time now, uint16_t hthread);
/* A running vCPU left its hyperthread: the thread is free, the vCPU unknown until readied or waiting. */
void sched_stopped(struct sched *s, tidal_time now, tidal_vcpuid v);

/* Put a vCPU that isn't running or queued into the event table. */
void sched_wait(struct sched *s, tidal_vcpuid v, enum sched_wait kind, uint64_t value);
/* Take out of the event table one vCPU that waits for this (the first that came); NONE when there is none. */
tidal_vcpuid sched_take(struct sched *s, enum sched_wait kind, uint64_t value);
/* The same without taking: the first that waits; and the one after *v* for the same. */
tidal_vcpuid sched_waiting(const struct sched *s, enum sched_wait kind, uint64_t value);
tidal_vcpuid sched_waiting_next(const struct sched *s, tidal_vcpuid v);

/* The next running vCPU whose slice is over while one that could run there waits; it is marked so
 * that it is named once only per run. NONE: none now. */
tidal_vcpuid sched_preempt(struct sched *s, tidal_time now);
/* When sched_preempt() may next name one; TIDAL_NEVER. */
tidal_time sched_deadline(const struct sched *s);

void sched_pause(struct sched *s, bool paused);

/* Ready and running vCPUs per hyperthread, in 1/16. */
uint32_t sched_load(const struct sched *s);
bool sched_running(const struct sched *s, tidal_vcpuid v, uint16_t *hthread);
/* How long the vCPU has been here since it was first readied: 0 .. 256 (256: >= 1 ms). */
uint32_t sched_warmth(const struct sched *s, tidal_time now, tidal_vcpuid v);

/* Every vCPU in at most one place; queues and event table linked both ways; threads right. */
bool sched_check(const struct sched *s, const char **why);
/* Fold what decides the future (who is queued where in which order, runs, waits for what; no times) into h. */
uint64_t sched_digest(const struct sched *s, uint64_t h);

#endif
