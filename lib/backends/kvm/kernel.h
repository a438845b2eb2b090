/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel - what KVM has and <linux/kvm.h> may be too old to tell. Whether the running kernel has it
 * is asked when it runs.
 */
#ifndef KVM_KERNEL_H
#define KVM_KERNEL_H

#include <linux/kvm.h>
#include <sys/ioctl.h>

#ifndef KVM_CAP_XSAVE2 /* Linux 5.17 */
#define KVM_CAP_XSAVE2 208
#define KVM_GET_XSAVE2 _IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif
#ifndef KVM_VCPU_TSC_CTRL /* 5.16 */
#define KVM_VCPU_TSC_CTRL 0
#define KVM_VCPU_TSC_OFFSET 0
#endif

#define MSR_TSC 0x10

#endif
