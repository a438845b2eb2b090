/* SPDX-License-Identifier: BSD-3-Clause */
/* machine - /dev/kvm, and what it can do. */
#ifndef KVM_MACHINE_H
#define KVM_MACHINE_H

#include "parts.h"

/* ENOENT, EPERM, ENOSYS, EIO with *why: a static text with the remedy. *fd: -1, or to be closed. */
int kvm_machine_open(const char *path, int *fd, const char **why);
/* ENOSYS with *why. */
int kvm_machine_probe(struct kvm_machine *m, int kvm, int vm, const char **why);
/* What can only be asked of a vCPU, which must have its CPUID. EIO, ENOMEM, EFULL. */
int kvm_machine_vcpu(struct kvm_machine *m, int kvm, int vcpu);

#endif
