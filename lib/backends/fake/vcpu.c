/* SPDX-License-Identifier: BSD-3-Clause */
/* vCPUs: made, run, saved and forgotten. */
#include <string.h>

#include "bytes.h"
#include "host.h"

static struct fake_hart *take_slot(struct tidal_host *host, tidal_vcpuid id)
{
	uint16_t slot = host->free[--host->nfree];

	host->slot[id] = (uint16_t)(slot + 1);
	return &host->harts[slot];
}

static int check_new(const struct tidal_host *host, tidal_vcpuid id)
{
	if (id >= TIDAL_VCPUS_MAX)
		return TIDAL_ERANGE;
	if (fake_hart_find(host, id))
		return TIDAL_EEXIST;
	return host->nfree ? 0 : TIDAL_EFULL;
}

int fake_vcpu_create(struct tidal_host *host, tidal_vcpuid id)
{
	int r = check_new(host, id);

	if (!r)
		fake_hart_reset(take_slot(host, id), id);
	return r;
}

/* Find a vCPU that may be touched now. */
static int idle_hart(const struct tidal_host *host, tidal_vcpuid id, struct fake_hart **hart)
{
	*hart = fake_hart_find(host, id);
	if (!*hart)
		return TIDAL_ENOENT;
	return (*hart)->hthread == FAKE_NOT_RUNNING ? 0 : TIDAL_EBUSY;
}

/* Only what the vCPU waits for can be completed. */
static bool resume_fits(const struct fake_stall *stall, unsigned resume)
{
	switch (resume) {
	case TIDAL_RESUME_RETRY:
		return true;
	case TIDAL_RESUME_SKIP:
		return stall->valid && stall->access == TIDAL_ZERO;
	case TIDAL_RESUME_IO:
		return stall->valid && stall->access == TIDAL_IO;
	default:
		return false;
	}
}

int fake_vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act)
{
	struct fake_hart *hart;
	int r = idle_hart(host, act->vcpu, &hart);

	if (r)
		return r;
	if (act->hthread >= host->hthreads)
		return TIDAL_ERANGE;
	if (host->running[act->hthread])
		return TIDAL_EBUSY;
	if (hart->off)
		return TIDAL_EPERM;
	if (!resume_fits(&hart->stall, act->resume))
		return TIDAL_EINVAL;
	if (!fake_host_room(host, 2))
		return TIDAL_EAGAIN;
	hart->started = hart->retired;
	hart->watch = act->watch != 0;
	hart->hthread = act->hthread;
	host->running[act->hthread] = hart;
	host->nrunning++;
	if (act->resume != TIDAL_RESUME_RETRY)
		fake_hart_complete(hart, act->value);
	hart->stall.valid = false;
	return 0;
}

/* Take a vCPU off its hyperthread. */
static void leave(struct tidal_host *host, struct fake_hart *hart)
{
	if (hart->watch && hart->retired != hart->started)
		host_ring_put(&host->ring, TIDAL_EV_RETIRED)->u.retired.vcpu = hart->id;
	hart->watch = false;
	host->running[hart->hthread] = NULL;
	host->nrunning--;
	hart->hthread = FAKE_NOT_RUNNING;
}

static void stopped(struct tidal_host *host, struct fake_hart *hart, enum tidal_stop_reason reason)
{
	struct tidal_ev_vcpu_stopped *event;

	leave(host, hart);
	event = &host_ring_put(&host->ring, TIDAL_EV_VCPU_STOPPED)->u.stopped;
	event->vcpu = hart->id;
	event->reason = (uint16_t)reason;
	event->retired = hart->retired - hart->started;
}

static void stalled(struct tidal_host *host, struct fake_hart *hart)
{
	struct tidal_ev_stall *event;

	leave(host, hart);
	event = &host_ring_put(&host->ring, TIDAL_EV_STALL)->u.stall;
	event->vcpu = hart->id;
	event->access = hart->stall.access;
	event->gpa = hart->stall.gpa;
	event->io_data = hart->stall.data;
	event->io_write = hart->stall.write;
	event->io_size = hart->stall.size;
}

