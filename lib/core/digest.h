/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest - a number for the state of a core, equal for states that behave alike. Request
 * ids count relative to the newest, epochs as the caller would have them, times and
 * statistics not at all: so an exploration of a small world closes.
 */
#ifndef TIDAL_CORE_DIGEST_H
#define TIDAL_CORE_DIGEST_H

#include "core_state.h"

/* What an epoch counts as: itself, or its place among all epochs of a small world. */
struct digest_epochs {
	uint64_t (*count)(void *arg, uint64_t epoch);
	void *arg;
};

uint64_t digest_core(const struct tidal_core *core, const struct digest_epochs *epochs);

#endif
