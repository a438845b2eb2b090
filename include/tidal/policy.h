/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/policy.h - page or vCPU: the decision, as the embedder sees it.
 *
 * A policy is three pure functions of a const struct of factors. They must not
 * keep state, block, or look at a clock: the core calls them while it handles
 * an event, and a replayed event log must give the same answers. Whatever they
 * answer, the guest's memory stays coherent: policies change performance only.
 */
#ifndef TIDAL_POLICY_H
#define TIDAL_POLICY_H

#include <tidal/base.h>

TIDAL_BEGIN_DECLS

/*
 * What is known when a decision is due. Shares are 0 .. 256 (256 = all of it).
 * The requester fills what it knows; the owner sees the requester's view (it
 * travels in the request) with the fields marked (o) replaced by its own.
 */
struct tidal_factors {
	uint32_t access;	/* enum tidal_access */
	uint32_t bytes_page;	/* what moves if the page moves: 4096, or 0 when dormant */
	uint32_t bytes_vcpu;	/* what moves if the vCPU moves (~6400) */
	uint32_t dormant;	/* 1: the page is known to be dormant (o) */
	uint32_t copies;	/* copies that a write must invalidate, 0 if unknown (o) */
	uint32_t local_share;	/* of the vCPU's recent stalls, served at the requester */
	uint32_t remote_share;	/* of the vCPU's recent stalls, served by this owner */
	uint32_t pingpong;	/* recent ownership moves of this page */
	uint32_t hot;		/* 1: in the table of frequently updated pages (o) */
	uint32_t entangled;	/* 1: belongs to a thread whose pages are there (hook; 0 today) */
	uint32_t pinned;	/* 1: a pin binds the page to the owner (o) */
	uint32_t in_use;	/* 1: the owner's own vCPUs use the page now (o) */
	uint32_t load_here;	/* requester: ready vCPUs per hyperthread, in 1/16 */
	uint32_t load_there;	/* owner: likewise (o) */
	uint32_t free_here;	/* requester: share of its frames that are free */
	uint32_t free_there;	/* owner: likewise (o) */
	uint32_t warmth;	/* how long the vCPU has run here: 0 just arrived .. 256 for long */
	uint32_t movable;	/* 1: the vCPU may move for this stall */
	uint32_t moves;		/* how often the vCPU moved recently */
};

enum tidal_choice {
	TIDAL_CHOOSE_PAGE = 0, /* the page comes to the vCPU (TIDAL_IO: the access goes to the device) */
	TIDAL_CHOOSE_VCPU = 1, /* the vCPU goes to the page, or device */
};

/* A node is full and a stall needs a frame. */
enum tidal_full_choice {
	TIDAL_FULL_SEND_VCPU = 0, /* strategy (a): to a node that has zeroed frames */
	TIDAL_FULL_EVICT = 1,	  /* strategy (b): a page with contents leaves */
	TIDAL_FULL_WAIT = 2,	  /* strategy (d): frames are about to come free */
};

struct tidal_full_factors {
	uint32_t waiting;	/* stalls that wait for a frame here */
	uint32_t coming;	/* frames that come free without doing anything */
	uint32_t best_free;	/* largest number of free frames that a peer reported */
	uint32_t movable;	/* 1: the vCPU may move */
	uint32_t load_here, load_there; /* as above */
	uint32_t bytes_vcpu;
	uint32_t local_share;
};

struct tidal_policy_ops {
	size_t size;
	const char *name;
	/* Requester side: ask for the page, or to send the vCPU? Only called when movable. */
	enum tidal_choice (*request)(const struct tidal_factors *, const void *weights);
	/* Owner side: TIDAL_CHOOSE_VCPU refuses the page and asks for the vCPU. */
	enum tidal_choice (*answer)(const struct tidal_factors *, const void *weights);
	/* Which strategy when a node is full. */
	enum tidal_full_choice (*full)(const struct tidal_full_factors *, const void *weights);
};

