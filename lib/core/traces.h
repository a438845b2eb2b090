/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * traces - records of what happened, until they are pulled. Only with TIDAL_PARAM_TRACE: else it
 * has no room, takes no memory, and whoever adds sees that by one comparison.
 */
#ifndef TIDAL_CORE_TRACES_H
#define TIDAL_CORE_TRACES_H

#include <stdbool.h>
#include <tidal/trace.h>

#include "arena.h"

struct traces {
	uint32_t room; /* 0: nothing is traced */
	uint32_t taken, used;
	uint64_t dropped; /* there was no room for them */
	rel ring;
};

void traces_init(struct traces *t, struct arena *a, uint32_t room);
void traces_add(struct traces *t, const struct tidal_trace *record);
/* The oldest; at the end how many were dropped, if any were. */
bool traces_take(struct traces *t, struct tidal_trace *record);

static inline bool traces_any(const struct traces *t)
{
	return t->used > 0;
}

#endif
