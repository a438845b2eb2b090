/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes by number, and the small one that needs no library. */
#include "hash.h"

unsigned hash_best(void)
{
	return hash_have_xxh3 ? HASH_XXH3 : HASH_FNV;
}

bool hash_known(unsigned kind)
{
	return kind == HASH_FNV || (kind == HASH_XXH3 && hash_have_xxh3);
}

/* Fowler, Noll, Vo: "The FNV Non-Cryptographic Hash Algorithm" (RFC 9923). */
static uint64_t fnv(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xcbf29ce484222325u ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

uint64_t hash_bytes(unsigned kind, uint64_t seed, const void *bytes, size_t len)
{
	return kind == HASH_XXH3 ? hash_xxh3(seed, bytes, len) : fnv(seed, bytes, len);
}
