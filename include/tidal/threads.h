/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/threads.h - a host backend whose guests are threads of the embedder: distributed
 * shared memory. Needs Linux and a userfaultfd.
 *
 * Guest RAM is memory of this process (tidal_threads_memory()). Any thread may read and write
 * it with plain loads and stores, atomic ones too, as if all nodes' threads were of one process. A
 * thread that touches a page which isn't here sleeps in the kernel until the page has come. Pages
 * move, threads don't.
 *
 * The thread that calls the node's functions (tidal_node_step()) must not touch guest memory
 * itself: it would wait for itself. It uses tidal_node_access(). What other code does with guest
 * memory on behalf of a thread (a system call that reads into it) is as if the thread did it, if
 * the system lets the process see to it (struct tidal_threads_info); if not such a call fails with
 * EFAULT on a page that is not here. DMA (O_DIRECT, RDMA) wants TIDAL_CMD_PIN.
 *
 * vCPUs: each is a place for one fault. A thread that faults takes one that runs and has none, the
 * same as last time if it can; the rest waits. So create at least as many (ops->vcpu_create()) as
 * threads of this node may fault at a time, and give the node a topology with as many
 * hyperthreads. They hold no state and stay on their node: save() and load() are ENOSYS. Use
 * tidal_policy_page(). Nothing tells when a thread has made use of its page, so
 * TIDAL_PARAM_RETIRE_EVENTS is not to be had; hold_ns should be at least the time in which a
 * thread that is woken runs (50 us on an idle machine). Give the node TIDAL_CMD_SET_AHEAD with 512:
 * threads that write to new memory from one end to the other then fault once for many pages.
 *
 * Regions: threads see RAM and ROM only. A write to ROM is a SIGSEGV.
 */
#ifndef TIDAL_THREADS_H
#define TIDAL_THREADS_H

#include <tidal/host.h>

TIDAL_BEGIN_DECLS

enum tidal_threads_flags {
	/* System calls that touch missing guest memory must work: open fails where they can't. */
	TIDAL_THREADS_KERNEL_FAULTS = 1u << 0,
	/* Copy pages even if the kernel can move them: slower, for tests. */
	TIDAL_THREADS_COPY = 1u << 1,
};

struct tidal_threads_config {
	size_t size;
	uint32_t frames;     /* real pages */
	uint32_t vcpu_slots; /* faults that can be under way at a time */
	uint32_t hthreads;   /* likewise: as many */
	uint32_t flags;	     /* enum tidal_threads_flags */
	uint64_t ram_bytes;  /* of the guest, may be 0; adds a RAM region at 0 */
	uint32_t zeroes;     /* pages of zeroes that are here at a time, besides frames: 64 .. 65535 */
};

/* Defaults: 4096 frames, 64 vCPUs and hyperthreads, 64 MiB of RAM, 1024 pages of zeroes. */
TIDAL_API void tidal_threads_config_init(struct tidal_threads_config *config, size_t size);

/*
 * Open; closed by ops->close(), when no thread touches guest memory any more. *why: a static
 * text with the remedy. EPERM: the process may not have a userfaultfd; ENOSYS: the
 * kernel can't, or the library was built without; EINVAL; ENOMEM; EIO. Never-used memory costs nothing.
 */
TIDAL_API TIDAL_CHECKED int tidal_threads_open(const struct tidal_threads_config *config,
					       struct tidal_host **host, const char **why);
TIDAL_API const struct tidal_host_ops *tidal_threads_ops(void);

/*
 * Where the RAM or ROM at *gpa* lies in this process, and (bytes may be NULL) how many bytes
 * follow it in a row; NULL: neither. Valid until the region is deleted or the host closed. The
 * call is the node's thread's; what it returns is for all threads.
 */
TIDAL_API void *tidal_threads_memory(const struct tidal_host *host, tidal_gpa gpa, uint64_t *bytes);

struct tidal_threads_info {
	size_t size;	     /* set by the caller */
	uint32_t moves;	      /* 1: pages that may be written are moved, 0: copied */
	uint32_t kernel_faults; /* 1: system calls may touch missing guest memory */
	uint64_t faults;      /* that threads took so far; those that waited for one page count once */
};

TIDAL_API void tidal_threads_info(const struct tidal_host *host, struct tidal_threads_info *info);

TIDAL_END_DECLS

#endif
