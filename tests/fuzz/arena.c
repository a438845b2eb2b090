/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that ends where it is said to: a guard page on each side, a pattern between. */
#define _DEFAULT_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define ALIGN 64u
#define PATTERN 0xa5

/* Of the address sanitizer, if there is one: it may remember these addresses as freed memory. */
void __asan_unpoison_memory_region(const volatile void *at, size_t bytes) __attribute__((weak));

/* The pages that may be touched. */
static unsigned char *inner(const struct fuzz_arena *a)
{
	return a->map + (size_t)sysconf(_SC_PAGESIZE);
}

static unsigned char *inner_end(const struct fuzz_arena *a)
{
	return a->map + a->map_bytes - (size_t)sysconf(_SC_PAGESIZE);
}

void fuzz_arena_open(struct fuzz_arena *a, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t used = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	size_t pages = (used + page - 1) / page * page;

	a->bytes = bytes;
	a->map_bytes = pages + 2 * page;
	a->map = mmap(NULL, a->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->map == MAP_FAILED || mprotect(a->map + page, pages, PROT_READ | PROT_WRITE) != 0) {
		perror("memory for a core");
		exit(99);
	}
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(inner(a), pages);
	a->at = inner(a) + (pages - used);
	memset(inner(a), PATTERN, (size_t)(a->at - inner(a)));
	memset(a->at + bytes, PATTERN, used - bytes);
}

void fuzz_arena_check(const struct fuzz_arena *a)
{
	for (const unsigned char *p = a->at + a->bytes; p < inner_end(a); p++)
		MUST(*p == PATTERN);
	for (const unsigned char *p = a->at; p > inner(a) && p > a->at - ALIGN;)
		MUST(*--p == PATTERN);
}

void fuzz_arena_close(struct fuzz_arena *a)
{
	munmap(a->map, a->map_bytes);
}
