/* SPDX-License-Identifier: BSD-3-Clause */
/* memory - where cores live, and fail(). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pod.h"

_Noreturn void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "bench: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* With an inaccessible page at each end, or the kernel would join it with its neighbours. */
void *pod_memory(size_t bytes)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (bytes + guard - 1) / guard * guard;
	char *mem = mmap(NULL, room + 2 * guard, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED || mprotect(mem + guard, room, PROT_READ | PROT_WRITE))
		fail("no address space for %zu bytes", bytes);
	madvise(mem + guard, room, MADV_NOHUGEPAGE); /* or a touched byte would count as 2 MiB */
	return mem + guard;
}

void pod_memory_free(void *mem, size_t bytes)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (bytes + guard - 1) / guard * guard;

	munmap((char *)mem - guard, room + 2 * guard);
}

/* The line "Rss: N kB" of this mapping in smaps. */
size_t pod_memory_touched(const void *mem)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long long start = 0, from, kib = 0;
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%*x ", &from) == 1)
			start = from;
		found = start == (uintptr_t)mem && sscanf(line, "Rss: %llu kB", &kib) == 1;
	}
	if (!found)
		fail("can't see in /proc/self/smaps which memory was touched");
	fclose(f);
	return (size_t)kib * 1024;
}

size_t pod_memory_used(const void *mem, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const char *at = (const char *)((uintptr_t)mem & ~(page - 1));
	const char *end = (const char *)mem + bytes;
	size_t used = 0;

	for (; at < end; at += page)
		used += *at || memcmp(at, at + 1, page - 1) ? page : 0;
	return used;
}
