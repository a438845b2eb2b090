/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/params.h - what a core is told when it starts. Fixed afterwards, except
 * for the policy and its weights (see event.h, commands).
 */
#ifndef TIDAL_PARAMS_H
#define TIDAL_PARAMS_H

#include <tidal/base.h>
#include <tidal/policy.h>
#include <tidal/topology.h>
#include <tidal/vmap.h>

TIDAL_BEGIN_DECLS

enum tidal_param_flags {
	/* The transport delivers every message exactly once (order does not matter): the
	 * link keeps no copies and sends no acknowledgements. For exploration and embedders.
	 * Where nodes may die, messages from one node to another must also keep their order. */
	TIDAL_PARAM_IDEAL_LINK = 1u << 0,
	/* The host reports retired instructions (TIDAL_EV_RETIRED): a hold ends with the
	 * first one. Without it a hold lasts hold_ns. */
	TIDAL_PARAM_RETIRE_EVENTS = 1u << 1,
	/* TIDAL_ACT_TRACE tells what moves (trace.h). It changes nothing else. */
	TIDAL_PARAM_TRACE = 1u << 2,
};

/*
 * The tables have a fixed size. tidal_core_footprint() tells what they cost.
 *
 * messages: a push is refused (EAGAIN) unless 2 * nodes + 24 more fit in half of them, so a core
 * with little more than the least spends much time waiting. The default, 1024, serves up to 116
 * nodes (where it is the least); 16 * nodes or more are better, and with a slow wire as many
 * as are to be under way: a page that goes to another node is one until it is acknowledged.
 *
 * ranges: one for each aligned 2 MiB of dormant memory here in which a page was ever used or given
 * away; taken back when all of its pages have gone. The default, one per frame and 1024 besides, is enough unless the
 * guest uses very sparse memory, and ever other memory; the guest's pages / 512 and `landing` besides
 * are enough for any guest. When they run out, memory that was not used before can't be used here any more:
 * TIDAL_REPORT_SPACE.
 *
 * homes: one for each page that ever moved by itself (not with a whole range), of the ranges that
 * have their home here, which is 1 / nodes of the guest; a quarter as many are made for whole
 * ranges. The default, one per frame and 1024 besides, suits nodes of one size; else take the mean
 * of all nodes' frames. When they run out some pages are found by asking all nodes, which is
 * slow, and counted (homes_full in stats.h), but right.
 */
struct tidal_params {
	size_t size;
	tidal_nodeid node;   /* this node */
	uint16_t nodes;	     /* members of the pod, 1 .. TIDAL_NODES_MAX */
	uint32_t incarnation; /* grows whenever this node id is started anew; not 0 */
	uint32_t flags;	     /* enum tidal_param_flags */
	uint64_t seed;	     /* for backoff jitter; the only source of randomness */

	const struct tidal_vmap *vmap;	      /* node 0: the initial virtual map. Others: NULL */
	const struct tidal_topology *topology; /* NULL: one socket, one core, one thread */

	uint32_t frames;      /* real pages given to the guest on this node */
	uint32_t landing;     /* of them, how many the driver keeps posted to receive into */
	uint32_t reserve;     /* of them, kept for coherence: never used to convert dormant pages */
	uint32_t low, high;   /* free frames: start evicting below low, until high */
	uint32_t vcpus;	      /* vCPUs that the guest may have at most (room for their records) */
	uint32_t vcpu_slots;  /* vCPUs that this node may hold at a time */
	uint32_t vcpu_bytes;  /* size of a saved vCPU, for the decision (6400) */

	uint32_t transits;    /* pages that may be in a transient state at a time */
	uint32_t messages;    /* messages that may wait for transmission or acknowledgement */
	uint32_t ranges;      /* 2 MiB ranges of dormant memory that may be split or partly used */
	uint32_t homes;	      /* pages and ranges whose owner this node may have to know as home */
	uint32_t hints;	      /* entries of the lossy cache of owners */

	tidal_time rto_ns;     /* first retransmission of an unacknowledged message */
	tidal_time hold_ns;    /* minimum time that a granted page stays (host can't tell) */
	tidal_time hold_max_ns; /* longest hold of a page for one waiter (host can tell) */
	tidal_time reserve_ns; /* how long a page is kept for a vCPU that was told to come */
	tidal_time backoff_ns; /* wait before asking again after "again" */
	tidal_time slice_ns;   /* time slice of a vCPU while others wait for its hyperthread */

	const struct tidal_policy_ops *policy; /* NULL: tidal_policy_cost(); must outlive the core */
	const struct tidal_weights *weights;   /* for tidal_policy_cost(); copied; NULL: defaults */
	const void *policy_data;	       /* for an embedder's policy instead of weights */
};

/*
 * Defaults for one node of a pod of one, with *frames* real pages: everything
 * else can be left as it is. params->size is set to *size*. Returns nothing:
 * tidal_params_check() and tidal_core_init() judge the result. Any thread.
 *
 * Of the frames: landing 1/32 (4 .. 64), reserve 1/64 (2 .. 32), neither more than a quarter; low 1/16, at
 * least landing + reserve; high twice that, or half of the frames if low is a quarter or more; transits 1/8
 * (64 .. 4096), hints 1/4 and up to a power of two (256 .. 65536). For any number of them: vcpus 1024,
 * vcpu_slots 64, vcpu_bytes 6400, messages 1024; rto 200 us, hold 20 us, hold_max 1 ms, reserve_ns
 * 500 us, backoff 10 us, slice 1 ms.
 */
TIDAL_API void tidal_params_init(struct tidal_params *params, size_t size, uint32_t frames);

/* 0, or an error with *why (static text) naming the first member that is wrong and its bounds. */
TIDAL_API TIDAL_CHECKED int tidal_params_check(const struct tidal_params *params,
					       const char **why);

TIDAL_END_DECLS

#endif
