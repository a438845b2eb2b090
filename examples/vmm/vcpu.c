/* SPDX-License-Identifier: BSD-3-Clause */
/* vcpu.c - the loop of a vCPU, in a thread of its own. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "platform.h"
#include "text.h"
#include "vmm.h"

/* ---- the guest's faults ---- */

static void failed(struct vmm *vmm, int code)
{
	int none = 0;

	(void)atomic_compare_exchange_strong(&vmm->failed, &none, code);
}

static unsigned long long rip_of(const struct vmm_vcpu *v)
{
	struct kvm_regs regs = { 0 };

	return ioctl(v->kvm.fd, KVM_GET_REGS, &regs) ? 0 : regs.rip;
}

static const char *exception_name(unsigned vector)
{
	static const char *const names[] = {
		[0] = "division error",	      [3] = "breakpoint",
		[5] = "bound exceeded",	      [6] = "illegal instruction",
		[13] = "general protection fault", [14] = "page fault",
		[16] = "x87 error",	      [17] = "misaligned access",
		[19] = "vector error",
	};

	return vector < sizeof(names) / sizeof(names[0]) && names[vector] ? names[vector] :
									   "exception";
}

/* What a handler of firmware.c says. */
static int exception(struct vmm_vcpu *v)
{
	struct kvm_regs r = { 0 };
	unsigned vector;

	(void)ioctl(v->kvm.fd, KVM_GET_REGS, &r);
	vector = (unsigned)r.rax & 0xff;
	if (vector == 14)
		return complain(MINI_POD_FAULT,
				"vCPU %u failed: page fault (error %#llx) at rip %#llx: it touched "
				"%#llx: mend the program",
				v->id, (unsigned long long)r.rbx, (unsigned long long)r.rcx,
				(unsigned long long)r.rdx);
	return complain(MINI_POD_FAULT,
			"vCPU %u failed: %s (vector %u, error %#llx) at rip %#llx: mend the program",
			v->id, exception_name(vector), vector, (unsigned long long)r.rbx,
			(unsigned long long)r.rcx);
}

static int bad_address(const struct vmm_vcpu *v)
{
	return complain(MINI_POD_FAULT,
			"vCPU %u touched physical address %#llx, where there is nothing: mend the "
			"program, or raise --memory",
			v->id, (unsigned long long)v->kvm.run->mmio.phys_addr);
}

/* An exit for which this machine has nothing: an exit code after a complaint. */
static int no_such_exit(const struct vmm_vcpu *v)
{
	const struct kvm_run *run = v->kvm.run;

	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		return complain(MINI_POD_FAULT,
				"vCPU %u failed: triple fault at rip %#llx: an exception could not be "
				"handled; mend the program",
				v->id, rip_of(v));
	case KVM_EXIT_IO:
		return complain(MINI_POD_FAULT,
				"vCPU %u used port %#x, which nothing answers: mend the program",
				v->id, run->io.port);
	case KVM_EXIT_MMIO:
		return bad_address(v);
	case KVM_EXIT_INTERNAL_ERROR:
		return complain(MINI_POD_FAULT,
				"vCPU %u failed at rip %#llx: KVM can't go on (internal error %u)",
				v->id, rip_of(v), run->internal.suberror);
	default:
		return complain(MINI_POD_FAULT, "vCPU %u failed: KVM stopped it for reason %u", v->id,
				run->exit_reason);
	}
}

static int is_apic(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr >= VMM_APIC &&
	       run->mmio.phys_addr < VMM_APIC + TIDAL_PAGE_SIZE;
}

/* 0, or an error of libtidal. */
static int on_exit_of(struct vmm_vcpu *v)
{
	const struct kvm_run *run = v->kvm.run;

	if (is_apic(run))
		return interrupts_access(v, v->kvm.run);
	if (run->exit_reason == KVM_EXIT_HLT)
		return interrupts_halt(v);
	if (run->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN) {
		interrupts_inject(v);
		return 0;
	}
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == FIRMWARE_PORT)
		failed(v->vmm, exception(v));
	else
		failed(v->vmm, no_such_exit(v));
	return tidal_kvm_off(v->vmm->host, v->id);
}

/* It is about to run; or to wait again, if it was halted where it came from, or woken for nothing. */
static int about_to_run(struct vmm_vcpu *v)
{
	if (v->apic.halted)
		return interrupts_halt(v);
	interrupts_inject(v);
	return 0;
}

/* 0: go on. */
static int handle(struct vmm_vcpu *v, int news)
{
	switch (news) {
	case TIDAL_KVM_ARRIVED:
		interrupts_here(v, 1);
		return about_to_run(v);
	case TIDAL_KVM_KICKED:
		return about_to_run(v);
	case TIDAL_KVM_LEFT:
		interrupts_here(v, 0);
		return 0;
	case TIDAL_KVM_EXIT:
		return on_exit_of(v);
	case TIDAL_KVM_OFF:
		failed(v->vmm, bad_address(v));
		return 0;
	case TIDAL_KVM_SIGNAL:
		return 0;
	case TIDAL_KVM_END:
		return 1;
	default:
		return news;
	}
}

static void *vcpu_main(void *arg)
{
	struct vmm_vcpu *v = arg;
	int status;

	do
		status = handle(v, tidal_kvm_run(v->vmm->host, v->id));
	while (!status);
	/* EAGAIN: the end came meanwhile */
	if (status < 0 && status != TIDAL_EAGAIN)
		failed(v->vmm, complain(MINI_POD_BUG, "vCPU %u: %s (%s)", v->id,
					tidal_strerror(status), strerror(errno)));
	return NULL;
}

int vcpu_start(struct vmm *vmm, tidal_vcpuid vcpu)
{
	struct vmm_vcpu *v = &vmm->vcpu[vcpu];
	sigset_t all, before;
	int status;

	if (v->started)
		return 0;
	status = tidal_kvm_vcpu(vmm->host, vcpu, &v->kvm);
	if (status)
		return status;
	/* Signals are for the node's thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	v->started = pthread_create(&v->thread, NULL, vcpu_main, v) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return v->started ? 0 : TIDAL_EIO;
}

void vcpu_join(struct vmm *vmm)
{
	for (unsigned i = 0; i < MINI_POD_VCPUS_MAX; i++)
		if (vmm->vcpu[i].started)
			(void)pthread_join(vmm->vcpu[i].thread, NULL);
}