static void run_one(struct tidal_host *host, struct fake_hart *hart, uint32_t budget)
{
	enum fake_exit why;

	hart->now = host->now;
	why = fake_exec(&host->mem, hart, budget);
	switch (why) {
	case FAKE_EXIT_BUDGET:
		if (!hart->watch || hart->retired == hart->started)
			break;
		host_ring_put(&host->ring, TIDAL_EV_RETIRED)->u.retired.vcpu = hart->id;
		hart->watch = false;
		break;
	case FAKE_EXIT_STALL:
		stalled(host, hart);
		break;
	case FAKE_EXIT_WFI:
		stopped(host, hart, TIDAL_STOP_SLICE);
		break;
	case FAKE_EXIT_OFF:
		host->fault = (struct fake_fault){ fake_cause_text(hart->cause), hart->id,
						   fake_mem_insn(&host->mem, hart), hart->pc };
		stopped(host, hart, TIDAL_STOP_OFF);
		break;
	}
}

/* By hyperthread, so that a run can be repeated exactly. */
void fake_host_run(struct tidal_host *host, uint32_t budget)
{
	for (uint32_t i = 0; i < host->hthreads && host->nrunning; i++)
		if (host->running[i])
			run_one(host, host->running[i], budget);
}

int fake_vcpu_enter(struct tidal_host *host, uint32_t hthread, tidal_time now, uint32_t budget)
{
	uint32_t before = host->ring.tail;

	if (hthread >= host->hthreads)
		return TIDAL_ERANGE;
	if (!host->running[hthread])
		return TIDAL_ENOENT;
	fake_clock(host, now);
	run_one(host, host->running[hthread], budget);
	return host->ring.tail != before;
}

int fake_vcpu_kick(struct tidal_host *host, tidal_vcpuid id)
{
	struct fake_hart *hart = fake_hart_find(host, id);

	if (!hart)
		return TIDAL_ENOENT;
	if (hart->hthread != FAKE_NOT_RUNNING)
		stopped(host, hart, TIDAL_STOP_SLICE);
	return 0;
}

int fake_vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf, size_t room)
{
	struct fake_hart *hart;
	int r = idle_hart(host, id, &hart);

	if (r)
		return r;
	if (room < FAKE_STATE_BYTES)
		return TIDAL_ERANGE;
	if (!fake_host_room(host, 1))
		return TIDAL_EAGAIN;
	fake_unreserve(&host->mem, hart);
	fake_state_save(hart, host->now, buf);
	fake_host_done(host, token)->payload_len = FAKE_STATE_BYTES;
	return 0;
}

/* What the vCPU has seen of time, all vCPUs here have: they may tell each other. */
int fake_vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		   size_t len)
{
	struct fake_hart hart;
	tidal_time saved;
	int r = check_new(host, id);

	if (!r)
		r = fake_state_load(&hart, id, &saved, buf, len);
	if (r)
		return r;
	if (!fake_host_room(host, 1))
		return TIDAL_EAGAIN;
	*take_slot(host, id) = hart;
	if (saved > host->now)
		host->now = saved;
	fake_host_done(host, token);
	return 0;
}

int fake_vcpu_drop(struct tidal_host *host, tidal_vcpuid id)
{
	struct fake_hart *hart;
	int r = idle_hart(host, id, &hart);

	if (r)
		return r;
	fake_unreserve(&host->mem, hart);
	host->free[host->nfree++] = (uint16_t)(hart - host->harts);
	host->slot[id] = 0;
	return 0;
}

int fake_vcpu_boot(struct tidal_host *host, tidal_vcpuid vcpu, const struct tidal_fake_boot *boot)
{
	struct fake_hart *hart;
	int r = idle_hart(host, vcpu, &hart);

	if (r)
		return r;
	if (boot->pc % 4)
		return TIDAL_EINVAL;
	fake_unreserve(&host->mem, hart);
	fake_hart_reset(hart, vcpu);
	hart->pc = boot->pc;
	for (unsigned i = 0; i < 6; i++)
		hart->x[10 + i] = boot->a[i];
	return 0;
}

int fake_vcpu_regs(struct tidal_host *host, tidal_vcpuid vcpu, struct tidal_fake_regs *regs)
{
	struct fake_hart *hart;
	int r = idle_hart(host, vcpu, &hart);

	if (r)
		return r;
	memcpy(regs->x, hart->x, sizeof(regs->x));
	regs->pc = hart->pc;
	regs->retired = hart->retired;
	return 0;
}
