/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/core.h - the core: one node's share of the pod, as a state machine.
 *
 *	push(event) ... pull(action) pull(action) ... push(event) ...
 *
 * No system calls, threads, clock, I/O, allocation or globals; freestanding. The same
 * parameters and events give the same actions, bit for bit. A core is not
 * locked: one thread at a time. Everything lies in the memory given at init and
 * refers to itself by offsets, so a copy of those bytes is a snapshot.
 */
#ifndef TIDAL_CORE_H
#define TIDAL_CORE_H

#include <tidal/action.h>
#include <tidal/base.h>
#include <tidal/error.h>
#include <tidal/event.h>
#include <tidal/params.h>
#include <tidal/stats.h>

TIDAL_BEGIN_DECLS

struct tidal_core;

/* Bytes that a core with these parameters needs; 0 when they are wrong. */
TIDAL_API size_t tidal_core_footprint(const struct tidal_params *params);

/*
 * Make a core in *mem*: at least footprint bytes, aligned to 64, all zero (fresh
 * anonymous memory is; parts that are never needed are then never touched).
 * The memory stays the caller's and is freed by simply forgetting the core. Errors:
 * TIDAL_EINVAL, TIDAL_ERANGE (see tidal_params_check(); or the map gives this node more vCPUs than
 * vcpu_slots, or memory in more pieces than `ranges`), TIDAL_ENOMEM. vCPUs run after
 * TIDAL_CMD_CONTINUE.
 */
TIDAL_API TIDAL_CHECKED int tidal_core_init(void *mem, size_t bytes,
					    const struct tidal_params *params,
					    struct tidal_core **core);

/*
 * Tell the core what happened. *now* is the driver's clock; a value smaller than
 * an earlier one counts as that earlier one. A push that fails changes nothing:
 * TIDAL_EAGAIN: no room for its consequences (pull, or let time pass, and push it again; never for
 * a TIDAL_EV_PEER_UP or _DOWN when all actions have been pulled);
 * TIDAL_EPROTO, TIDAL_EVERSION: a message to be dropped;
 * TIDAL_EINVAL, TIDAL_ERANGE, TIDAL_ENOENT, TIDAL_EBUSY: an event that makes no sense.
 * After a TIDAL_EV_MESSAGE that failed the payload is still the driver's. A message of an outlived
 * incarnation, or one that the core can't take now, counts as pushed: its payload is given back
 * by actions, and the sender repeats what it has to repeat.
 */
TIDAL_API TIDAL_CHECKED int tidal_core_push(struct tidal_core *core, tidal_time now,
					    const struct tidal_event *event);

/* Take the next action. 1: there was one; 0: there is none. */
TIDAL_API TIDAL_CHECKED int tidal_core_pull(struct tidal_core *core, struct tidal_action *action);

/* When to push the next tick at the latest; TIDAL_NEVER: no need. */
TIDAL_API tidal_time tidal_core_deadline(const struct tidal_core *core);

/* Pod time as this core knows it (ns): the latest of its own clock and all messages. */
TIDAL_API tidal_time tidal_core_time(const struct tidal_core *core);

/* Counters since init; see stats.h. *size* is that of *stats* as the caller knows it. */
TIDAL_API void tidal_core_stats(const struct tidal_core *core, struct tidal_stats *stats,
				size_t size);

/* What the core believes of a page. Never wrong about its own node. */
enum tidal_page_state {
	TIDAL_PAGE_INVALID = 0,
	TIDAL_PAGE_SECONDARY = 1,
	TIDAL_PAGE_PRIMARY = 2,
	TIDAL_PAGE_EXCLUSIVE = 3,
	TIDAL_PAGE_DORMANT = 4,
};

struct tidal_page_info {
	uint32_t state;	    /* enum tidal_page_state */
	uint32_t transient; /* 0: stable; else what is under way: see tidal_transient_name() */
	tidal_frame frame;  /* TIDAL_FRAME_NONE without one, TIDAL_FRAME_ZERO: the page of zeroes */
	tidal_nodeid owner; /* this node, or where it probably is */
	uint64_t epoch;
	struct tidal_nodeset copies; /* owner only: nodes that may have a copy */
};

/* ERANGE: not in guest memory, or the virtual map isn't known yet. */
TIDAL_API TIDAL_CHECKED int tidal_core_page(const struct tidal_core *core, tidal_gfn gfn,
					    struct tidal_page_info *info);

/*
 * "ASK", "MAPPING", ... as docs/protocol.md calls them; "stable" for 0, "?" for a number that is
 * none. The names stay, the numbers may change with the version. Static text. Any thread.
 */
TIDAL_API const char *tidal_transient_name(uint32_t transient);

enum tidal_vcpu_state {
	TIDAL_VCPU_AWAY = 0,	/* on another node: see node */
	TIDAL_VCPU_READY = 1,
	TIDAL_VCPU_RUNNING = 2,
	TIDAL_VCPU_STALLED = 3, /* in the event table */
	TIDAL_VCPU_SAVING = 4,
	TIDAL_VCPU_FROZEN = 5,	/* sent, not acknowledged */
	TIDAL_VCPU_LOADING = 6,
	TIDAL_VCPU_IDLE = 7,
	TIDAL_VCPU_OFF = 8,
	TIDAL_VCPU_LOST = 9,
};

struct tidal_vcpu_info {
	uint32_t state; /* enum tidal_vcpu_state */
	tidal_nodeid node; /* this node, or where it probably is */
	uint64_t epoch;	   /* grows with every move */
};

TIDAL_API TIDAL_CHECKED int tidal_core_vcpu(const struct tidal_core *core, tidal_vcpuid vcpu,
					    struct tidal_vcpu_info *info);

/* Check every invariant that one node can check alone; 0, or TIDAL_EBROKEN with *why. Slow. */
TIDAL_API TIDAL_CHECKED int tidal_core_check(const struct tidal_core *core, const char **why);

/*
 * A number that is equal for states that behave alike: counters relative,
 * times and statistics left out. For exploration and replay.
 */
TIDAL_API uint64_t tidal_core_digest(const struct tidal_core *core);

TIDAL_END_DECLS

#endif
