/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM asks for in the name of a vCPU, or tells it. */
#include <time.h>

#include "host.h"

/*
 * The VMM's thread has it. A stall in the name of another thread may have come in between: that ends
 * by itself.
 */
static int await(struct tidal_host *host, tidal_vcpuid id, struct kvm_vcpu **vcpu)
{
	struct kvm_vcpu *v = id < TIDAL_VCPUS_MAX ? host->vcpu[id] : NULL;

	while (v && v->vmms && v->state != KVM_RUNNING && v->state != KVM_OFF && !host->ended)
		(void)pthread_cond_wait(&v->changed, &host->lock);
	*vcpu = v;
	return v && v->vmms && v->state == KVM_RUNNING ? 0 : TIDAL_ENOENT;
}

int tidal_kvm_halt(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct kvm_vcpu *v;
	int r;

	kvm_lock(host);
	r = await(host, vcpu, &v);
	if (!r) {
		/* KVM has nothing left to do of a HLT */
		if (v->unfinished && v->run->exit_reason != KVM_EXIT_HLT)
			(void)kvm_enter(host, v, true);
		v->unfinished = v->vmms = false;
		v->synced = false;
		kvm_stopped(host, v, TIDAL_STOP_IDLE);
	}
	kvm_unlock(host);
	return r;
}

int tidal_kvm_off(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct kvm_vcpu *v;
	int r;

	kvm_lock(host);
	r = await(host, vcpu, &v);
	if (!r) {
		v->unfinished = v->vmms = false;
		kvm_stopped(host, v, TIDAL_STOP_OFF);
	}
	kvm_unlock(host);
	return r;
}

static int put_access(struct tidal_host *host, struct kvm_vcpu *v, struct kvm_device *d)
{
	kvm_device_begin(host, v, d);
	while (!v->device.done && !host->ended)
		(void)pthread_cond_wait(&v->changed, &host->lock);
	v->device.vmms = false;
	return v->device.done ? 0 : TIDAL_EAGAIN;
}

int tidal_kvm_io(struct tidal_host *host, tidal_vcpuid vcpu, tidal_gpa device, uint64_t *data,
		 unsigned bytes, int write)
{
	uint8_t copy[8];
	struct kvm_device d = { .gpa = device, .data = copy, .left = bytes,
				.unit = (uint8_t)bytes, .write = write != 0, .same = true,
				.vmms = true };
	struct kvm_vcpu *v;
	int r;

	if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8)
		return TIDAL_EINVAL;
	for (unsigned i = 0; i < 8; i++)
		copy[i] = (uint8_t)(*data >> 8 * i);
	kvm_lock(host);
	r = await(host, vcpu, &v);
	if (!r)
		r = put_access(host, v, &d);
	kvm_unlock(host);
	if (r || write)
		return r;
	*data = 0;
	for (unsigned i = 0; i < bytes; i++)
		*data |= (uint64_t)copy[i] << 8 * i;
	return 0;
}

static struct kvm_vcpu *reachable(const struct tidal_host *host, tidal_vcpuid id)
{
	struct kvm_vcpu *v = kvm_vcpu_here(host, id);

	return v && !v->gone ? v : NULL;
}

/* A descriptor is readable when a wake-up waits, as with events. */
int tidal_kvm_wake(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct kvm_vcpu *v;

	kvm_lock(host);
	v = reachable(host, vcpu);
	if (v && !v->wake) {
		v->wake = true;
		host->nwakes++;
		kvm_ring(host);
	}
	kvm_unlock(host);
	return v ? 0 : TIDAL_ENOENT;
}

int tidal_kvm_kick(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct kvm_vcpu *v;

	kvm_lock(host);
	v = reachable(host, vcpu);
	if (v) {
		v->attention = true;
		if (v->state == KVM_RUNNING)
			kvm_signal(host, v);
	}
	kvm_unlock(host);
	return v ? 0 : TIDAL_ENOENT;
}

static void short_nap(struct tidal_host *host)
{
	const struct timespec nap = { .tv_nsec = 20000 };

	kvm_unlock(host);
	(void)nanosleep(&nap, NULL);
	kvm_lock(host);
}

/* What was loaded and has not run yet lies in the shared page. */
static int settle(const struct tidal_host *host, struct kvm_vcpu *v)
{
	struct kvm_sync_regs *s = &v->run->s.regs;

	v->synced = false;
	if (!host->machine.sync_regs || !v->run->kvm_dirty_regs)
		return 0;
	v->run->kvm_dirty_regs = 0;
	return ioctl(v->fd, KVM_SET_SREGS, &s->sregs) || ioctl(v->fd, KVM_SET_REGS, &s->regs) ||
	       ioctl(v->fd, KVM_SET_VCPU_EVENTS, &s->events) ? TIDAL_EIO : 0;
}

static int still(struct tidal_host *host, tidal_vcpuid id, uint64_t until)
{
	struct kvm_vcpu *v = kvm_vcpu_here(host, id);

	for (;; short_nap(host)) {
		if (!v || v->state == KVM_AWAY)
			return TIDAL_ENOENT;
		if (v->state != KVM_STILL && v->state != KVM_STALLED && v->state != KVM_OFF)
			return TIDAL_EBUSY;
		if (!v->inside)
			break;
		if (kvm_now() >= until)
			return TIDAL_EAGAIN;
		kvm_signal(host, v);
	}
	return settle(host, v);
}

int tidal_kvm_still(struct tidal_host *host, tidal_vcpuid vcpu, uint32_t us)
{
	int r;

	kvm_lock(host);
	r = still(host, vcpu, kvm_now() + us * UINT64_C(1000));
	kvm_unlock(host);
	return r;
}
