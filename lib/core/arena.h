/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * arena - hands out the memory given at init, and then no more.
 *
 * Every component's init function runs twice: once to measure (base == NULL,
 * nothing may be written) and once for real. Components keep *relative*
 * references (an offset from their own struct), so that the whole arena can be
 * copied and the copy used.
 */
#ifndef TIDAL_CORE_ARENA_H
#define TIDAL_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
	unsigned char *base; /* NULL: measuring */
	size_t used;
};

/* The next *bytes* bytes, zero, aligned to *align* (a power of two); NULL while measuring. */
static inline void *arena_take(struct arena *a, size_t bytes, size_t align)
{
	size_t at = (a->used + align - 1) & ~(align - 1);

	a->used = at + bytes;
	return a->base ? a->base + at : NULL;
}

typedef ptrdiff_t rel; /* a reference inside the arena: offset from the struct that holds it */

static inline rel rel_to(const void *owner, const void *p)
{
	return (const char *)p - (const char *)owner;
}

/* The address that rel member *m* of *owner* refers to. */
#define REL(owner, m) ((void *)((char *)(owner) + (owner)->m))

#endif
