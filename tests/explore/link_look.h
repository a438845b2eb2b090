/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_look - what an exploration does with a link: looks into it, and lets its timers ring
 * when it likes. core/link_state.h and core/engine.h both have a struct peer, so this is apart.
 */
#ifndef TIDAL_TESTS_LINK_LOOK_H
#define TIDAL_TESTS_LINK_LOOK_H

#include "core/link.h"

/* Zero what nobody will read again. */
void link_scrub(struct link *l);

/* The entries of the pool from the *n*th on: where they begin in the link, and how long they are. */
void link_entries(const struct link *l, uint32_t n, size_t *at, size_t *bytes);

#endif
