/* SPDX-License-Identifier: BSD-3-Clause */
/* Zeroes by ordinary stores, on machines whose way past the caches is not known here. */
#include <string.h>

#include "stream.h"

void host_stream_zeroes(void *at, size_t bytes)
{
	memset(at, 0, bytes);
}
