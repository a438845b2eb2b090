/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Saving. A vCPU that waits for a page must come out of KVM_RUN first. KVM lets it go at once when the
 * guest itself touched the page, and then its registers are exactly those before the instruction. Not so
 * when KVM did in the guest's name; then the page has to come: the save fails with EBUSY after
 * a while, so the core runs the vCPU again and fetches the page.
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include "host.h"

#define STUCK_MAX 4 /* in a row: then the next ones are not waited for, */
#define STUCK_TRY 32 /* but every so many */

static size_t room_for(const struct tidal_host *host)
{
	return kvm_bytes_max(&host->machine) + host->config.vmm_bytes;
}

/* In the middle of an instruction: only KVM knows how it goes on. */
static bool unsavable(const struct kvm_vcpu *v)
{
	return v->exited || v->unfinished || v->vmms || v->error || v->state == KVM_DEVICE;
}

static void end(struct tidal_host *host, struct kvm_vcpu *v, int status, size_t len)
{
	v->state = v->save.before;
	v->save.until = 0;
	v->gone = status == 0;
	host->nsaving--;
	host->info.saves += status == 0;
	kvm_put_done(host, v->save.token, status, (uint32_t)len);
	(void)pthread_cond_broadcast(&v->changed);
}

/* Without the lock: while it is being saved it belongs to whoever saves it. */
static int read_out(struct tidal_host *host, struct kvm_vcpu *v, uint64_t tsc, size_t *len)
{
	const struct tidal_kvm_config *c = &host->config;
	struct kvm_parts *p = &v->scratch->parts;
	int r = kvm_parts_read(&host->machine, v->fd, v->synced ? v->run : NULL, p), vmm = 0;

	if (!r && c->vcpu_save && c->vmm_bytes)
		vmm = c->vcpu_save(c->arg, v->id, v->scratch->vmm, c->vmm_bytes);
	if (vmm < 0 || (uint32_t)vmm > c->vmm_bytes)
		r = vmm < 0 ? vmm : TIDAL_ERANGE;
	if (r)
		return r;
	v->cold = p->cold;
	p->tsc = tsc;
	*len = kvm_bytes_put(&host->machine, v->id, p, v->scratch->vmm, (size_t)vmm, v->save.buf);
	return 0;
}

void kvm_save_rest(struct tidal_host *host, struct kvm_vcpu *v)
{
	uint64_t tsc = kvm_clock_tsc(host);
	size_t len = 0;
	int r = TIDAL_EBUSY;

	v->save.until = 0;
	v->stuck = 0;
	if (!unsavable(v)) {
		kvm_unlock(host);
		r = read_out(host, v, tsc, &len);
		kvm_lock(host);
	}
	end(host, v, r, len);
}

static void arm(struct tidal_host *host, uint32_t us)
{
	const struct itimerspec once = {
		.it_value = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L },
	};

	/* if it can't be armed others will wake us */
	host->armed |= timerfd_settime(host->timer_fd, 0, &once, NULL) == 0;
}

/* One that never comes out, as here it seldom does for the kernel's own accesses, costs time. */
static bool hopeless(struct kvm_vcpu *v)
{
	return v->stuck >= STUCK_MAX && ++v->stuck % STUCK_TRY != 0;
}

static int check(const struct tidal_host *host, const struct kvm_vcpu *v, size_t room)
{
	if (!v)
		return TIDAL_ENOENT;
	if (v->state == KVM_RUNNING || v->state == KVM_SAVING)
		return TIDAL_EBUSY;
	if (room < room_for(host))
		return TIDAL_ERANGE;
	if (unsavable(v))
		return TIDAL_EBUSY;
	return kvm_room(host, 1) ? 0 : TIDAL_EAGAIN;
}

static int begin(struct tidal_host *host, struct kvm_vcpu *v)
{
	if (v->inside && hopeless(v))
		return TIDAL_EBUSY;
	kvm_stranger_over(host, v);
	v->save.before = v->state;
	v->state = KVM_SAVING;
	v->gone = true;
	host->nsaving++;
	if (!v->inside) {
		kvm_save_rest(host, v);
		return 0;
	}
	v->save.until = kvm_now() + host->config.cancel_us * UINT64_C(1000);
	host->info.cancels++;
	arm(host, host->config.cancel_us);
	kvm_signal(host, v);
	return 0;
}

int kvm_vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf,
		  size_t room)
{
	struct kvm_vcpu *v;
	int r;

	kvm_lock(host);
	v = kvm_vcpu_here(host, id);
	r = check(host, v, room);
	if (!r) {
		v->save.token = token;
		v->save.buf = buf;
		r = begin(host, v);
	}
	kvm_unlock(host);
	return r;
}

void kvm_save_timeouts(struct tidal_host *host)
{
	uint64_t times, now;
	uint32_t waiting = 0;

	if (!host->armed)
		return;
	if (read(host->timer_fd, &times, sizeof(times)) == (ssize_t)sizeof(times))
		host->armed = false;
	now = kvm_now();
	for (uint32_t i = 0; host->nsaving && i < host->config.vcpu_slots; i++) {
		struct kvm_vcpu *v = host->here[i];

		if (!v || v->state != KVM_SAVING || !v->save.until)
			continue;
		if (now < v->save.until) {
			waiting++;
			continue;
		}
		v->stuck++;
		host->info.stuck++;
		end(host, v, TIDAL_EBUSY, 0);
	}
	if (waiting && !host->armed)
		arm(host, host->config.cancel_us);
}
