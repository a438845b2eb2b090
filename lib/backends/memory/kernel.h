/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel - what the kernel's interface has and <linux/userfaultfd.h> may be too old to tell.
 * Whether the running kernel has it is asked when it runs.
 */
#ifndef MEMORY_KERNEL_H
#define MEMORY_KERNEL_H

#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define KERNEL_USER_MODE_ONLY 1	 /* flag of userfaultfd(), Linux 5.11 */
#define KERNEL_FEATURE_THREAD_ID (UINT64_C(1) << 8)
#define KERNEL_FEATURE_EXACT_ADDRESS (UINT64_C(1) << 11) /* 5.18 */
#define KERNEL_FEATURE_MOVE (UINT64_C(1) << 16)		 /* 6.8 */

/* UFFDIO_MOVE */
struct kernel_move {
	uint64_t to, from, bytes;
	uint64_t mode;
	int64_t moved;
};
#define KERNEL_MOVE _IOWR(UFFDIO, 0x05, struct kernel_move)
#define KERNEL_MOVE_DONTWAKE (UINT64_C(1) << 0)

#define KERNEL_POPULATE_WRITE 23 /* advice of madvise(), 5.14 */

/* USERFAULTFD_IOC_NEW of /dev/userfaultfd, 6.1: takes the flags of userfaultfd() */
#define KERNEL_DEVICE "/dev/userfaultfd"
#define KERNEL_NEW _IO(UFFDIO, 0x00)

#endif
