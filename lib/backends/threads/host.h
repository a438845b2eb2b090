/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The threads host: guest memory, vCPUs as places for faults, and events on their way out.
 *
 * A fault is
 *
 *	WAITING	   for a vCPU that runs and has none
 *	STALLED	   the core knows; ends when the core runs that vCPU again
 *
 * and is for all threads that sleep on its page with the same wish. They wake when it ends. Nothing
 * is known of the threads themselves: when they are woken too early they fault again.
 */
#ifndef THREADS_HOST_H
#define THREADS_HOST_H

#include <tidal/threads.h>

#include "backends/common/ring.h"
#include "backends/memory/memory.h"

#define THREADS_FAULTS 1024 /* others stay in the kernel meanwhile */
#define THREADS_NONE UINT16_MAX

struct threads_fault {
	tidal_gpa gpa;
	uint16_t access;
	uint16_t slot;	 /* of its vCPU; NONE: it waits for one */
	uint32_t thread; /* whose it is, of those who sleep: the first */
	bool asleep;	 /* somebody has come since all were woken last */
};

struct threads_vcpu {
	tidal_vcpuid id;
	uint16_t hthread; /* NONE: it doesn't run */
	bool stalled;	  /* a fault is its */
	uint32_t thread;  /* whose fault it had last; 0: nobody's */
	uint64_t used;	  /* when; counts faults */
};

struct tidal_host {
	struct memory *memory;
	struct threads_vcpu *vcpus;	/* vcpu_slots of them */
	uint16_t *running;		/* by hyperthread: slot of its vCPU; NONE: idle */
	uint16_t *free;			/* slots without a vCPU */
	uint16_t slot[TIDAL_VCPUS_MAX]; /* 1 + slot of a vCPU; 0: not here */
	uint32_t vcpu_slots, nfree;
	uint32_t hthreads, nrunning;
	uint32_t nfaults;
	struct threads_fault fault[THREADS_FAULTS]; /* in the order in which they came */
	uint64_t faults;
	struct host_ring ring;
};

/* A running vCPU may raise one event. Is there room for that of each, and for *more*? */
static inline bool threads_room(const struct tidal_host *host, uint32_t more)
{
	return host_ring_room(&host->ring) >= host->nrunning + more;
}

/* fault.c: take faults from the kernel, as far as there is room, and give them to vCPUs. */
void threads_faults(struct tidal_host *host);
/* The core has done what it could: the vCPU's fault is over, and whoever still sleeps on it wakes. */
void threads_fault_over(struct tidal_host *host, uint16_t slot);
/* vcpu.c: the operations; see tidal/host.h. */
int threads_vcpu_create(struct tidal_host *host, tidal_vcpuid id);
int threads_vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act);
int threads_vcpu_kick(struct tidal_host *host, tidal_vcpuid id);
int threads_vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf,
		      size_t room);
int threads_vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		      size_t len);
int threads_vcpu_drop(struct tidal_host *host, tidal_vcpuid id);
/* It is not running any more. */
void threads_vcpu_leave(struct tidal_host *host, struct threads_vcpu *vcpu);

#endif
