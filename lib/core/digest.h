/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest - a number for the state of a core, equal for states that behave alike. Epochs
 * count relative to *base* and request ids relative to the newest, so that an
 * exploration of a small world closes; times and statistics don't count at all.
 */
#ifndef TIDAL_CORE_DIGEST_H
#define TIDAL_CORE_DIGEST_H

#include "core_state.h"

/* An epoch as it counts in a digest with this base. */
uint64_t digest_epoch(uint64_t base, uint64_t epoch);

uint64_t digest_core(const struct tidal_core *core, uint64_t base);
/* The oldest epoch that the core still refers to, or *least* if that is older. */
uint64_t digest_oldest(const struct tidal_core *core, uint64_t least);

#endif
