/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uffd - one userfaultfd: opened, asked what it can do, and its calls on ranges of pages.
 *
 * All functions return 0 or a TIDAL_E*. Addresses and sizes are multiples of 4096.
 */
#ifndef MEMORY_UFFD_H
#define MEMORY_UFFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uffd {
	int fd;		    /* -1: not open */
	bool moves;	    /* pages can change places without a copy */
	bool kernel_faults; /* the kernel's own accesses sleep too; else they fail (EFAULT) */
};

/*
 * EPERM, ENOSYS, EIO with *why: a static text that names the remedy. *kernel_faults*: not
 * without these; *never_move*: do as on a kernel that can't move pages.
 */
int uffd_open(struct uffd *u, bool kernel_faults, bool never_move, const char **why);
void uffd_close(struct uffd *u);

/* Watch for writes to protected pages, and (*missing*) for touches of pages that aren't there. */
int uffd_watch(const struct uffd *u, void *at, size_t bytes, bool missing);

/*
 * Fill a hole. Nobody is woken. *done says how many bytes, however it ends. Moving
 * leaves a hole behind; the page is writable. EBUSY: something holds the page (DMA); ENOENT:
 * the source is a hole; EEXIST: the target isn't one; ENOMEM; EIO.
 */
int uffd_move(const struct uffd *u, void *to, void *from, size_t bytes, size_t *done);
int uffd_copy(const struct uffd *u, void *to, const void *from, size_t bytes, bool read_only,
	      size_t *done);
/* Make present pages read-only, or writable. Nobody is woken. */
int uffd_protect(const struct uffd *u, void *at, size_t bytes, bool read_only);
/* Whoever sleeps there touches it again. */
int uffd_wake(const struct uffd *u, void *at, size_t bytes);

struct uffd_fault {
	uintptr_t at;
	bool write;
	uint32_t thread; /* the kernel's number of it; 0: it can't tell */
};
#define UFFD_FAULTS 16
/* Take up to UFFD_FAULTS faults that nobody has read yet; how many. */
int uffd_read(const struct uffd *u, struct uffd_fault *faults);

#endif
