/* SPDX-License-Identifier: BSD-3-Clause */
/* The VMM's call: run a vCPU whenever the core says so. */
#define _GNU_SOURCE
#include <errno.h>

#include "host.h"

/* What was loaded into the shared page must be KVM's before the VMM uses ioctls. */
static int hand_over(struct tidal_host *host, struct kvm_vcpu *v, int news)
{
	if (host->machine.sync_regs && v->run->kvm_dirty_regs)
		(void)kvm_enter(host, v, true);
	return news;
}

/* Out of KVM_RUN; what the core wants of it may have changed meanwhile. */
static int came_out(struct tidal_host *host, struct kvm_vcpu *v, int r)
{
	bool runs = v->state == KVM_RUNNING;

	switch (r) {
	case 0:
		v->exited = !runs;
		return runs ? kvm_exit(host, v) : 0;
	case -EINTR:
	case -EAGAIN:
		return 0;
	case -ERESTART:
		return runs ? TIDAL_KVM_SIGNAL : 0;
	default:
		v->error = -r;
		return 0;
	}
}

static int failed(struct kvm_vcpu *v)
{
	errno = v->error;
	v->error = 0;
	return TIDAL_EIO;
}

/* Not running: there may be news, or a save that waited for this thread to come out. */
static int wait_for_core(struct tidal_host *host, struct kvm_vcpu *v)
{
	if (v->state == KVM_SAVING && v->save.until) {
		kvm_save_rest(host, v);
		return 0;
	}
	if (v->state == KVM_AWAY && v->seen) {
		v->seen = 0;
		return TIDAL_KVM_LEFT;
	}
	(void)pthread_cond_wait(&v->changed, &host->lock);
	return 0;
}

/* > 0: news; < 0: an error; 0: look again. */
static int step(struct tidal_host *host, struct kvm_vcpu *v)
{
	if (host->ended)
		return TIDAL_KVM_END;
	if (v->state != KVM_RUNNING)
		return wait_for_core(host, v);
	if (v->error)
		return failed(v);
	if (v->exited) {
		v->exited = false;
		return kvm_exit(host, v);
	}
	if (v->stop && !v->unfinished) {
		kvm_stopped(host, v, TIDAL_STOP_SLICE);
		return 0;
	}
	if (v->seen != v->come) {
		v->seen = v->come;
		return hand_over(host, v, TIDAL_KVM_ARRIVED);
	}
	if (v->attention && !v->unfinished) {
		v->attention = false;
		return hand_over(host, v, TIDAL_KVM_KICKED);
	}
	return came_out(host, v, kvm_enter(host, v, v->unfinished && (v->stop || v->attention)));
}

int tidal_kvm_run(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct kvm_vcpu *v;
	int r = kvm_vcpu_get(host, vcpu, &v);

	if (r)
		return r;
	kvm_lock(host);
	r = kvm_enter_prepare(host, v);
	if (r) {
		kvm_unlock(host);
		return r;
	}
	v->called = true;
	v->vmms = false;
	do
		r = step(host, v);
	while (r == 0);
	v->called = false;
	v->vmms = r == TIDAL_KVM_EXIT || r == TIDAL_KVM_ARRIVED || r == TIDAL_KVM_KICKED || r < 0;
	if (v->vmms)
		v->synced = false;
	kvm_unlock(host);
	return r;
}
