/* SPDX-License-Identifier: BSD-3-Clause */
/* memory - see memory.h: a bare userfaultfd. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <tidal/base.h>
#include <unistd.h>

#include "../crew.h"
#include "backends/memory/kernel.h"
#include "backends/memory/uffd.h"
#include "memory.h"

#define PAGE TIDAL_PAGE_SIZE
#define EVENTS 16

static struct {
	struct uffd uffd;
	uint8_t *guest;
	struct uffd_msg event[EVENTS];
	unsigned events, next;
} m;

static uint8_t *pages_of(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || madvise(at, bytes, MADV_NOHUGEPAGE))
		crew_fail(false, "no memory");
	return at;
}

uint8_t *memory_begin(unsigned pages, unsigned frames, bool present, uint8_t **pool)
{
	const char *why = "this kernel's userfaultfd can't be used";

	m.guest = pages_of((size_t)pages * PAGE);
	*pool = pages_of((size_t)frames * PAGE);
	if (present)
		memset(m.guest, 0, (size_t)pages * PAGE);
	if (uffd_open(&m.uffd, false, false, &why))
		crew_fail(true, "%s", why);
	if (!m.uffd.moves)
		crew_fail(true, "this kernel can't move pages: it takes Linux 6.8");
	if (uffd_watch(&m.uffd, m.guest, (size_t)pages * PAGE, true) ||
	    uffd_watch(&m.uffd, *pool, (size_t)frames * PAGE, false))
		crew_fail(false, "memory can't be watched");
	return m.guest;
}

int memory_descriptor(void)
{
	return m.uffd.fd;
}

bool memory_next_fault(unsigned *page, bool *write)
{
	const struct uffd_msg *e;

	if (m.next == m.events) {
		ssize_t got = read(m.uffd.fd, m.event, sizeof(m.event));

		if (got <= 0)
			return false;
		m.events = (unsigned)((size_t)got / sizeof(m.event[0]));
		m.next = 0;
	}
	e = &m.event[m.next++];
	*page = (unsigned)((e->arg.pagefault.address - (uintptr_t)m.guest) / PAGE);
	*write = e->arg.pagefault.flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP);
	return true;
}

static uintptr_t at(unsigned page)
{
	return (uintptr_t)m.guest + (size_t)page * PAGE;
}

static void must(int ret, const char *what)
{
	if (ret)
		crew_fail(false, "the kernel can't %s a page: %s", what, strerror(errno));
}

void memory_copy_in(unsigned page, const uint8_t *frame)
{
	struct uffdio_copy c = { .dst = at(page), .src = (uintptr_t)frame, .len = PAGE,
				 .mode = UFFDIO_COPY_MODE_WP };

	must(ioctl(m.uffd.fd, UFFDIO_COPY, &c), "copy");
}

void memory_move_in(unsigned page, uint8_t *frame)
{
	struct kernel_move c = { at(page), (uintptr_t)frame, PAGE, 0, 0 };

	must(ioctl(m.uffd.fd, KERNEL_MOVE, &c), "move");
}

void memory_move_out(unsigned page, uint8_t *hole)
{
	struct kernel_move c = { (uintptr_t)hole, at(page), PAGE, KERNEL_MOVE_DONTWAKE, 0 };

	must(ioctl(m.uffd.fd, KERNEL_MOVE, &c), "take");
}

static void protect(unsigned page, uint64_t mode)
{
	struct uffdio_writeprotect c = { .range = { at(page), PAGE }, .mode = mode };

	must(ioctl(m.uffd.fd, UFFDIO_WRITEPROTECT, &c), "protect");
}

void memory_unprotect(unsigned page)
{
	protect(page, 0);
}

void memory_write_protect(unsigned page)
{
	protect(page, UFFDIO_WRITEPROTECT_MODE_WP);
}

void memory_wake_up(unsigned page)
{
	struct uffdio_range c = { at(page), PAGE };

	must(ioctl(m.uffd.fd, UFFDIO_WAKE, &c), "wake who touched");
}

void memory_empty(uint8_t *frame)
{
	must(madvise(frame, PAGE, MADV_DONTNEED), "drop");
}

void memory_discard(unsigned page)
{
	must(madvise((void *)at(page), PAGE, MADV_DONTNEED), "drop");
}
