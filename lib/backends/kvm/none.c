/* SPDX-License-Identifier: BSD-3-Clause */
/* The KVM host where the system has none: it can't be opened. */
#include <string.h>
#include <tidal/kvm.h>

void tidal_kvm_config_init(struct tidal_kvm_config *config, size_t size)
{
	memset(config, 0, size);
	config->size = size;
}

int tidal_kvm_open(const struct tidal_kvm_config *config, struct tidal_host **host,
		   const char **why)
{
	(void)config;
	(void)host;
	*why = "libtidal was built without KVM, which takes x86-64 Linux and <linux/kvm.h> and "
	       "<linux/userfaultfd.h> of Linux 5.14 (Debian: linux-libc-dev)";
	return TIDAL_ENOSYS;
}

const struct tidal_host_ops *tidal_kvm_ops(void)
{
	static const struct tidal_host_ops ops = { .size = sizeof(ops), .name = "kvm" };

	return &ops;
}

int tidal_kvm_vcpu(struct tidal_host *host, tidal_vcpuid vcpu, struct tidal_kvm_vcpu *kvm)
{
	(void)host;
	(void)vcpu;
	(void)kvm;
	return TIDAL_ENOSYS;
}

int tidal_kvm_vcpu_use(struct tidal_host *host, tidal_vcpuid vcpu, int fd)
{
	(void)host;
	(void)vcpu;
	(void)fd;
	return TIDAL_ENOSYS;
}

int tidal_kvm_vm_fd(const struct tidal_host *host)
{
	(void)host;
	return -1;
}

#define OF_VCPU(name)                                                                             \
	int name(struct tidal_host *host, tidal_vcpuid vcpu)                                      \
	{                                                                                         \
		(void)host;                                                                       \
		(void)vcpu;                                                                       \
		return TIDAL_ENOSYS;                                                              \
	}

OF_VCPU(tidal_kvm_run)
OF_VCPU(tidal_kvm_halt)
OF_VCPU(tidal_kvm_off)
OF_VCPU(tidal_kvm_wake)
OF_VCPU(tidal_kvm_kick)

int tidal_kvm_io(struct tidal_host *host, tidal_vcpuid vcpu, tidal_gpa device, uint64_t *data,
		 unsigned bytes, int write)
{
	(void)host;
	(void)vcpu;
	(void)device;
	(void)data;
	(void)bytes;
	(void)write;
	return TIDAL_ENOSYS;
}

int tidal_kvm_still(struct tidal_host *host, tidal_vcpuid vcpu, uint32_t us)
{
	(void)host;
	(void)vcpu;
	(void)us;
	return TIDAL_ENOSYS;
}

void tidal_kvm_end(struct tidal_host *host)
{
	(void)host;
}

int tidal_kvm_route(struct tidal_host *host, uint32_t space, uint64_t first, uint64_t count,
		    tidal_gpa device)
{
	(void)host;
	(void)space;
	(void)first;
	(void)count;
	(void)device;
	return TIDAL_ENOSYS;
}

void *tidal_kvm_memory(const struct tidal_host *host, tidal_gpa gpa, uint64_t *bytes)
{
	(void)host;
	(void)gpa;
	(void)bytes;
	return NULL;
}

void tidal_kvm_info(struct tidal_host *host, struct tidal_kvm_info *info)
{
	(void)host;
	(void)info;
}
