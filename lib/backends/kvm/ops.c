/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations of the KVM host. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "ops.h"

static int query(struct tidal_host *host, struct tidal_host_caps *caps)
{
	const struct tidal_host_caps all = {
		.size = caps->size,
		.frames = memory_frames(host->memory),
		.vcpu_slots = host->config.vcpu_slots,
		.hthreads = host->config.hthreads,
		.vcpu_bytes = (uint32_t)kvm_bytes_max(&host->machine) + host->config.vmm_bytes,
	};

	if (caps->size < sizeof(caps->size))
		return TIDAL_EINVAL;
	memcpy(caps, &all, caps->size < sizeof(all) ? caps->size : sizeof(all));
	return 0;
}

/* ---- memory: done when it returns ---- */

typedef int (*change_fn)(struct memory *, const struct tidal_act_pages *, uint32_t *zero);

static int map_zero(struct memory *memory, const struct tidal_act_pages *act, uint32_t *zero)
{
	*zero = 0;
	return memory_map(memory, act);
}

static bool room(struct tidal_host *host)
{
	bool is;

	kvm_lock(host);
	is = kvm_room(host, 1);
	kvm_unlock(host);
	return is;
}

static int done(struct tidal_host *host, uint64_t token, uint32_t zero)
{
	struct tidal_ev_host_done *event;

	/* of what is done when an operation returns nobody needs to be told twice */
	kvm_lock(host);
	event = &host_ring_put(&host->ring, TIDAL_EV_HOST_DONE)->u.done;
	event->token = token;
	event->zero = zero;
	kvm_unlock(host);
	return 0;
}

static int change(struct tidal_host *host, const struct tidal_act_pages *act, change_fn fn)
{
	uint32_t zero = 0;
	int r = room(host) ? fn(host->memory, act, &zero) : TIDAL_EAGAIN;

	return r ? r : done(host, act->token, zero);
}

static int map(struct tidal_host *host, const struct tidal_act_pages *act)
{
	return change(host, act, map_zero);
}

static int unmap(struct tidal_host *host, const struct tidal_act_pages *act)
{
	return change(host, act, memory_unmap);
}

static int protect(struct tidal_host *host, const struct tidal_act_pages *act)
{
	return change(host, act, memory_protect);
}

static int zero_frame(struct tidal_host *host, uint64_t token, tidal_frame frame)
{
	int r = room(host) ? memory_zero(host->memory, frame) : TIDAL_EAGAIN;

	return r ? r : done(host, token, 0);
}

static int scrub(struct tidal_host *host, tidal_frame first, uint64_t mask)
{
	return memory_scrub(host->memory, first, mask);
}

static void *frame_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn)
{
	return memory_frame_data(host->memory, frame, gfn);
}

static int pin(struct tidal_host *host, tidal_gfn gfn)
{
	return memory_pin(host->memory, gfn);
}

static int unpin(struct tidal_host *host, tidal_gfn gfn)
{
	return memory_unpin(host->memory, gfn);
}

/* ---- time and events ---- */

static void set_clock(struct tidal_host *host, tidal_time now)
{
	kvm_lock(host);
	kvm_clock_set(host, now);
	kvm_unlock(host);
}

/* Behind what was put before them: a vCPU is halted before it is woken. */
static int take_wakes(struct tidal_host *host, struct tidal_event *events, int n)
{
	int taken = 0;

	for (uint32_t i = 0; host->nwakes && taken < n && i < host->config.vcpu_slots; i++) {
		struct kvm_vcpu *v = host->here[i];

		if (!v || !v->wake)
			continue;
		v->wake = false;
		host->nwakes--;
		events[taken] = (struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE };
		events[taken++].u.wake.vcpu = v->id;
	}
	return taken;
}

static void hush(struct tidal_host *host)
{
	uint64_t count;

	if (host->rung && read(host->bell_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		host->rung = false;
}

static int poll_events(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n)
{
	int taken;

	(void)budget;
	if (n < 0)
		return TIDAL_EINVAL;
	kvm_lock(host);
	kvm_faults(host);
	kvm_save_timeouts(host);
	taken = host_ring_take(&host->ring, events, n);
	if (taken < n) {
		taken += take_wakes(host, events + taken, n - taken);
		if (!host->nwakes)
			hush(host);
	}
	kvm_unlock(host);
	return taken;
}

static int wait_fd(struct tidal_host *host)
{
	return host->wait_fd;
}

const struct tidal_host_ops *tidal_kvm_ops(void)
{
	static const struct tidal_host_ops ops = {
		.size = sizeof(ops),
		.name = "kvm",
		.query = query,
		.close = kvm_close,
		.region_add = kvm_region_add,
		.region_del = kvm_region_del,
		.map = map,
		.unmap = unmap,
		.protect = protect,
		.zero = zero_frame,
		.frame_data = frame_data,
		.pin = pin,
		.unpin = unpin,
		.vcpu_create = kvm_vcpu_create,
		.vcpu_run = kvm_vcpu_run,
		.vcpu_kick = kvm_vcpu_kick,
		.vcpu_save = kvm_vcpu_save,
		.vcpu_load = kvm_vcpu_load,
		.vcpu_drop = kvm_vcpu_drop,
		.clock = set_clock,
		.poll = poll_events,
		.wait_fd = wait_fd,
		.scrub = scrub,
	};

	return &ops;
}
