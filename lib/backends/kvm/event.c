/* SPDX-License-Identifier: BSD-3-Clause */
/* Events: put where poll() takes them, and whoever waits for the descriptor hears of it. */
#define _GNU_SOURCE
#include <unistd.h>

#include "host.h"

void kvm_ring(struct tidal_host *host)
{
	const uint64_t one = 1;

	/* it can only fail when the descriptor is readable anyway */
	if (!host->rung && write(host->bell_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		host->rung = true;
}

struct tidal_event *kvm_put(struct tidal_host *host, uint32_t kind)
{
	kvm_ring(host);
	return host_ring_put(&host->ring, kind);
}

void kvm_put_done(struct tidal_host *host, uint64_t token, int status, uint32_t len)
{
	struct tidal_ev_host_done *done = &kvm_put(host, TIDAL_EV_HOST_DONE)->u.done;

	done->token = token;
	done->status = status;
	done->payload_len = len;
}

static void leave(struct tidal_host *host, struct kvm_vcpu *v, enum kvm_state state)
{
	host->running[v->hthread] = 0;
	host->nrunning--;
	v->hthread = KVM_NONE;
	v->state = (uint16_t)state;
	v->stop = false;
}

void kvm_stopped(struct tidal_host *host, struct kvm_vcpu *v, unsigned reason)
{
	struct tidal_ev_vcpu_stopped *event;

	leave(host, v, reason == TIDAL_STOP_OFF ? KVM_OFF : KVM_STILL);
	event = &kvm_put(host, TIDAL_EV_VCPU_STOPPED)->u.stopped;
	event->vcpu = v->id;
	event->reason = (uint16_t)reason;
}

void kvm_stalled(struct tidal_host *host, struct kvm_vcpu *v, unsigned access, tidal_gpa gpa)
{
	struct tidal_ev_stall *event;

	leave(host, v, KVM_STALLED);
	event = &kvm_put(host, TIDAL_EV_STALL)->u.stall;
	event->vcpu = v->id;
	event->access = (uint16_t)access;
	event->gpa = gpa;
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)at[i] << 8 * i;
	return v;
}

void kvm_device_stalled(struct tidal_host *host, struct kvm_vcpu *v)
{
	const struct kvm_device *d = &v->device;
	struct tidal_ev_stall *event;

	leave(host, v, KVM_DEVICE);
	event = &kvm_put(host, TIDAL_EV_STALL)->u.stall;
	event->vcpu = v->id;
	event->access = TIDAL_IO;
	event->gpa = d->gpa;
	event->io_size = d->bytes;
	event->io_write = d->write;
	event->io_data = d->write ? get(d->data, d->bytes) : 0;
}
