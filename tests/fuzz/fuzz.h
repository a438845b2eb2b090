/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz - what the fuzz targets share. A target is a file with LLVMFuzzerTestOneInput(): a pure
 * function of its bytes that ends the program by MUST() when something is wrong.
 */
#ifndef TIDAL_TESTS_FUZZ_H
#define TIDAL_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What must hold whatever the input is. */
#define MUST(cond)                                                                            \
	do {                                                                                  \
		if (!(cond))                                                                  \
			fuzz_fail(__FILE__, __LINE__, #cond);                                 \
	} while (0)

static inline _Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* The input, as a program reads it: zeroes after its end. */
struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

/* The next n bytes as a number, low byte first. */
static inline uint64_t fuzz_int(struct fuzz_in *in, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)fuzz_u8(in) << 8 * i;
	return v;
}

static inline uint32_t fuzz_below(struct fuzz_in *in, uint32_t n)
{
	return n > 256 ? (uint32_t)fuzz_int(in, 4) % n : fuzz_u8(in) % n;
}

/* Copy what there is of the next n bytes; the rest is zero. Returns how many there were. */
static inline size_t fuzz_bytes(struct fuzz_in *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(to, 0, n);
	if (have)
		memcpy(to, in->at, have);
	in->at += have;
	in->left -= have;
	return have;
}

/* Zeroed memory of exactly so many bytes, between pages that can't be touched. */
struct fuzz_arena {
	unsigned char *at; /* aligned to 64 */
	size_t bytes;
	unsigned char *map;
	size_t map_bytes;
};

void fuzz_arena_open(struct fuzz_arena *a, size_t bytes);
/* What alignment leaves of the last page is as it was. */
void fuzz_arena_check(const struct fuzz_arena *a);
void fuzz_arena_close(struct fuzz_arena *a);

#endif
