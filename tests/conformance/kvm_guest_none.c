/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the library has no KVM its tests open nothing, and are skipped. */
#include "kvm_guest.h"

int kvm_guest_open(struct kvm_guest *guest, struct tidal_host *host)
{
	(void)guest;
	(void)host;
	return TIDAL_ENOSYS;
}

void kvm_guest_close(struct kvm_guest *guest)
{
	(void)guest;
}

int kvm_guest_boot(struct tidal_host *host, tidal_vcpuid vcpu, uint64_t pc)
{
	(void)host;
	(void)vcpu;
	(void)pc;
	return TIDAL_ENOSYS;
}

int kvm_guest_args(struct tidal_host *host, tidal_vcpuid vcpu, const uint64_t args[6])
{
	(void)host;
	(void)vcpu;
	(void)args;
	return TIDAL_ENOSYS;
}

int kvm_guest_try(int error, const char **why)
{
	(void)why;
	return error == TIDAL_ENOSYS ? 1 : error;
}
