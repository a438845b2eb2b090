/* SPDX-License-Identifier: BSD-3-Clause */
/* A userfaultfd: whichever of the ways to one is open, and what this kernel's can do. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <tidal/base.h>
#include <tidal/error.h>
#include <unistd.h>

#include "kernel.h"
#include "uffd.h"

#define FLAGS (O_CLOEXEC | O_NONBLOCK)

static const char no_permission[] =
	"no permission for userfaultfd: as root, `sysctl vm.unprivileged_userfaultfd=1`, or give "
	"the program CAP_SYS_PTRACE or access to /dev/userfaultfd (and in a container, let its "
	"seccomp filter pass userfaultfd)";

static int by_device(void)
{
	int device = open(KERNEL_DEVICE, O_RDWR | O_CLOEXEC);
	int fd, err;

	if (device < 0)
		return -1;
	fd = ioctl(device, KERNEL_NEW, FLAGS);
	err = errno;
	close(device);
	errno = err;
	return fd;
}

/* The most capable one that this process may have. */
static int any_way(bool need_kernel_faults, bool *kernel_faults)
{
	int fd = (int)syscall(SYS_userfaultfd, FLAGS);

	*kernel_faults = true;
	if (fd < 0 && errno == EPERM) {
		fd = by_device();
		if (fd < 0)
			errno = EPERM;
	}
	if (fd >= 0 || errno != EPERM || need_kernel_faults)
		return fd;
	*kernel_faults = false;
	fd = (int)syscall(SYS_userfaultfd, FLAGS | KERNEL_USER_MODE_ONLY);
	if (fd < 0 && errno == EINVAL)
		errno = EPERM; /* before 5.11 there was no such thing */
	return fd;
}

static int open_error(const char **why)
{
	switch (errno) {
	case EPERM:
		*why = no_permission;
		return TIDAL_EPERM;
	case ENOSYS:
		*why = "this kernel has no userfaultfd: it needs CONFIG_USERFAULTFD=y";
		return TIDAL_ENOSYS;
	case EMFILE:
	case ENFILE:
		*why = "no file descriptor is left for userfaultfd: raise the limit (ulimit -n)";
		return TIDAL_EIO;
	default:
		*why = "the kernel refuses to make a userfaultfd";
		return TIDAL_EIO;
	}
}

/* Each can be asked once, and then is what was asked for: one to ask, a second one to use. */
static int features_of(int fd, uint64_t *features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = *features };
	int r = ioctl(fd, UFFDIO_API, &api);

	*features = api.features;
	return r;
}

static int choose(uint64_t have, uint64_t *want, const char **why)
{
	const uint64_t optional = KERNEL_FEATURE_THREAD_ID | KERNEL_FEATURE_EXACT_ADDRESS |
				  KERNEL_FEATURE_MOVE;

	*want = UFFD_FEATURE_PAGEFAULT_FLAG_WP | (have & optional);
	if (have & UFFD_FEATURE_PAGEFAULT_FLAG_WP)
		return 0;
	*why = "this kernel's userfaultfd can't protect pages from writes: it takes Linux 5.7";
	return TIDAL_ENOSYS;
}

int uffd_open(struct uffd *u, bool kernel_faults, bool never_move, const char **why)
{
	uint64_t have = 0, want;
	int r;

	if (sysconf(_SC_PAGESIZE) != TIDAL_PAGE_SIZE) {
		*why = "this machine's pages are not of 4096 bytes";
		return TIDAL_ENOSYS;
	}
	u->fd = any_way(kernel_faults, &u->kernel_faults);
	if (u->fd < 0)
		return open_error(why);
	r = features_of(u->fd, &have) ? TIDAL_EIO : choose(have, &want, why);
	uffd_close(u);
	if (r == TIDAL_ENOSYS)
		return r;
	u->fd = r ? -1 : any_way(kernel_faults, &u->kernel_faults);
	if (u->fd >= 0 && features_of(u->fd, &want) == 0) {
		u->moves = !never_move && (want & KERNEL_FEATURE_MOVE);
		return 0;
	}
	uffd_close(u);
	*why = "the kernel's userfaultfd does not do what it says";
	return TIDAL_EIO;
}

void uffd_close(struct uffd *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}
