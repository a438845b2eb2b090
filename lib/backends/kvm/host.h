/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The KVM host: guest memory, the VM, its vCPUs, and events on their way out.
 *
 * A vCPU is, as the core sees it,
 *
 *	AWAY	  not here
 *	STILL	  here; the core does not run it
 *	RUNNING	  on a hyperthread
 *	STALLED	  waits for a page, which the core knows
 *	DEVICE	  waits for a device access, likewise
 *	SAVING	  is being read out
 *	OFF	  for good
 *
 * and its thread is in the VMM, waits in tidal_kvm_run(), or is *inside* KVM_RUN. Both move by
 * themselves: a thread inside may have been woken together with others who wait for the same page,
 * and execute although its vCPU is STALLED. That breaks nothing, since it can only touch what
 * is mapped, but it is called back out (*slipped*).
 *
 * What a thread does and what the core wants meet under *lock*, which is a leaf. Memory is the node's
 * thread's alone.
 */
#ifndef KVM_HOST_H
#define KVM_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <tidal/kvm.h>

#include "backends/common/ring.h"
#include "backends/common/region.h"
#include "backends/memory/memory.h"
#include "parts.h"

#define KVM_NONE UINT16_MAX
#define KVM_ROUTES 64
#define KVM_STRANGERS 64

enum kvm_state {
	KVM_AWAY = 0,
	KVM_STILL,
	KVM_RUNNING,
	KVM_STALLED,
	KVM_DEVICE,
	KVM_SAVING,
	KVM_OFF,
};

/* A device access, one stall after the other. */
struct kvm_device {
	tidal_gpa gpa;	/* of the next stall, as the pod sees it */
	uint8_t *data;	/* of the next stall: in kvm_run, or the VMM's */
	uint32_t left;	/* bytes */
	uint8_t unit;	/* a stall has at most so many */
	uint8_t bytes;	/* of the present stall */
	bool write;
	bool same;	/* all go to the same address: a port */
	bool vmms;	/* tidal_kvm_io() waits for it */
	bool done;
};

/* What a thread sleeps on. */
struct kvm_fault {
	tidal_gpa gpa;
	uint16_t access;
};

struct kvm_vcpu {
	tidal_vcpuid id;
	uint16_t state;	  /* enum kvm_state */
	uint16_t hthread; /* NONE: it doesn't run */
	uint16_t slot;	  /* while it is here */
	int fd;
	bool fd_vmms;
	struct kvm_run *run;

	int tid;	 /* of the thread in, or last in, tidal_kvm_run(); 0: there was none */
	bool called;	 /* it is in tidal_kvm_run() */
	bool inside;	 /* it is in KVM_RUN, or just before or after that: signals get it out */
	bool asleep;	 /* on this fault */
	bool slipped;	 /* woken without being run */
	bool stranger;	 /* stalled in the name of a thread that is not its own */
	bool stop;	 /* the core wants it to stop */
	bool attention;	 /* tidal_kvm_kick() */
	bool wake;	 /* tidal_kvm_wake() */
	bool unfinished; /* its last exit is completed by the next KVM_RUN */
	bool exited;	 /* an exit came while it was not run: nobody has looked at it */
	bool vmms;	 /* tidal_kvm_run() has returned it to the VMM */
	bool gone;	 /* it is being saved, or was, and was not run since: it may be elsewhere now */
	bool synced;	 /* kvm_run->s.regs are its registers */
	uint32_t seen, come; /* arrivals: those that the VMM was told, and all */
	uint32_t clock;	 /* the setting of the clock that it has */
	struct kvm_fault fault;	 /* asleep: its own */
	struct kvm_fault lent;	 /* stranger: that one's */
	struct kvm_device device;
	pthread_cond_t changed;

	/* SAVING */
	struct {
		uint64_t token;
		uint8_t *buf;
		size_t room;
		uint64_t until; /* monotonic ns: then it is too late; 0: its thread has begun */
		uint16_t before; /* its state */
	} save;
	uint32_t stuck; /* times in a row that its thread did not come out in time */
	int error;	/* of KVM_RUN, while it was not run */
	struct kvm_parts *reset;     /* as it was made */
	struct kvm_scratch *scratch; /* whoever saves or loads it */
	struct kvm_cold cold;	     /* what KVM has of it, as far as was read or written last */
};

struct kvm_scratch {
	struct kvm_parts parts;
	uint8_t vmm[KVM_VMM_MAX];
};

struct kvm_route {
	uint32_t space; /* enum tidal_kvm_space */
	uint64_t first, count;
	tidal_gpa device;
};

struct tidal_host {
	struct memory *memory;
	struct tidal_kvm_config config;
	struct kvm_machine machine; /* what this KVM can do */
	int kvm_fd, vm_fd;
	int wait_fd, bell_fd, timer_fd; /* an epoll of the userfaultfd and the other two */
	bool rung;  /* bell_fd is readable */
	bool armed; /* timer_fd will be */
	struct { tidal_gpa base; bool used; } memslot[HOST_REGIONS];
	struct host_regions regions;
	struct kvm_route route[KVM_ROUTES];
	uint32_t routes;

