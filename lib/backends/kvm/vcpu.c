/* SPDX-License-Identifier: BSD-3-Clause */
/* The core's side of vCPUs: made, run, stopped, loaded and forgotten. */
#include "host.h"

struct kvm_vcpu *kvm_vcpu_here(const struct tidal_host *host, tidal_vcpuid id)
{
	struct kvm_vcpu *v = id < TIDAL_VCPUS_MAX ? host->vcpu[id] : NULL;

	return v && v->state != KVM_AWAY ? v : NULL;
}

/* ---- made, and loaded ---- */

static int check_new(struct tidal_host *host, tidal_vcpuid id)
{
	int r = 0;

	if (id >= TIDAL_VCPUS_MAX)
		return TIDAL_ERANGE;
	kvm_lock(host);
	if (kvm_vcpu_here(host, id))
		r = TIDAL_EEXIST;
	else if (host->nhere == host->config.vcpu_slots)
		r = TIDAL_EFULL;
	kvm_unlock(host);
	return r;
}

static void arrive(struct tidal_host *host, struct kvm_vcpu *v, bool synced)
{
	uint16_t slot = 0;

	while (host->here[slot])
		slot++;
	host->here[slot] = v;
	host->nhere++;
	v->slot = slot;
	v->state = KVM_STILL;
	v->hthread = KVM_NONE;
	v->stop = v->attention = v->unfinished = v->exited = v->stranger = v->slipped = false;
	v->gone = false;
	v->error = 0;
	v->stuck = 0;
	v->synced = synced;
	if (++v->come == 0)
		v->come = 1; /* 0: none was seen */
}

int kvm_vcpu_create(struct tidal_host *host, tidal_vcpuid id)
{
	struct kvm_vcpu *v;
	int r = check_new(host, id);

	if (!r)
		r = kvm_vcpu_get(host, id, &v);
	if (!r && v->come)
		r = kvm_parts_write(&host->machine, v->fd, NULL, v->reset, &v->cold);
	if (r)
		return r == TIDAL_EFORMAT ? TIDAL_EIO : r;
	kvm_lock(host);
	arrive(host, v, false);
	kvm_unlock(host);
	return 0;
}

static int load(struct tidal_host *host, struct kvm_vcpu *v, const void *buf, size_t len)
{
	struct kvm_parts *p = &v->scratch->parts;
	const void *vmm;
	size_t vmm_len;
	int r = kvm_bytes_get(&host->machine, v->id, p, &vmm, &vmm_len, buf, len);

	if (!r)
		r = kvm_parts_write(&host->machine, v->fd, v->run, p, &v->cold);
	if (!r && vmm_len)
		r = host->config.vcpu_load
			    ? host->config.vcpu_load(host->config.arg, v->id, vmm, vmm_len)
			    : TIDAL_EFORMAT;
	return r > 0 ? TIDAL_EIO : r;
}

/* Nobody else has anything to do with a vCPU that is away. */
int kvm_vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		  size_t len)
{
	struct kvm_vcpu *v;
	bool room;
	int r = check_new(host, id);

	if (!r)
		r = kvm_vcpu_get(host, id, &v);
	if (r)
		return r;
	kvm_lock(host);
	room = kvm_room(host, 1);
	kvm_unlock(host);
	r = room ? load(host, v, buf, len) : TIDAL_EAGAIN;
	if (r)
		return r;
	kvm_lock(host);
	kvm_clock_at_least(host, v->scratch->parts.tsc);
	arrive(host, v, host->machine.sync_regs && !v->scratch->parts.has_pdptr);
	host->info.loads++;
	kvm_put_done(host, token, 0, 0);
	kvm_unlock(host);
	return 0;
}

