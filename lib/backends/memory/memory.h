/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory - real guest memory: the half of a host backend that knows pages, not vCPUs.
 *
 * Guest RAM is private anonymous memory of this process, watched by a userfaultfd. A touch of a
 * page that is not mapped (or, to write, not writable) puts the toucher to sleep in the kernel
 * and becomes a fault. Frames are the pages of a second anonymous mapping, the pool, and frame i
 * has the place i there. A frame that is mapped writable leaves the pool: the page itself changes
 * places, so nothing is copied. One that is mapped read-only is copied, and both are true. On a
 * kernel that can't move pages (before 6.8) all are copied. Pages of zeroes that are only read
 * take memory too, but never more than *zeroes* pages at a time: the oldest are taken away, and
 * given again when they are touched.
 *
 * A frame that was never used has no memory yet: the kernel zeroes it when it is touched first, and
 * zeroing it is just that, touching it.
 *
 * One thread at a time (but for memory_scrub()), which must not touch guest memory itself except by
 * memory_frame_data(): it would sleep with nobody to wake it.
 */
#ifndef MEMORY_MEMORY_H
#define MEMORY_MEMORY_H

#include <stdbool.h>
#include <tidal/host.h>

struct memory;

struct memory_config {
	uint32_t frames;
	uint32_t zeroes;    /* 64 .. 65535 */
	bool kernel_faults; /* the kernel's accesses (KVM, system calls) must sleep, too */
	bool never_move;    /* copy, as on an older kernel */
};

/* EPERM, ENOSYS, EIO, ENOMEM with *why: a static text that names the remedy. */
int memory_open(struct memory **memory, const struct memory_config *config, const char **why);
/* Whoever still sleeps on guest memory, or touches it, crashes. NULL: nothing. */
void memory_close(struct memory *memory);
/* Nobody sleeps on guest memory any more: what is missing there is zeroes. It can only be closed. */
void memory_release(struct memory *memory);

bool memory_moves(const struct memory *memory);
bool memory_kernel_faults(const struct memory *memory);
uint32_t memory_frames(const struct memory *memory);

/* As in tidal/host.h. What an operation does is done when it returns. */
int memory_region_add(struct memory *memory, const struct tidal_region *region);
int memory_region_del(struct memory *memory, tidal_gpa base);
int memory_map(struct memory *memory, const struct tidal_act_pages *act);
int memory_unmap(struct memory *memory, const struct tidal_act_pages *act, uint32_t *zero);
int memory_protect(struct memory *memory, const struct tidal_act_pages *act, uint32_t *zero);
int memory_zero(struct memory *memory, tidal_frame frame);
/* As scrub() there: any thread, while another is in any other function but close. */
int memory_scrub(struct memory *memory, tidal_frame first, uint64_t mask);
void *memory_frame_data(struct memory *memory, tidal_frame frame, tidal_gfn gfn);
int memory_pin(struct memory *memory, tidal_gfn gfn);
int memory_unpin(struct memory *memory, tidal_gfn gfn);

/* Where RAM or ROM at *gpa* lies in this process, and how many bytes follow in a row; or NULL. */
void *memory_at(const struct memory *memory, tidal_gpa gpa, uint64_t *bytes);

struct memory_fault {
	tidal_gpa gpa;	 /* exact if the kernel can tell, else the page's */
	uint16_t access; /* TIDAL_READ or TIDAL_WRITE */
	uint32_t thread; /* who: the kernel's number of it, or 0 */
};

/* Readable when memory_fault() may have something. */
int memory_fd(const struct memory *memory);
/*
 * 1: a fault that takes another mapping to end. 0: none now. Those that are over by now, and
 * of pages of zeroes that were taken away, are dealt with in here.
 */
int memory_fault(struct memory *memory, struct memory_fault *fault);
/* Is the page mapped for that? */
bool memory_allows(const struct memory *memory, tidal_gfn gfn, uint16_t access);
/*
 * Let all who sleep on a page touch it again. Nothing else wakes them: a vCPU must not go on before
 * it is run.
 */
void memory_wake(const struct memory *memory, tidal_gfn gfn);

#endif
