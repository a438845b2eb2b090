/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * KVM_RUN, in the vCPU's thread. The signal that gets it out is blocked but while the kernel is in
 * KVM_RUN (KVM_SET_SIGNAL_MASK): one that comes before makes it return at once, none is lost, and
 * no handler runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

uint64_t kvm_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The kernel's set of signals has 64 of them, the C library's more. */
#define KERNEL_SIGSET 8

static int set_mask(const struct tidal_host *host, const struct kvm_vcpu *v)
{
	struct {
		uint32_t len; /* struct kvm_signal_mask */
		uint8_t set[KERNEL_SIGSET];
	} mask = { .len = KERNEL_SIGSET };
	sigset_t ours, before;

	(void)sigemptyset(&ours);
	if (sigaddset(&ours, (int)host->config.signal) ||
	    pthread_sigmask(SIG_BLOCK, &ours, &before))
		return TIDAL_EIO;
	(void)sigdelset(&before, (int)host->config.signal);
	memcpy(mask.set, &before, KERNEL_SIGSET);
	return ioctl(v->fd, KVM_SET_SIGNAL_MASK, &mask) ? TIDAL_EIO : 0;
}

int kvm_enter_prepare(struct tidal_host *host, struct kvm_vcpu *v)
{
	int tid = (int)syscall(SYS_gettid), r;

	if (v->called)
		return TIDAL_EBUSY;
	if (v->tid == tid)
		return 0;
	r = set_mask(host, v);
	if (!r)
		v->tid = tid;
	return r;
}

void kvm_signal(const struct tidal_host *host, const struct kvm_vcpu *v)
{
	if (v->inside)
		(void)syscall(SYS_tgkill, getpid(), v->tid, (int)host->config.signal);
}

/* Was it ours that ended it? */
static bool take_signal(const struct tidal_host *host)
{
	const struct timespec none = { 0 };
	sigset_t ours;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, (int)host->config.signal);
	return sigtimedwait(&ours, NULL, &none) == (int)host->config.signal;
}

int kvm_enter(struct tidal_host *host, struct kvm_vcpu *v, bool at_once)
{
	int r;

	kvm_clock_apply(host, v);
	v->inside = true;
	v->unfinished = false;
	v->run->immediate_exit = at_once;
	kvm_unlock(host);
	r = ioctl(v->fd, KVM_RUN, 0) ? -errno : 0;
	kvm_lock(host);
	v->inside = v->asleep = false;
	v->synced = host->machine.sync_regs;
	if (r == -EINTR && !take_signal(host) && !at_once)
		r = -ERESTART;
	v->unfinished = r == 0;
	return r;
}
