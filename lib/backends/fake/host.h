/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake host: its memory, its vCPUs, and the events on their way out. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <tidal/fake.h>

#include "mem.h"
#include "backends/common/ring.h"
#include "backends/common/turnstile.h"

struct fake_fault {
	const char *text; /* NULL: none yet */
	tidal_vcpuid vcpu;
	uint32_t insn;
	uint64_t pc;
};

struct tidal_host {
	struct fake_mem mem;
	struct fake_hart *harts; /* vcpu_slots of them */
	struct fake_hart **running; /* by hyperthread; NULL: idle */
	uint16_t *free;		 /* slots without a vCPU */
	uint16_t slot[TIDAL_VCPUS_MAX]; /* 1 + slot of a vCPU; 0: not here */
	uint32_t vcpu_slots, nfree;
	uint32_t hthreads, nrunning;
	tidal_time now;
	struct fake_fault fault;
	struct host_ring ring;
	struct host_turnstile lock; /* of all of it: locked.c */
};

/* NULL: no such vCPU here. */
static inline struct fake_hart *fake_hart_find(const struct tidal_host *host, tidal_vcpuid id)
{
	return id < TIDAL_VCPUS_MAX && host->slot[id] ? &host->harts[host->slot[id] - 1] : NULL;
}

/*
 * A running vCPU may raise two events: RETIRED, and one when it stops running. Is
 * there room for those and for *more*?
 */
static inline bool fake_host_room(const struct tidal_host *host, uint32_t more)
{
	return host_ring_room(&host->ring) >= 2 * host->nrunning + more;
}

/* Report an action as done. */
struct tidal_ev_host_done *fake_host_done(struct tidal_host *host, uint64_t token);
/* Let the running vCPUs run. */
void fake_host_run(struct tidal_host *host, uint32_t budget);

/* The operations, with the lock; see tidal/host.h. */
int fake_query(struct tidal_host *host, struct tidal_host_caps *caps);
void fake_close(struct tidal_host *host);
int fake_region_add(struct tidal_host *host, const struct tidal_region *region);
int fake_region_del(struct tidal_host *host, tidal_gpa base);
void fake_clock(struct tidal_host *host, tidal_time now);
int fake_poll(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n);

int fake_pages_map(struct tidal_host *host, const struct tidal_act_pages *act);
int fake_pages_unmap(struct tidal_host *host, const struct tidal_act_pages *act);
int fake_pages_protect(struct tidal_host *host, const struct tidal_act_pages *act);
int fake_pages_zero(struct tidal_host *host, uint64_t token, tidal_frame frame);
/* Without the lock: what it looks at is nobody else's. */
int fake_pages_scrub(struct tidal_host *host, tidal_frame first, uint64_t mask);
void *fake_pages_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn);
int fake_pages_pin(struct tidal_host *host, tidal_gfn gfn);
int fake_pages_unpin(struct tidal_host *host, tidal_gfn gfn);

int fake_vcpu_create(struct tidal_host *host, tidal_vcpuid id);
int fake_vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act);
int fake_vcpu_kick(struct tidal_host *host, tidal_vcpuid id);
int fake_vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf,
		   size_t room);
int fake_vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		   size_t len);
int fake_vcpu_drop(struct tidal_host *host, tidal_vcpuid id);
int fake_vcpu_enter(struct tidal_host *host, uint32_t hthread, tidal_time now, uint32_t budget);
int fake_vcpu_boot(struct tidal_host *host, tidal_vcpuid id, const struct tidal_fake_boot *boot);
int fake_vcpu_regs(struct tidal_host *host, tidal_vcpuid id, struct tidal_fake_regs *regs);

#endif
