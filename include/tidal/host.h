/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/host.h - a host backend: guest memory and vCPUs of one node.
 *
 * A backend knows nothing of the core. All operations return at once; what takes
 * time completes as an event from poll(). One thread at a time. Errors of an
 * operation that has a token are returned and no completion follows. Any of them may
 * return TIDAL_EAGAIN: take events by poll() first, and try again.
 */
#ifndef TIDAL_HOST_H
#define TIDAL_HOST_H

#include <tidal/action.h>
#include <tidal/base.h>
#include <tidal/error.h>
#include <tidal/event.h>

TIDAL_BEGIN_DECLS

struct tidal_host; /* each backend has its own; made by its open function */

struct tidal_host_caps {
	size_t size;	      /* set by the caller */
	uint32_t frames;      /* real pages, numbered 0 .. frames - 1 */
	uint32_t vcpu_slots;  /* vCPUs that can exist here at a time */
	uint32_t hthreads;    /* vCPUs that can run at a time */
	uint32_t vcpu_bytes;  /* room that save() needs */
	uint32_t tells_retire; /* 1: reports TIDAL_EV_RETIRED */
};

enum tidal_region_kind {
	TIDAL_REGION_RAM = 0,	 /* pages come by map(); a touch of a missing one stalls */
	TIDAL_REGION_DEVICE = 1, /* a touch stalls as TIDAL_IO */
	TIDAL_REGION_ROM = 2,	 /* as RAM; a write is the guest's fault */
	TIDAL_REGION_HOLE = 3,	 /* any touch is the guest's fault */
};

struct tidal_region {
	tidal_gpa base; /* both page-aligned; regions don't overlap */
	uint64_t bytes;
	uint32_t kind; /* enum tidal_region_kind */
};

/*
 * After map() a frame's bytes are guest memory; after unmap() they are the frame's
 * again. frame_data() gives their address for reading in either case (gfn:
 * where it is mapped, or TIDAL_GFN_NONE; NULL when that isn't so), and for writing while
 * not mapped, or while mapped writable and before the next poll() (a VMM's access). The
 * address is valid until the next map, unmap or close. A frame backs one page at a time.
 */
struct tidal_host_ops {
	size_t size;
	const char *name;

	int (*query)(struct tidal_host *, struct tidal_host_caps *);
	void (*close)(struct tidal_host *);

	/* EEXIST: overlaps; EINVAL; EFULL. */
	int (*region_add)(struct tidal_host *, const struct tidal_region *);
	int (*region_del)(struct tidal_host *, tidal_gpa base); /* ENOENT; EBUSY: pages mapped */

	/*
	 * Complete by TIDAL_EV_HOST_DONE(token) when no CPU can use the old translation. All
	 * pages of a batch, or none. EINVAL: empty mask, bad prot, page of zeroes mapped writable,
	 * test of several pages, or (one page) another frame is mapped there. ERANGE: no
	 * such frame, or no memory region there. EBUSY: pinned, or the frame backs another page.
	 * ENOENT: unmap or protect of what isn't mapped. ENOMEM. zero() takes unmapped frames only.
	 */
	int (*map)(struct tidal_host *, const struct tidal_act_pages *);
	int (*unmap)(struct tidal_host *, const struct tidal_act_pages *);
	int (*protect)(struct tidal_host *, const struct tidal_act_pages *);
	int (*zero)(struct tidal_host *, uint64_t token, tidal_frame);
	void *(*frame_data)(struct tidal_host *, tidal_frame, tidal_gfn);

	/*
	 * A pinned page refuses (EBUSY) unmap, protect and maps that replace its frame or take
	 * rights away, until unpinned. Pins count. ENOENT: not mapped; unpin: not pinned.
	 */
	int (*pin)(struct tidal_host *, tidal_gfn);
	int (*unpin)(struct tidal_host *, tidal_gfn);

	/* A vCPU in its reset state; EEXIST, ERANGE, EFULL (no slot). */
	int (*vcpu_create)(struct tidal_host *, tidal_vcpuid);
	/*
	 * Run until it stalls or stops; both come as events. EBUSY: hyperthread or vCPU is
	 * running. ENOENT; ERANGE: no such hyperthread; EPERM: it is off; EINVAL: it didn't stall
	 * on what `resume` completes.
	 */
	int (*vcpu_run)(struct tidal_host *, const struct tidal_act_vcpu *);
	/* Stop it soon; an event follows if it was running. */
	int (*vcpu_kick)(struct tidal_host *, tidal_vcpuid);
	/*
	 * Save into buf; HOST_DONE with payload_len. EBUSY: running, or (status of HOST_DONE, too)
	 * within an instruction that can't be put off: it stays until another time; ENOENT; ERANGE: no
	 * room; ENOSYS, and so for load(): the vCPUs of this host stay where they are.
	 */
	int (*vcpu_save)(struct tidal_host *, uint64_t token, tidal_vcpuid, void *buf, size_t room);
	/* Make the vCPU from a saved state. EFORMAT: not a state of this backend and vCPU;
	 * EEXIST, ERANGE, EFULL as for create. */
	int (*vcpu_load)(struct tidal_host *, uint64_t token, tidal_vcpuid, const void *buf,
			 size_t len);
	int (*vcpu_drop)(struct tidal_host *, tidal_vcpuid); /* ENOENT; EBUSY: running */

	/* Guests never see a time earlier than this, and never time going backwards. */
	void (*clock)(struct tidal_host *, tidal_time now);

	/*
	 * Take up to *n* events; the number taken is returned. A backend without threads of
	 * its own (fake) runs each running vCPU for at most *budget* instructions in here.
	 */
	int (*poll)(struct tidal_host *, uint32_t budget, struct tidal_event *events, int n);
	/*
	 * A descriptor that is readable when poll() has something, or -1: poll it. What an operation
	 * has done when it returns need not make it readable: poll after operations.
	 */
	int (*wait_fd)(struct tidal_host *);

	/*
	 * Optional, else NULL: run the vCPU that vcpu_run() put on a hyperthread, for at most *budget*
	 * instructions, in the caller's thread; *now* as for clock(). Different hyperthreads may be
	 * entered by different threads at a time, and while another thread is in any other
	 * operation. 1: poll() has something; 0: not, and the vCPU goes on with the next
	 * call; ENOENT: nothing runs there; ERANGE. While somebody enters, poll() is called with a
	 * budget of 0, and runs none.
	 */
	int (*vcpu_enter)(struct tidal_host *, uint32_t hthread, tidal_time now, uint32_t budget);

	/*
	 * Optional, else NULL: fill frames first + i, for every bit i of mask, with zeroes, past the
	 * caches where the machine can; done when it returns, and no event follows. The frames belong
	 * to nobody: they are not mapped, and until it returns no other operation names them. Any
	 * thread, of any priority (so it holds no lock that other operations take), several at a time,
	 * and while other threads are in any other operation but close(). EBUSY: one is mapped;
	 * ERANGE: no such frame; EINVAL: mask is 0; ENOMEM: some may be zeroed.
	 */
	int (*scrub)(struct tidal_host *, tidal_frame first, uint64_t mask);
};

TIDAL_END_DECLS

#endif
