/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmm.h - the x86-64 machine of one node: what a VMM has to do besides libtidal. platform.h says what
 * the guest sees. A thread per vCPU runs it whenever it is here (vcpu.c); its registers and
 * its local APIC move with it (cpu.c, interrupts.c); devices are node 0's (devices.c).
 *
 * Threads of vCPUs, one for timers, and the node's meet under *lock*, of local APICs. It comes before
 * locks of libtidal, and is taken by callbacks of the node.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include <pthread.h>
#include <stdatomic.h>

#include <tidal/kvm.h>

#include "apic.h"
#include "firmware.h"
#include "pod.h"

#define VMM_FIRMWARE_SLOT 100u /* a memory slot that libtidal does not use */
#define VMM_SIGNAL SIGURG

/* Each node has a device by which others ask it to interrupt a vCPU: see interrupts.c. */
#define VMM_BUS_AT (TIDAL_KVM_PORTS_AT + 0x1000000u)
#define VMM_BUS_BYTES ((uint64_t)MINI_POD_VCPUS_MAX * 256 * 8)
#define VMM_NODES_MAX (TIDAL_VMAP_DEVICES - 1)

struct vmm_vcpu {
	struct vmm *vmm;
	tidal_vcpuid id;
	int started; /* its thread */
	pthread_t thread;
	struct tidal_kvm_vcpu kvm;
	/* With the lock: */
	struct apic apic;
	int here;		     /* it has arrived, and not left */
	_Atomic tidal_nodeid seen_at; /* where it was when an interrupt reached it last */
};

/* Printing from memory. */
struct vmm_print {
	tidal_gpa gpa;
	uint32_t bytes; /* 0: nothing is under way */
	uint8_t *buf;
};

struct vmm {
	struct pod_node *node;
	struct tidal_host *host;
	struct firmware firmware;
	pthread_mutex_t lock;
	pthread_cond_t timer_changed;
	pthread_t timer;
	int timing, over; /* the thread of the timers was started; is to end */
	struct vmm_vcpu vcpu[MINI_POD_VCPUS_MAX];
	struct vmm_print print[MINI_POD_VCPUS_MAX];
	atomic_int failed; /* an exit code; it was complained about */
};

/* All return 0, or an exit code after a complaint, unless they say otherwise. */

/* cpu.c: registers as they are to begin with. */
int cpu_boot(const struct vmm *vmm, tidal_vcpuid vcpu, const struct boot *boot);

/* vcpu.c: the thread of a vCPU, if there is none yet: 0, or TIDAL_EIO. The guest can't go on. */
int vcpu_start(struct vmm *vmm, tidal_vcpuid vcpu);
void vcpu_join(struct vmm *vmm);

/* interrupts.c */
int interrupts_start(struct vmm *vmm);
void interrupts_stop(struct vmm *vmm);
/* For libtidal: what moves with a vCPU. */
int interrupts_save(void *vmm, tidal_vcpuid vcpu, void *buf, size_t room);
int interrupts_load(void *vmm, tidal_vcpuid vcpu, const void *buf, size_t len);
/* By the vCPU's thread. Before it runs, where an instruction is complete: give it one that waits. */
void interrupts_inject(struct vmm_vcpu *v);
/* It has executed HLT, or was halted where it came from: 0, or an error of libtidal. */
int interrupts_halt(struct vmm_vcpu *v);
void interrupts_here(struct vmm_vcpu *v, int here);
/* An access to the registers of its local APIC. 0, or an error of libtidal. */
int interrupts_access(struct vmm_vcpu *v, struct kvm_run *run);
/* Another node's vCPU wants this: 1: it is done; 0: the vCPU is not here. */
int interrupts_asked(struct vmm *vmm, tidal_vcpuid vcpu, uint8_t vector);

/* devices.c: see struct machine. */
void devices_map(const struct options *options, struct tidal_vmap *map);
int devices_route(const struct vmm *vmm);
int devices_io(struct pod_node *node, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data,
	       unsigned bytes, int write);
void devices_accessed(struct pod_node *node, uint64_t cookie, int status);

#endif
