/* SPDX-License-Identifier: BSD-3-Clause */
/* bits - small arithmetic that several components share. */
#ifndef TIDAL_CORE_BITS_H
#define TIDAL_CORE_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* The four functions that a freestanding compiler may call anyway; the embedder has them. */
void *memcpy(void *restrict to, const void *restrict from, __SIZE_TYPE__ n);
void *memset(void *p, int c, __SIZE_TYPE__ n);
int memcmp(const void *a, const void *b, __SIZE_TYPE__ n);

/* A mixer for table positions and digests (the finalizer of SplitMix64). */
static inline uint64_t mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* 0 .. n - 1, evenly, from a well mixed 64-bit number. */
static inline uint32_t spread(uint64_t mixed, uint32_t n)
{
	return (uint32_t)(((mixed >> 32) * n) >> 32);
}

/*
 * Epochs are 40 bits wide and compared as serial numbers: newer means ahead by
 * less than half of the circle. A page would have to move 2^39 times behind a
 * message's back to confuse this.
 */
#define EPOCH_BITS 40
#define EPOCH_MASK ((UINT64_C(1) << EPOCH_BITS) - 1)

static inline bool epoch_newer(uint64_t a, uint64_t b)
{
	uint64_t ahead = (a - b) & EPOCH_MASK;

	return ahead != 0 && ahead < (UINT64_C(1) << (EPOCH_BITS - 1));
}

static inline uint64_t epoch_next(uint64_t e)
{
	return (e + 1) & EPOCH_MASK;
}

/* How many bits are set? Without such an instruction the compiler would call its library. */
static inline unsigned ones(uint64_t w)
{
	w -= w >> 1 & 0x5555555555555555u;
	w = (w & 0x3333333333333333u) + (w >> 2 & 0x3333333333333333u);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(w * 0x0101010101010101u >> 56);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Numbers that wrap around: of two that are less than half of all apart, is *a* the later? */
#define SERIAL_WINDOW (UINT32_C(1) << 30)
static inline bool serial_later(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

#endif
