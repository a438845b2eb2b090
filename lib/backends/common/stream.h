/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream - zeroes for memory that nobody will look at soon: written past the caches, so that what
 * others have there stays. Done when it returns: other threads that learn of it see the zeroes.
 */
#ifndef BACKENDS_STREAM_H
#define BACKENDS_STREAM_H

#include <stddef.h>

/* *at* and *bytes*: multiples of 64. */
void host_stream_zeroes(void *at, size_t bytes);

#endif
