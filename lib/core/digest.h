/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest - a number for the state of a core, equal for states that behave alike. Request
 * ids count relative to the newest, epochs as the caller would have them, times and
 * statistics not at all: so an exploration of a small world closes.
 */
#ifndef TIDAL_CORE_DIGEST_H
#define TIDAL_CORE_DIGEST_H

#include "core_state.h"

/* What numbers that only grow count as: themselves, or their places among all of a small world. */
struct digest_view {
	/* An epoch of this page; gfn NONE: of a range. */
	uint64_t (*epoch)(void *arg, tidal_gfn gfn, uint64_t epoch);
	/* The id of a request that this node has made for this page. */
	uint64_t (*id)(void *arg, tidal_nodeid node, tidal_gfn gfn, uint32_t id);
	/* When somebody began to wait. */
	uint64_t (*since)(void *arg, tidal_time since);
	/* Left to the caller: the scheduler, dormant ranges, and where others' pages and vCPUs are
	 * believed to be. */
	bool bare;
	/* Other names for pages and for vCPUs (one for each); NULL: their own. Cores that differ
	 * only in what these are called have the same digest, once names are given to match. */
	tidal_gfn (*page)(void *arg, tidal_gfn gfn);
	const tidal_vcpuid *vcpu;
	void *arg;
};

uint64_t digest_core(const struct tidal_core *core, const struct digest_view *view);

#endif
