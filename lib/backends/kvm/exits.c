/* SPDX-License-Identifier: BSD-3-Clause */
/* What an exit of a running vCPU is: a device access of the pod, the guest's fault, or the VMM's. */
#include "host.h"

static int port(struct tidal_host *host, struct kvm_vcpu *v)
{
	const struct kvm_run *run = v->run;
	struct kvm_device d = {
		.data = (uint8_t *)v->run + run->io.data_offset,
		.left = run->io.size * run->io.count,
		.unit = run->io.size,
		.write = run->io.direction == KVM_EXIT_IO_OUT,
		.same = true,
	};

	if (!kvm_route_find(host, TIDAL_KVM_PORTS, run->io.port, &d.gpa))
		return TIDAL_KVM_EXIT;
	kvm_device_begin(host, v, &d);
	return 0;
}

/* No page of RAM is ever missing here: those stall. What a ROM refuses is a write. */
static bool is_fault(const struct tidal_host *host, const struct kvm_run *run)
{
	const struct tidal_region *region = host_region_find(&host->regions, run->mmio.phys_addr);

	return region && (region->kind == TIDAL_REGION_HOLE || region->kind == TIDAL_REGION_ROM);
}

static int mmio(struct tidal_host *host, struct kvm_vcpu *v)
{
	struct kvm_device d = {
		.data = v->run->mmio.data,
		.left = v->run->mmio.len,
		.unit = 8,
		.write = v->run->mmio.is_write,
	};

	if (is_fault(host, v->run)) {
		kvm_stopped(host, v, TIDAL_STOP_OFF);
		return TIDAL_KVM_OFF;
	}
	if (!kvm_route_find(host, TIDAL_KVM_MMIO, v->run->mmio.phys_addr, &d.gpa))
		return TIDAL_KVM_EXIT;
	kvm_device_begin(host, v, &d);
	return 0;
}

int kvm_exit(struct tidal_host *host, struct kvm_vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		return port(host, v);
	case KVM_EXIT_MMIO:
		return mmio(host, v);
	default:
		return TIDAL_KVM_EXIT;
	}
}
