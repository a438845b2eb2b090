/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fake host's operations as others see them: one at a time. Runners (vcpu_enter) take turns, so
 * vCPUs of one host don't run at the same time, but those of several hosts do.
 */
#include "host.h"

#define LOCKED(ret, call)                             \
	do {                                          \
		host_turnstile_enter(&host->lock);    \
		ret = (call);                         \
		host_turnstile_leave(&host->lock);    \
	} while (0)

static int region_add(struct tidal_host *host, const struct tidal_region *region)
{
	int ret;

	LOCKED(ret, fake_region_add(host, region));
	return ret;
}

static int region_del(struct tidal_host *host, tidal_gpa base)
{
	int ret;

	LOCKED(ret, fake_region_del(host, base));
	return ret;
}

static int map(struct tidal_host *host, const struct tidal_act_pages *act)
{
	int ret;

	LOCKED(ret, fake_pages_map(host, act));
	return ret;
}

static int unmap(struct tidal_host *host, const struct tidal_act_pages *act)
{
	int ret;

	LOCKED(ret, fake_pages_unmap(host, act));
	return ret;
}

static int protect(struct tidal_host *host, const struct tidal_act_pages *act)
{
	int ret;

	LOCKED(ret, fake_pages_protect(host, act));
	return ret;
}

static int zero(struct tidal_host *host, uint64_t token, tidal_frame frame)
{
	int ret;

	LOCKED(ret, fake_pages_zero(host, token, frame));
	return ret;
}

static void *frame_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn)
{
	void *ret;

	LOCKED(ret, fake_pages_data(host, frame, gfn));
	return ret;
}

static int pin(struct tidal_host *host, tidal_gfn gfn)
{
	int ret;

	LOCKED(ret, fake_pages_pin(host, gfn));
	return ret;
}

static int unpin(struct tidal_host *host, tidal_gfn gfn)
{
	int ret;

	LOCKED(ret, fake_pages_unpin(host, gfn));
	return ret;
}

static int create(struct tidal_host *host, tidal_vcpuid id)
{
	int ret;

	LOCKED(ret, fake_vcpu_create(host, id));
	return ret;
}

static int run(struct tidal_host *host, const struct tidal_act_vcpu *act)
{
	int ret;

	LOCKED(ret, fake_vcpu_run(host, act));
	return ret;
}

static int kick(struct tidal_host *host, tidal_vcpuid id)
{
	int ret;

	LOCKED(ret, fake_vcpu_kick(host, id));
	return ret;
}

static int save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf,
		size_t room)
{
	int ret;

	LOCKED(ret, fake_vcpu_save(host, token, id, buf, room));
	return ret;
}

static int load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		size_t len)
{
	int ret;

	LOCKED(ret, fake_vcpu_load(host, token, id, buf, len));
	return ret;
}

static int drop(struct tidal_host *host, tidal_vcpuid id)
{
	int ret;

	LOCKED(ret, fake_vcpu_drop(host, id));
	return ret;
}

static int poll_events(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n)
{
	int ret;

	LOCKED(ret, fake_poll(host, budget, events, n));
	return ret;
}

static int enter(struct tidal_host *host, uint32_t hthread, tidal_time now, uint32_t budget)
{
	int ret;

	LOCKED(ret, fake_vcpu_enter(host, hthread, now, budget));
	return ret;
}

static void set_clock(struct tidal_host *host, tidal_time now)
{
	host_turnstile_enter(&host->lock);
	fake_clock(host, now);
	host_turnstile_leave(&host->lock);
}

/* Whoever enters a vCPU learns at once what came of it. */
static int wait_fd(struct tidal_host *host)
{
	(void)host;
	return -1;
}

const struct tidal_host_ops *tidal_fake_ops(void)
{
	static const struct tidal_host_ops ops = {
		.size = sizeof(ops),
		.name = "fake",
		.query = fake_query,
		.close = fake_close,
		.region_add = region_add,
		.region_del = region_del,
		.map = map,
		.unmap = unmap,
		.protect = protect,
		.zero = zero,
		.frame_data = frame_data,
		.pin = pin,
		.unpin = unpin,
		.vcpu_create = create,
		.vcpu_run = run,
		.vcpu_kick = kick,
		.vcpu_save = save,
		.vcpu_load = load,
		.vcpu_drop = drop,
		.clock = set_clock,
		.poll = poll_events,
		.wait_fd = wait_fd,
		.vcpu_enter = enter,
		.scrub = fake_pages_scrub,
	};

	return &ops;
}

int tidal_fake_vcpu_boot(struct tidal_host *host, tidal_vcpuid vcpu,
			 const struct tidal_fake_boot *boot)
{
	int ret;

	LOCKED(ret, fake_vcpu_boot(host, vcpu, boot));
	return ret;
}

int tidal_fake_vcpu_regs(struct tidal_host *host, tidal_vcpuid vcpu, struct tidal_fake_regs *regs)
{
	int ret;

	LOCKED(ret, fake_vcpu_regs(host, vcpu, regs));
	return ret;
}

/* To read the host is to change its lock; no host is itself constant. */
const char *tidal_fake_fault(const struct tidal_host *fake, tidal_vcpuid *vcpu, uint64_t *pc,
			     uint32_t *insn)
{
	struct tidal_host *host = (struct tidal_host *)(uintptr_t)fake;
	struct fake_fault fault;

	LOCKED(fault, host->fault);
	*vcpu = fault.text ? fault.vcpu : TIDAL_VCPU_NONE;
	*pc = fault.pc;
	*insn = fault.insn;
	return fault.text;
}