/* Built in. Static; any thread. */
TIDAL_API const struct tidal_policy_ops *tidal_policy_page(void); /* always the page */
TIDAL_API const struct tidal_policy_ops *tidal_policy_vcpu(void); /* always the vCPU */
TIDAL_API const struct tidal_policy_ops *tidal_policy_cost(void); /* weighted sums */

/*
 * Weights of tidal_policy_cost(). A cost is  sum_i w_i * (f_i / unit_i) ^ (x_i / 4);
 * the exponent is in quarters (4 = linear, 2 = square root, 8 = square; x^0 is 1). Costs are in
 * nanoseconds when the weights are. The side with the lower cost wins; equal: the page.
 * Factors beyond 16 KiB of bytes, 16 vCPUs per thread or 256 of anything count as that much.
 *
 * Whatever the weights: a pinned page attracts the vCPU; a vCPU that may not move gets the page, and so
 * does one that fetches code. A page that is dormant or about to be zeroed comes without
 * bytes, and neither page_hot nor page_remote_share count against it.
 * The owner counts half of page_fixed in favour of the page: refusing wastes the
 * way that the request took. The `weights` argument of these functions is the core's own; an
 * embedder's policy that falls back on them passes NULL, which means the defaults.
 *
 * Defaults, in us and quarters (lib/core/policy.c says why): page_fixed 20, 4; page_bytes 1, 4; page_copies
 * 1, 2; page_pingpong 8, 2; page_hot 30, 4; page_remote_share 160, 8; page_full_here 30, 16; page_in_use
 * 15, 4; vcpu_fixed 30, 4; vcpu_bytes 1, 4; vcpu_local_share 120, 4; vcpu_load 60, 6; vcpu_warmth 20, 4;
 * vcpu_moves 20, 8; wait_frame 10, 4; evict_page 40, 4.
 */
struct tidal_weight {
	int32_t weight;	   /* -1e9 .. 1e9 */
	uint32_t exponent; /* in quarters, 0 .. 16 */
};

/*      name         factor and its unit */
#define TIDAL_WEIGHTS(X)                                                                      \
	X(page_fixed, "a page fetched: fixed part")                                           \
	X(page_bytes, "a page fetched: per KiB")                                              \
	X(page_copies, "a page fetched for writing: per copy to invalidate")                  \
	X(page_pingpong, "a page fetched for writing: per recent move of it")                 \
	X(page_hot, "a page fetched for writing that is updated often")                       \
	X(page_remote_share, "a page fetched: share of recent stalls served there")           \
	X(page_full_here, "a page fetched: share of frames here in use")                      \
	X(page_in_use, "a page fetched for writing that its owner's own vCPUs use")           \
	X(vcpu_fixed, "the vCPU sent: fixed part")                                            \
	X(vcpu_bytes, "the vCPU sent: per KiB")                                               \
	X(vcpu_local_share, "the vCPU sent: share of recent stalls served here")              \
	X(vcpu_load, "the vCPU sent: load there above the load here, per vCPU per thread")    \
	X(vcpu_warmth, "the vCPU sent: share of 1 ms that it has been here")                  \
	X(vcpu_moves, "the vCPU sent: per recent move of it")                                 \
	X(wait_frame, "a frame waited for: per stall waiting, per frame that is coming")      \
	X(evict_page, "a page evicted")

#define TIDAL_WEIGHT_MEMBER(name, text) struct tidal_weight name;
struct tidal_weights {
	size_t size;
	TIDAL_WEIGHTS(TIDAL_WEIGHT_MEMBER)
};
#undef TIDAL_WEIGHT_MEMBER

/* Fill with the defaults; weights->size is set to *size*. Any thread. */
TIDAL_API void tidal_weights_init(struct tidal_weights *weights, size_t size);
/* 0, or TIDAL_ERANGE with *name (static; name may be NULL) the first weight out of range, or "size". */
TIDAL_API TIDAL_CHECKED int tidal_weights_check(const struct tidal_weights *weights,
						const char **name);

TIDAL_END_DECLS

#endif
