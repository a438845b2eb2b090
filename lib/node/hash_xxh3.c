/* SPDX-License-Identifier: BSD-3-Clause */
/* XXH3, compiled in from xxHash's header. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "hash.h"

const bool hash_have_xxh3 = true;

uint64_t hash_xxh3(uint64_t seed, const void *bytes, size_t len)
{
	return XXH3_64bits_withSeed(bytes, len, seed);
}
