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
	/* Where this node believes others' pages to be is left to the caller. */
	bool without_hints;
	void *arg;
};

uint64_t digest_core(const struct tidal_core *core, const struct digest_view *view);

#endif