static int drop(struct tidal_host *host, struct kvm_vcpu *v)
{
	if (!v)
		return TIDAL_ENOENT;
	if (v->state == KVM_RUNNING || v->state == KVM_SAVING)
		return TIDAL_EBUSY;
	if (v->inside) {
		kvm_signal(host, v);
		return TIDAL_EBUSY;
	}
	kvm_stranger_over(host, v);
	if (v->wake)
		host->nwakes--;
	v->wake = false;
	v->state = KVM_AWAY;
	host->here[v->slot] = NULL;
	host->nhere--;
	(void)pthread_cond_broadcast(&v->changed);
	return 0;
}

int kvm_vcpu_drop(struct tidal_host *host, tidal_vcpuid id)
{
	int r;

	kvm_lock(host);
	r = drop(host, kvm_vcpu_here(host, id));
	kvm_unlock(host);
	return r;
}

/* ---- run, and stopped ---- */

static int check_run(const struct tidal_host *host, const struct kvm_vcpu *v,
		     const struct tidal_act_vcpu *act)
{
	if (!v)
		return TIDAL_ENOENT;
	if (act->hthread >= host->config.hthreads)
		return TIDAL_ERANGE;
	if (v->state == KVM_OFF)
		return TIDAL_EPERM;
	if (v->state == KVM_RUNNING || v->state == KVM_SAVING || host->running[act->hthread])
		return TIDAL_EBUSY;
	if (act->resume == TIDAL_RESUME_IO ? v->state != KVM_DEVICE
					   : act->resume != TIDAL_RESUME_RETRY)
		return TIDAL_EINVAL;
	return kvm_room(host, 2) ? 0 : TIDAL_EAGAIN;
}

/* Its page may have come, or not; or it is out of the kernel, and touches it again by itself. */
static void run_stalled(struct tidal_host *host, struct kvm_vcpu *v)
{
	if (v->stranger && !memory_allows(host->memory, v->lent.gpa / TIDAL_PAGE_SIZE,
					  v->lent.access)) {
		kvm_stalled(host, v, v->lent.access, v->lent.gpa);
		return;
	}
	kvm_stranger_over(host, v);
	if (!v->asleep)
		return;
	if (memory_allows(host->memory, v->fault.gpa / TIDAL_PAGE_SIZE, v->fault.access))
		kvm_wake_page(host, v->fault.gpa / TIDAL_PAGE_SIZE, v);
	else
		kvm_stalled(host, v, v->fault.access, v->fault.gpa);
}

static void run(struct tidal_host *host, struct kvm_vcpu *v, const struct tidal_act_vcpu *act)
{
	unsigned before = v->state;

	v->state = KVM_RUNNING;
	v->hthread = act->hthread;
	v->slipped = v->gone = false;
	host->running[act->hthread] = (uint16_t)(v->id + 1);
	host->nrunning++;
	if (before == KVM_STALLED)
		run_stalled(host, v);
	else if (before == KVM_DEVICE && (act->resume == TIDAL_RESUME_RETRY ||
					  !kvm_device_answer(v, act->value)))
		kvm_device_stalled(host, v);
	/* it may be in KVM_RUN still, and would go on there */
	if (v->attention)
		kvm_signal(host, v);
	(void)pthread_cond_broadcast(&v->changed);
}

int kvm_vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act)
{
	struct kvm_vcpu *v;
	int r;

	kvm_lock(host);
	v = kvm_vcpu_here(host, act->vcpu);
	r = check_run(host, v, act);
	if (!r)
		run(host, v, act);
	kvm_unlock(host);
	return r;
}

int kvm_vcpu_kick(struct tidal_host *host, tidal_vcpuid id)
{
	struct kvm_vcpu *v;

	kvm_lock(host);
	v = kvm_vcpu_here(host, id);
	if (v && v->state == KVM_RUNNING) {
		v->stop = true;
		kvm_signal(host, v);
		/* a thread that was never there need not come out */
		if (!v->tid)
			kvm_stopped(host, v, TIDAL_STOP_SLICE);
		(void)pthread_cond_broadcast(&v->changed);
	}
	kvm_unlock(host);
	return v ? 0 : TIDAL_ENOENT;
}
