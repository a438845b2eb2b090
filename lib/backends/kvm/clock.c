/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's time stamp counter follows pod time: it is the host's, and *ahead* of it by an amount
 * that only grows, so that it is never behind what a message or a vCPU has brought.
 */
#include "host.h"

#define SLACK_MS 1 /* so much more whenever it is set, or clocks that drift would set it all the time */
#define PROBE (UINT64_C(1) << 44)
#define MILLION 1000000u

static uint64_t host_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static uint64_t tsc_of(const struct tidal_host *host, tidal_time t)
{
	uint64_t khz = host->machine.tsc_khz;

	return t / MILLION * khz + t % MILLION * khz / MILLION;
}

uint64_t kvm_clock_tsc(const struct tidal_host *host)
{
	return host_tsc() + host->clock.ahead;
}

static int set_offset(int fd, uint64_t offset)
{
	struct kvm_device_attr attr = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
					.addr = (uintptr_t)&offset };

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &attr);
}

struct one_msr {
	uint32_t count, pad; /* struct kvm_msrs */
	struct kvm_msr_entry entry[1];
};

static int set_value(int fd, uint64_t tsc)
{
	struct one_msr m = { .count = 1, .entry[0] = { .index = MSR_TSC, .data = tsc } };

	return ioctl(fd, KVM_SET_MSRS, &m) == 1 ? 0 : -1;
}

static uint64_t get_value(int fd)
{
	struct one_msr m = { .count = 1, .entry[0].index = MSR_TSC };

	return ioctl(fd, KVM_GET_MSRS, &m) == 1 ? m.entry[0].data : 0;
}

/* Some take a value and go on as before. */
bool kvm_clock_probe(int fd)
{
	uint64_t before = host_tsc();

	if (set_value(fd, before + PROBE))
		return false;
	return get_value(fd) - before >= PROBE;
}

/* Those that run now get it when they are out of the guest. */
static void advance(struct tidal_host *host, uint64_t by)
{
	host->clock.ahead += by;
	host->clock.setting++;
	for (uint32_t i = 0; i < host->config.hthreads && host->nrunning; i++)
		if (host->running[i])
			kvm_signal(host, host->vcpu[host->running[i] - 1]);
}

/* The clock that a paravirtualised guest reads (kvmclock) is the VM's. */
static void set_kvmclock(const struct tidal_host *host, tidal_time now)
{
	struct kvm_clock_data data = { .clock = now };

	(void)ioctl(host->vm_fd, KVM_SET_CLOCK, &data); /* without one the guest has none */
}

void kvm_clock_set(struct tidal_host *host, tidal_time now)
{
	uint64_t lag = tsc_of(host, now) - kvm_clock_tsc(host);

	if (!host->clock.can || (int64_t)lag <= 0)
		return;
	advance(host, lag + SLACK_MS * (uint64_t)host->machine.tsc_khz);
	set_kvmclock(host, now + SLACK_MS * MILLION);
}

void kvm_clock_at_least(struct tidal_host *host, uint64_t tsc)
{
	uint64_t lag = tsc - kvm_clock_tsc(host);

	if (host->clock.can && (int64_t)lag > 0)
		advance(host, lag);
}

void kvm_clock_apply(struct tidal_host *host, struct kvm_vcpu *v)
{
	struct kvm_clock *c = &host->clock;

	if (v->clock == c->setting || !c->can)
		return;
	v->clock = c->setting;
	if (set_offset(v->fd, c->ahead))
		(void)set_value(v->fd, host_tsc() + c->ahead); /* has worked before */
}
