/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bare machine for 64-bit code in user mode, as tests need it: page tables that map the first 4 GiB
 * as they are, in memory of the test's own that is always there, and segments. Nothing handles exceptions:
 * they shut the vCPU down.
 */
#ifndef TESTS_CONFORMANCE_KVM_GUEST_H
#define TESTS_CONFORMANCE_KVM_GUEST_H

#include <tidal/kvm.h>

#define KVM_GUEST_TABLES 0xf0000000u /* gpa of the page tables */
#define KVM_GUEST_SLOT 100u

struct kvm_guest {
	uint8_t *tables;
};

/* 0, or an errno. Once per host. */
int kvm_guest_open(struct kvm_guest *guest, struct tidal_host *host);
/* After the host was closed. */
void kvm_guest_close(struct kvm_guest *guest);

/* Let a vCPU that isn't running begin at *pc*: in user mode, with I/O ports open to it, AVX on if
 * there is any; general registers are 0. 0, or what failed. */
int kvm_guest_boot(struct tidal_host *host, tidal_vcpuid vcpu, uint64_t pc);

/* Its arguments, as a C function gets them: rdi, rsi, rdx, rcx, r8, r9. Likewise. */
int kvm_guest_args(struct tidal_host *host, tidal_vcpuid vcpu, const uint64_t args[6]);

/* Is there a way to test on this machine? 1: no, and *why says why; 0; or an error. */
int kvm_guest_try(int error, const char **why);

#endif
