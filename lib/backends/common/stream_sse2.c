/* SPDX-License-Identifier: BSD-3-Clause */
/* Zeroes past the caches, on x86-64: every such machine has SSE2. */
#include <emmintrin.h>

#include "stream.h"

void host_stream_zeroes(void *at, size_t bytes)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i *to = at;

	for (size_t i = 0; i < bytes / sizeof(*to); i += 4) {
		_mm_stream_si128(to + i, zero);
		_mm_stream_si128(to + i + 1, zero);
		_mm_stream_si128(to + i + 2, zero);
		_mm_stream_si128(to + i + 3, zero);
	}
	_mm_sfence(); /* such stores are ordered with no others otherwise */
}
