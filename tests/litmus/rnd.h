/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers from a seed (splitmix64). */
#ifndef LITMUS_RND_H
#define LITMUS_RND_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t rnd(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* 0 .. n - 1 */
static inline unsigned rnd_below(uint64_t *state, unsigned n)
{
	return (unsigned)((rnd(state) >> 32) * n >> 32);
}

static inline bool rnd_one_in(uint64_t *state, unsigned n)
{
	return rnd_below(state, n) == 0;
}

#endif
