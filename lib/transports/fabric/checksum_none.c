/* SPDX-License-Identifier: BSD-3-Clause */
/* Built without xxHash: an endpoint that wants checksums is not opened. */
#include "checksum.h"

const bool fabric_have_checksums = false;

uint64_t fabric_checksum(uint64_t seed, const void *bytes, size_t len)
{
	(void)bytes;
	(void)len;
	return seed;
}
