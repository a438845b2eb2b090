/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.c - a vCPU as platform.h says that it begins. */
#include <errno.h>
#include <string.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "platform.h"
#include "text.h"
#include "vmm.h"

#define CR0 0x80050033u	/* paging, protection, FPU */
#define CR4 0x40620u	/* PAE, SSE, XSAVE */
#define EFER 0x501u	/* long mode, active */
#define RFLAGS 0x3202u	/* IOPL 3, interrupts on */
#define CODE 11
#define DATA 3
#define BUSY_TSS 11

static void set_segments(struct kvm_sregs *s, const struct firmware_tables *t)
{
	struct kvm_segment segment = { .limit = 0xffffffff, .present = 1, .dpl = 3, .s = 1, .g = 1 };

	segment.selector = FIRMWARE_USER_DATA;
	segment.type = DATA;
	segment.db = 1;
	s->ds = s->es = s->fs = s->gs = s->ss = segment;
	segment.selector = FIRMWARE_USER_CODE;
	segment.type = CODE;
	segment.db = 0;
	segment.l = 1;
	s->cs = segment;
	s->tr = (struct kvm_segment){ .base = t->tss, .limit = t->tss_limit, .present = 1,
				      .selector = FIRMWARE_TSS, .type = BUSY_TSS };
}

static int set_system(int fd, unsigned vcpu)
{
	struct firmware_tables t;
	struct kvm_sregs s;

	firmware_tables(vcpu, &t);
	if (ioctl(fd, KVM_GET_SREGS, &s))
		return -1;
	s.cr0 = CR0;
	s.cr3 = t.cr3;
	s.cr4 = CR4;
	s.efer = EFER;
	s.gdt = (struct kvm_dtable){ .base = t.gdt, .limit = t.gdt_limit };
	s.idt = (struct kvm_dtable){ .base = t.idt, .limit = t.idt_limit };
	set_segments(&s, &t);
	memset(s.interrupt_bitmap, 0, sizeof(s.interrupt_bitmap));
	return ioctl(fd, KVM_SET_SREGS, &s);
}

/* x87 and SSE, and AVX if there is any. */
static int set_vectors(int fd)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = 7 };

	if (ioctl(fd, KVM_SET_XCRS, &xcrs) == 0)
		return 0;
	xcrs.xcrs[0].value = 3;
	return ioctl(fd, KVM_SET_XCRS, &xcrs);
}

int cpu_boot(const struct vmm *vmm, tidal_vcpuid vcpu, const struct boot *boot)
{
	const struct kvm_regs regs = {
		.rip = boot->pc, .rflags = RFLAGS,
		.rdi = boot->a[0], .rsi = boot->a[1], .rdx = boot->a[2],
		.rcx = boot->a[3], .r8 = boot->a[4], .r9 = boot->a[5],
	};
	int fd = vmm->vcpu[vcpu].kvm.fd;

	if (set_system(fd, vcpu) || set_vectors(fd) || ioctl(fd, KVM_SET_REGS, &regs))
		return complain(MINI_POD_BUG, "vCPU %u: KVM does not take its registers: %s", vcpu,
				strerror(errno));
	return 0;
}
