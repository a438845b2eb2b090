/* SPDX-License-Identifier: BSD-3-Clause */
/* checksum - of messages: XXH3, if the library was built with xxHash. */
#ifndef TIDAL_TRANSPORTS_FABRIC_CHECKSUM_H
#define TIDAL_TRANSPORTS_FABRIC_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const bool fabric_have_checksums;
/* Goes on from *seed*: 0, or what it returned for the bytes before. */
uint64_t fabric_checksum(uint64_t seed, const void *bytes, size_t len);

#endif
