/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pod - cores that exchange messages in one process, for measuring: the host is instant, the
 * wire keeps the order, and nothing is allocated while events happen. Page contents are not
 * modelled: every page that is tested for zeroes has contents. Whatever goes wrong ends the
 * program (see fail()): a benchmark of something broken would be worth nothing.
 */
#ifndef TIDAL_BENCH_POD_H
#define TIDAL_BENCH_POD_H

#include <stdbool.h>
#include <tidal/core.h>

#define POD_GUEST_NODES 16   /* most nodes of a pod whose vCPUs run */
#define POD_MESSAGE_KINDS 32
#define POD_EVENT_KINDS 16

struct pod_config {
	unsigned nodes;
	unsigned vcpus, hthreads; /* of the guest; of each node */
	bool spread;		  /* vCPUs start on all nodes, else on node 0 */
	uint64_t pages;		  /* of the guest */
	uint32_t frames;	  /* of each node */
	uint32_t flags;		  /* enum tidal_param_flags */
	const struct tidal_policy_ops *policy;
	void (*tune)(struct tidal_params *, void *arg); /* last word on parameters */
	void (*place)(struct tidal_vmap *, void *arg);	/* last word on the initial map */
	void *arg;
};

/* What has happened since the pod was opened. */
struct pod_counts {
	uint64_t pushes;		     /* that were taken */
	uint64_t events[POD_EVENT_KINDS];    /* of them, by enum tidal_event_kind */
	uint64_t again;			     /* pushes put off */
	uint64_t pulls;			     /* actions */
	uint64_t packets;		     /* all that was sent */
	uint64_t messages[POD_MESSAGE_KINDS]; /* of them, those with a message, by its kind */
	uint64_t accesses;		     /* of running vCPUs */
};

struct pod;

struct pod *pod_open(const struct pod_config *config);
void pod_close(struct pod *pod);

struct tidal_core *pod_core(struct pod *pod, unsigned node);
const struct pod_counts *pod_counts(const struct pod *pod);
uint64_t pod_messages(const struct pod *pod); /* of all kinds */
tidal_time pod_now(const struct pod *pod);
/* Sum over all nodes; forward_max is the largest. */
void pod_stats(const struct pod *pod, struct tidal_stats *total);

/* Push an event and carry out what follows on this node. false: the core wants it again later. */
bool pod_push(struct pod *pod, unsigned node, const struct tidal_event *event);
/* Carry out an action that somebody else pulled, and, after the last one, what follows from them. */
void pod_act(struct pod *pod, unsigned node, const struct tidal_action *action);
void pod_follow(struct pod *pod, unsigned node);
/* Deliver messages until none is on its way. */
void pod_deliver(struct pod *pod);
/* The same, and let all timers ring that are due within so much time. */
void pod_settle(struct pod *pod, tidal_time for_ns);

/*
 * A VMM thread of this node touches a page. Returns when it may go on, and what has followed from it
 * except by time. The result: how many messages, each caused by the one before, passed until then.
 */
unsigned pod_touch(struct pod *pod, unsigned node, tidal_gfn gfn, enum tidal_access access);

/*
 * Let the vCPUs access pages at random, 1 - write / 256 of the time to read, until so many events
 * were pushed. A tick of virtual time passes whenever all messages are delivered.
 */
void pod_run(struct pod *pod, uint64_t pages, unsigned write, uint64_t pushes);
bool pod_vcpu_runs(const struct pod *pod, tidal_vcpuid v, unsigned node);

/* Fresh zeroed memory in small pages, as a core gets it. */
void *pod_memory(size_t bytes);
void pod_memory_free(void *mem, size_t bytes);
/* How much of it has been written to. */
size_t pod_memory_touched(const void *mem);
/* How much of a part of it is in pages that are not all zeroes. */
size_t pod_memory_used(const void *mem, size_t bytes);

/* Say what went wrong and exit. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline uint64_t pod_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

#endif
