/* SPDX-License-Identifier: BSD-3-Clause */
/* A bare machine for 64-bit code in user mode. */
#define _GNU_SOURCE
#include "kvm_guest.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGES 6 /* root, directory pointers, a directory for each GiB */
#define PAGE 4096u
#define GIBS 4
#define USER 7u	   /* present, writable, the user's */
#define LARGE 0x80u /* 2 MiB */

#define CR0 0x80050033u /* paging, protection, FPU */
#define CR4 0x40620u	/* PAE, SSE, XSAVE */
#define EFER 0x501u	/* long mode, active; system calls */
#define USER_CODE 0x33
#define USER_DATA 0x2b
#define RFLAGS 0x3002u /* I/O ports are the user's */

static void fill(uint8_t *tables)
{
	uint64_t *root = (uint64_t *)(void *)tables, *pointers = root + 512;

	root[0] = (KVM_GUEST_TABLES + PAGE) | USER;
	for (uint64_t g = 0; g < GIBS; g++) {
		uint64_t *directory = pointers + 512 * (g + 1);

		pointers[g] = (KVM_GUEST_TABLES + (2 + g) * PAGE) | USER;
		for (uint64_t i = 0; i < 512; i++)
			directory[i] = (g * 512 + i) << 21 | LARGE | USER;
	}
}

int kvm_guest_open(struct kvm_guest *guest, struct tidal_host *host)
{
	struct kvm_userspace_memory_region slot = {
		.slot = KVM_GUEST_SLOT, .guest_phys_addr = KVM_GUEST_TABLES,
		.memory_size = PAGES * PAGE,
	};

	guest->tables = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest->tables == MAP_FAILED)
		return errno;
	fill(guest->tables);
	slot.userspace_addr = (uintptr_t)guest->tables;
	return ioctl(tidal_kvm_vm_fd(host), KVM_SET_USER_MEMORY_REGION, &slot) ? errno : 0;
}

void kvm_guest_close(struct kvm_guest *guest)
{
	if (guest->tables)
		munmap(guest->tables, PAGES * PAGE);
	guest->tables = NULL;
}

static int set_vectors(int fd)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = 7 };

	if (ioctl(fd, KVM_SET_XCRS, &xcrs) == 0)
		return 0;
	xcrs.xcrs[0].value = 3; /* no AVX */
	return ioctl(fd, KVM_SET_XCRS, &xcrs);
}

static int set_system(int fd)
{
	struct kvm_segment segment = { .limit = 0xffffffff, .present = 1, .dpl = 3, .s = 1, .g = 1 };
	struct kvm_sregs s;

	if (ioctl(fd, KVM_GET_SREGS, &s))
		return errno;
	s.cr3 = KVM_GUEST_TABLES;
	s.cr4 = CR4;
	s.cr0 = CR0;
	s.efer = EFER;
	s.idt.limit = 0; /* exceptions find no gate */
	segment.selector = USER_DATA;
	segment.type = 3;
	segment.db = 1;
	s.ds = s.es = s.fs = s.gs = s.ss = segment;
	segment.selector = USER_CODE;
	segment.type = 11;
	segment.db = 0;
	segment.l = 1;
	s.cs = segment;
	memset(s.interrupt_bitmap, 0, sizeof(s.interrupt_bitmap));
	return ioctl(fd, KVM_SET_SREGS, &s) || set_vectors(fd) ? errno : 0;
}

int kvm_guest_boot(struct tidal_host *host, tidal_vcpuid vcpu, uint64_t pc)
{
	struct kvm_regs regs = { .rip = pc, .rflags = RFLAGS };
	struct tidal_kvm_vcpu kvm;
	int r = tidal_kvm_vcpu(host, vcpu, &kvm);

	if (!r)
		r = tidal_kvm_still(host, vcpu, 1000000);
	if (!r)
		r = set_system(kvm.fd);
	if (!r)
		r = ioctl(kvm.fd, KVM_SET_REGS, &regs) ? errno : 0;
	return r;
}

int kvm_guest_args(struct tidal_host *host, tidal_vcpuid vcpu, const uint64_t args[6])
{
	struct tidal_kvm_vcpu kvm;
	struct kvm_regs r;

	if (tidal_kvm_vcpu(host, vcpu, &kvm) || ioctl(kvm.fd, KVM_GET_REGS, &r))
		return EIO;
	r.rdi = args[0];
	r.rsi = args[1];
	r.rdx = args[2];
	r.rcx = args[3];
	r.r8 = args[4];
	r.r9 = args[5];
	return ioctl(kvm.fd, KVM_SET_REGS, &r) ? errno : 0;
}

int kvm_guest_try(int error, const char **why)
{
	(void)why; /* tidal_kvm_open() has set it */
	return error == TIDAL_EPERM || error == TIDAL_ENOSYS || error == TIDAL_ENOENT ? 1 : error;
}
