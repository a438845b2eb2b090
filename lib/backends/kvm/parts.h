/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parts - what KVM keeps of a vCPU: read, written, and as bytes.
 *
 * The hot part (registers, system registers, events) lies in the page that is shared with KVM, if this
 * KVM can do that (KVM_CAP_SYNC_REGS). The cold part is read when a vCPU leaves, but written only
 * where it differs from what KVM has.
 */
#ifndef KVM_PARTS_H
#define KVM_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidal/base.h>

#include "kernel.h"

#define KVM_MSRS 192
#define KVM_XSAVE_MAX 16384
#define KVM_VMM_MAX 16384

struct kvm_clock {
	uint64_t ahead;	  /* of the host's counter; wraps */
	uint32_t setting; /* counts changes */
	bool can;	  /* be set */
	bool offset;	  /* by an offset, not by a value */
	bool known;	  /* whether it can */
};

/* What this machine's KVM has, all vCPUs alike. */
struct kvm_machine {
	uint32_t run_bytes; /* of struct kvm_run and what follows */
	uint32_t xsave_bytes;
	uint32_t tsc_khz;
	bool sync_regs, sregs2, xsave2, xcrs, debugregs;
	bool lapic;	     /* in the kernel, and so is the state that goes with it */
	bool known;	     /* the MSRs are */
	uint32_t msrs;	     /* that can be read and written */
	uint32_t msr[KVM_MSRS];
};

/* Cold: fixed sizes, compared as bytes. */
struct kvm_cold {
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_mp_state mp_state;
	uint64_t msr[KVM_MSRS]; /* in the order of the machine's list */
};

struct kvm_parts {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
	uint64_t pdptr[4]; /* of a guest with 32-bit PAE paging */
	bool has_pdptr;
	struct kvm_cold cold;
	struct kvm_lapic_state lapic;
	uint64_t tsc;
	uint8_t xsave[KVM_XSAVE_MAX] __attribute__((aligned(64)));
};

/*
 * parts.c: all by ioctl on the KVM vCPU *fd*. 0 or TIDAL_EIO; write: TIDAL_EFORMAT: KVM does not
 * take it. *run*: hot registers are taken from there, or put there, if it isn't NULL; *had* is
 * what KVM has of the cold part, and is updated.
 */
int kvm_parts_read(const struct kvm_machine *m, int fd, const struct kvm_run *run,
		   struct kvm_parts *p);
int kvm_parts_write(const struct kvm_machine *m, int fd, struct kvm_run *run,
		    const struct kvm_parts *p, struct kvm_cold *had);

/*
 * bytes.c: a saved vCPU:
 *
 *	 0  magic "TIDALx86"
 *	 8  version		16 bits
 *	10  vCPU		16 bits
 *	12  bytes in all	32 bits
 *	16  time stamp counter	64 bits
 *	24  its frequency, kHz	32 bits
 *	28  0			32 bits
 *	32  parts: number 16 bits, 0 16 bits, bytes 32 bits; the bytes, without the zeroes at their end,
 *	    and zeroes up to a multiple of 8
 *
 * Numbers are little-endian, and so are KVM's structs, in which parts but MSRs are. Those are pairs
 * of a number (32 bits) and a value (64 bits), without those that are 0. Nothing in it is an
 * address of the host's.
 */
/* Upper bound, without the VMM's part. */
size_t kvm_bytes_max(const struct kvm_machine *m);
/* The length. *vmm*: a part of *vmm_len* bytes that means nothing to us. */
size_t kvm_bytes_put(const struct kvm_machine *m, tidal_vcpuid id, const struct kvm_parts *p,
		     const void *vmm, size_t vmm_len, uint8_t *buf);
/* EFORMAT. *vmm points into buf; NULL: there is none. */
int kvm_bytes_get(const struct kvm_machine *m, tidal_vcpuid id, struct kvm_parts *p,
		  const void **vmm, size_t *vmm_len, const uint8_t *buf, size_t len);

#endif
