/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mem.c - the four functions that a compiler may call on its own account. Their loops
 * must not look like what they are, lest it turns them into calls to themselves.
 */
#include "guest.h"

#define WORD 8
#define ALIGNED(p) (((uintptr_t)(p) & (WORD - 1)) == 0)
#define DISGUISE(n) __asm__ volatile("" : "+r"(n))
typedef uint64_t __attribute__((may_alias)) word;

static void *ascend(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (ALIGNED((uintptr_t)t | (uintptr_t)f))
		for (; n >= WORD; n -= WORD, t += WORD, f += WORD) {
			*(word *)t = *(const word *)f;
			DISGUISE(n);
		}
	for (; n; n--) {
		*t++ = *f++;
		DISGUISE(n);
	}
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return ascend(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t <= f || t >= f + n)
		return ascend(to, from, n);
	for (; n; n--) {
		t[n - 1] = f[n - 1];
		DISGUISE(n);
	}
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	unsigned char *t = to;
	uint64_t pattern = (unsigned char)byte * 0x0101010101010101u;

	if (ALIGNED(t))
		for (; n >= WORD; n -= WORD, t += WORD) {
			*(word *)t = pattern;
			DISGUISE(n);
		}
	for (; n; n--) {
		*t++ = (unsigned char)byte;
		DISGUISE(n);
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
