/* SPDX-License-Identifier: BSD-3-Clause */
/* hash - the 64-bit hashes that event logs are checked with; a log's header says which. */
#ifndef TIDAL_NODE_HASH_H
#define TIDAL_NODE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hash_kind {
	HASH_FNV = 1, /* FNV-1a, 64 bits: always there */
	HASH_XXH3 = 2, /* XXH3_64bits of xxHash 0.8: if the library was built with it */
};

/* The best kind of this build. */
unsigned hash_best(void);
bool hash_known(unsigned kind);
/* Goes on from *seed* (0, or an earlier result). */
uint64_t hash_bytes(unsigned kind, uint64_t seed, const void *bytes, size_t len);

/* hash_xxh3.c, or hash_no_xxh3.c */
extern const bool hash_have_xxh3;
uint64_t hash_xxh3(uint64_t seed, const void *bytes, size_t len);

#endif
