/* SPDX-License-Identifier: BSD-3-Clause */
/* XXH3, compiled in from xxHash's header. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "checksum.h"

const bool fabric_have_checksums = true;

uint64_t fabric_checksum(uint64_t seed, const void *bytes, size_t len)
{
	return XXH3_64bits_withSeed(bytes, len, seed);
}
