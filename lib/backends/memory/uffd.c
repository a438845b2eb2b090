/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls of a userfaultfd on ranges of pages. */
#include <errno.h>
#include <tidal/error.h>
#include <unistd.h>

#include "kernel.h"
#include "uffd.h"

#define PATIENCE 1000 /* how often in a row the kernel may say "again" */

static int error_of(int err)
{
	switch (err) {
	case EAGAIN: /* still, after that many times */
	case EBUSY:
		return TIDAL_EBUSY;
	case ENOENT:
		return TIDAL_ENOENT;
	case EEXIST:
		return TIDAL_EEXIST;
	case ENOMEM:
		return TIDAL_ENOMEM;
	case EINVAL:
		return TIDAL_EINVAL;
	default:
		return TIDAL_EIO;
	}
}

int uffd_watch(const struct uffd *u, void *at, size_t bytes, bool missing)
{
	struct uffdio_register r = {
		.range = { (uintptr_t)at, bytes },
		.mode = UFFDIO_REGISTER_MODE_WP | (missing ? UFFDIO_REGISTER_MODE_MISSING : 0),
	};

	return ioctl(u->fd, UFFDIO_REGISTER, &r) ? error_of(errno) : 0;
}

/* What one call moved or copied, in bytes; or minus its errno. */
static int64_t move_once(int fd, uintptr_t to, uintptr_t from, size_t bytes, uint64_t mode)
{
	struct kernel_move m = { to, from, bytes, mode, 0 };

	if (ioctl(fd, KERNEL_MOVE, &m) == 0)
		return (int64_t)bytes;
	return m.moved > 0 ? m.moved : -errno;
}

static int64_t copy_once(int fd, uintptr_t to, uintptr_t from, size_t bytes, uint64_t mode)
{
	struct uffdio_copy c = { .dst = to, .src = from, .len = bytes, .mode = mode };

	if (ioctl(fd, UFFDIO_COPY, &c) == 0)
		return (int64_t)bytes;
	return c.copy > 0 ? c.copy : -errno;
}

typedef int64_t (*once_fn)(int fd, uintptr_t to, uintptr_t from, size_t bytes, uint64_t mode);

/* The kernel may stop half-way, or ask to be called again when something else came between. */
static int fill(const struct uffd *u, once_fn once, uintptr_t to, uintptr_t from, size_t bytes,
		uint64_t mode, size_t *done)
{
	*done = 0;
	for (unsigned again = 0; *done < bytes; again++) {
		int64_t n = once(u->fd, to + *done, from + *done, bytes - *done, mode);

		if (n > 0) {
			*done += (size_t)n;
			again = 0;
		} else if (n != -EAGAIN || again == PATIENCE) {
			return error_of((int)-n);
		}
	}
	return 0;
}

int uffd_move(const struct uffd *u, void *to, void *from, size_t bytes, size_t *done)
{
	return fill(u, move_once, (uintptr_t)to, (uintptr_t)from, bytes, KERNEL_MOVE_DONTWAKE,
		    done);
}

int uffd_copy(const struct uffd *u, void *to, const void *from, size_t bytes, bool read_only,
	      size_t *done)
{
	return fill(u, copy_once, (uintptr_t)to, (uintptr_t)from, bytes,
		    UFFDIO_COPY_MODE_DONTWAKE | (read_only ? UFFDIO_COPY_MODE_WP : 0), done);
}

int uffd_protect(const struct uffd *u, void *at, size_t bytes, bool read_only)
{
	for (unsigned again = 0;; again++) {
		struct uffdio_writeprotect w = {
			.range = { (uintptr_t)at, bytes },
			.mode = read_only ? UFFDIO_WRITEPROTECT_MODE_WP
					  : UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
		};

		if (ioctl(u->fd, UFFDIO_WRITEPROTECT, &w) == 0)
			return 0;
		if (errno != EAGAIN || again == PATIENCE)
			return error_of(errno);
	}
}

int uffd_wake(const struct uffd *u, void *at, size_t bytes)
{
	struct uffdio_range r = { (uintptr_t)at, bytes };

	return ioctl(u->fd, UFFDIO_WAKE, &r) ? error_of(errno) : 0;
}

int uffd_read(const struct uffd *u, struct uffd_fault *faults)
{
	struct uffd_msg msg[UFFD_FAULTS];
	ssize_t got = read(u->fd, msg, sizeof(msg));
	int n = 0;

	for (ssize_t i = 0; i < got / (ssize_t)sizeof(msg[0]); i++) {
		uint64_t flags = msg[i].arg.pagefault.flags;

		if (msg[i].event != UFFD_EVENT_PAGEFAULT)
			continue;
		faults[n++] = (struct uffd_fault){
			.at = (uintptr_t)msg[i].arg.pagefault.address,
			.write = flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP),
			.thread = msg[i].arg.pagefault.feat.ptid,
		};
	}
	return n;
}
