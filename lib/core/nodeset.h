/* SPDX-License-Identifier: BSD-3-Clause */
/* nodeset - sets of nodes; see struct tidal_nodeset. */
#ifndef TIDAL_CORE_NODESET_H
#define TIDAL_CORE_NODESET_H

#include <stdbool.h>
#include <tidal/base.h>

#include "bits.h"

#define NODESET_WORDS (TIDAL_NODES_MAX / 64)

static inline void nodeset_add(struct tidal_nodeset *s, unsigned n)
{
	s->w[n / 64] |= UINT64_C(1) << (n % 64);
}

static inline void nodeset_del(struct tidal_nodeset *s, unsigned n)
{
	s->w[n / 64] &= ~(UINT64_C(1) << (n % 64));
}

static inline bool nodeset_has(const struct tidal_nodeset *s, unsigned n)
{
	return s->w[n / 64] >> (n % 64) & 1;
}

static inline bool nodeset_empty(const struct tidal_nodeset *s)
{
	for (unsigned i = 0; i < NODESET_WORDS; i++)
		if (s->w[i])
			return false;
	return true;
}

static inline unsigned nodeset_count(const struct tidal_nodeset *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NODESET_WORDS; i++)
		n += ones(s->w[i]);
	return n;
}

/* The first member >= n, or TIDAL_NODES_MAX. */
static inline unsigned nodeset_next(const struct tidal_nodeset *s, unsigned n)
{
	for (unsigned i = n / 64; i < NODESET_WORDS; i++) {
		uint64_t w = s->w[i];

		if (i == n / 64)
			w &= ~UINT64_C(0) << (n % 64);
		if (w)
			return i * 64 + (unsigned)__builtin_ctzll(w);
	}
	return TIDAL_NODES_MAX;
}

#endif