	pthread_mutex_t making; /* KVM vCPUs; taken before lock */
	pthread_mutex_t lock;   /* of all below */
	struct kvm_vcpu *vcpu[TIDAL_VCPUS_MAX]; /* NULL: never was here */
	struct kvm_vcpu **here;			/* vcpu_slots of them; NULL: free */
	uint16_t *running;			/* by hyperthread: 1 + vCPU; 0: idle */
	uint32_t nhere, nrunning, nsaving, nslipped, nwakes;
	struct kvm_fault strange[KVM_STRANGERS]; /* faults of other threads that no vCPU has */
	uint32_t nstrange;
	struct host_ring ring;
	bool ended;
	struct kvm_clock clock;
	struct tidal_kvm_info info;
};

/* Is there room for one event of each vCPU that runs or is saved, and for *more*? */
static inline bool kvm_room(const struct tidal_host *host, uint32_t more)
{
	return host_ring_room(&host->ring) >= host->nrunning + host->nsaving + more;
}

static inline void kvm_lock(struct tidal_host *host)
{
	(void)pthread_mutex_lock(&host->lock);
}

static inline void kvm_unlock(struct tidal_host *host)
{
	(void)pthread_mutex_unlock(&host->lock);
}

/* All below want the lock, unless they say otherwise. */

/* made.c: KVM's vCPUs. Takes the lock itself; makes it if need be. */
int kvm_vcpu_get(struct tidal_host *host, tidal_vcpuid id, struct kvm_vcpu **vcpu);
void kvm_vcpu_close(const struct tidal_host *host, struct kvm_vcpu *vcpu);

/* event.c: events, and whoever waits for them hears of it. */
void kvm_ring(struct tidal_host *host);
struct tidal_event *kvm_put(struct tidal_host *host, uint32_t kind);
void kvm_put_done(struct tidal_host *host, uint64_t token, int status, uint32_t len);
/* It leaves its hyperthread: without a stall, with one for a page, or for a device. */
void kvm_stopped(struct tidal_host *host, struct kvm_vcpu *v, unsigned reason);
void kvm_stalled(struct tidal_host *host, struct kvm_vcpu *v, unsigned access, tidal_gpa gpa);
void kvm_device_stalled(struct tidal_host *host, struct kvm_vcpu *v);

/* Monotonic. */
uint64_t kvm_now(void);

/* vcpu.c: the operations; they take the lock. See tidal/host.h. */
struct kvm_vcpu *kvm_vcpu_here(const struct tidal_host *host, tidal_vcpuid id);
int kvm_vcpu_create(struct tidal_host *host, tidal_vcpuid id);
int kvm_vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act);
int kvm_vcpu_kick(struct tidal_host *host, tidal_vcpuid id);
int kvm_vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		  size_t len);
int kvm_vcpu_drop(struct tidal_host *host, tidal_vcpuid id);
/* Get a thread out of KVM_RUN, if it is inside; wake it, if it waits. */
void kvm_signal(const struct tidal_host *host, const struct kvm_vcpu *v);

/* save.c: the operation; and, by the vCPU's thread when it has come out, the rest of it. */
int kvm_vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf,
		  size_t room);
void kvm_save_rest(struct tidal_host *host, struct kvm_vcpu *v);
/* Those who did not come out in time stay. */
void kvm_save_timeouts(struct tidal_host *host);

/* fault.c: take faults from the kernel, as far as there is room; then call back who slipped. */
void kvm_faults(struct tidal_host *host);
/* Wake all who sleep on a page; those but *v* slip. */
void kvm_wake_page(struct tidal_host *host, tidal_gfn gfn, const struct kvm_vcpu *v);
/* A vCPU had stalled for a stranger, and is not that one's any more. */
void kvm_stranger_over(struct tidal_host *host, struct kvm_vcpu *v);

/* enter.c: KVM_RUN, without the lock meanwhile. 0, or minus its errno. */
int kvm_enter(struct tidal_host *host, struct kvm_vcpu *v, bool at_once);
/* Its thread is the caller: signals and such. 0, EBUSY, EIO. */
int kvm_enter_prepare(struct tidal_host *host, struct kvm_vcpu *v);

/* exits.c: what an exit of a running vCPU means. > 0: news for the VMM. */
int kvm_exit(struct tidal_host *host, struct kvm_vcpu *v);

/* device.c */
void kvm_device_begin(struct tidal_host *host, struct kvm_vcpu *v, const struct kvm_device *d);
/* The present stall is answered: true: that was the last. */
bool kvm_device_answer(struct kvm_vcpu *v, uint64_t value);

/* regions.c: operations of the node's thread, without the lock, but for find(). */
int kvm_region_add(struct tidal_host *host, const struct tidal_region *region);
int kvm_region_del(struct tidal_host *host, tidal_gpa base);
/* Where such an access goes; false: nowhere. */
bool kvm_route_find(const struct tidal_host *host, uint32_t space, uint64_t at,
		    tidal_gpa *device);

/* clock.c */
void kvm_clock_set(struct tidal_host *host, tidal_time now);
/* The guest's counter now; it is at least *tsc* from now on. */
uint64_t kvm_clock_tsc(const struct tidal_host *host);
void kvm_clock_at_least(struct tidal_host *host, uint64_t tsc);
/* Before a vCPU runs; by its thread. */
void kvm_clock_apply(struct tidal_host *host, struct kvm_vcpu *v);
/* Can counters be set on this KVM? Asked of a vCPU that has never run; without the lock. */
bool kvm_clock_probe(int fd);

#endif
