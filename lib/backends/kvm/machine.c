/* SPDX-License-Identifier: BSD-3-Clause */
/* What this KVM can do, and which MSRs make up a vCPU. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/error.h>

#include "machine.h"

static int has(int fd, int cap)
{
	int r = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return r > 0 ? r : 0;
}

static int open_error(const char **why)
{
	switch (errno) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		*why = "there is no /dev/kvm: load kvm-intel or kvm-amd, and switch on virtualisation in "
		       "the firmware (in a virtual machine: nested virtualisation)";
		return TIDAL_ENOENT;
	case EACCES:
	case EPERM:
		*why = "no permission for /dev/kvm: add the user to the group kvm, or give the "
		       "container the device";
		return TIDAL_EPERM;
	default:
		*why = "/dev/kvm can't be opened";
		return TIDAL_EIO;
	}
}

int kvm_machine_open(const char *path, int *fd, const char **why)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return open_error(why);
	if (ioctl(*fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION)
		return 0;
	*why = "/dev/kvm does not speak KVM's API, version 12";
	return TIDAL_ENOSYS;
}

int kvm_machine_probe(struct kvm_machine *m, int kvm, int vm, const char **why)
{
	static const struct {
		int cap;
		const char *why;
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "this KVM has no KVM_CAP_USER_MEMORY" },
		{ KVM_CAP_IMMEDIATE_EXIT, "this KVM has no KVM_CAP_IMMEDIATE_EXIT: it takes Linux "
					  "4.13" },
		{ KVM_CAP_READONLY_MEM, "this KVM has no KVM_CAP_READONLY_MEM" },
		{ KVM_CAP_XSAVE, "this KVM has no KVM_CAP_XSAVE" },
		{ KVM_CAP_VCPU_EVENTS, "this KVM has no KVM_CAP_VCPU_EVENTS" },
	};
	int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), xsave = has(vm, KVM_CAP_XSAVE2);

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		*why = needed[i].why;
		if (!has(vm, needed[i].cap))
			return TIDAL_ENOSYS;
	}
	*why = "this KVM's vCPUs are larger than libtidal knows";
	if (bytes <= 0 || xsave > KVM_XSAVE_MAX)
		return TIDAL_ENOSYS;
	m->run_bytes = (uint32_t)bytes;
	m->xsave2 = xsave > 0;
	m->xsave_bytes = m->xsave2 ? (uint32_t)xsave : sizeof(struct kvm_xsave);
	m->sync_regs = (has(vm, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_VALID_FIELDS) ==
		       KVM_SYNC_X86_VALID_FIELDS;
	m->sregs2 = has(vm, KVM_CAP_SREGS2);
	m->xcrs = has(vm, KVM_CAP_XCRS);
	m->debugregs = has(vm, KVM_CAP_DEBUGREGS);
	return 0;
}

/* One that KVM lists need not exist on this processor, or take its own value back. */
static bool usable(int vcpu, uint32_t index)
{
	struct {
		uint32_t count, pad; /* struct kvm_msrs */
		struct kvm_msr_entry entry[1];
	} m = { .count = 1, .entry[0].index = index };

	return ioctl(vcpu, KVM_GET_MSRS, &m) == 1 && ioctl(vcpu, KVM_SET_MSRS, &m) == 1;
}

static int list_msrs(struct kvm_machine *m, int vcpu, const struct kvm_msr_list *list)
{
	m->msrs = 0;
	for (uint32_t i = 0; i < list->nmsrs; i++) {
		uint32_t index = list->indices[i];

		if (index == MSR_TSC || !usable(vcpu, index))
			continue;
		if (m->msrs == KVM_MSRS)
			return TIDAL_EFULL;
		m->msr[m->msrs++] = index;
	}
	return 0;
}

int kvm_machine_vcpu(struct kvm_machine *m, int kvm, int vcpu)
{
	struct kvm_msr_list count = { 0 }, *list;
	struct kvm_lapic_state lapic;
	int r = TIDAL_EIO, khz = ioctl(vcpu, KVM_GET_TSC_KHZ, 0);

	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &count) == 0 || errno != E2BIG)
		return TIDAL_EIO;
	list = calloc(1, sizeof(*list) + count.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return TIDAL_ENOMEM;
	list->nmsrs = count.nmsrs;
	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list) == 0)
		r = list_msrs(m, vcpu, list);
	free(list);
	m->lapic = ioctl(vcpu, KVM_GET_LAPIC, &lapic) == 0;
	m->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	m->known = r == 0;
	return r;
}
