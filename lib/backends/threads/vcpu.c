/* SPDX-License-Identifier: BSD-3-Clause */
/* vCPUs without state: made, run, stopped and forgotten, but never moved. */
#include "host.h"

static struct threads_vcpu *find(const struct tidal_host *host, tidal_vcpuid id)
{
	return id < TIDAL_VCPUS_MAX && host->slot[id] ? &host->vcpus[host->slot[id] - 1] : NULL;
}

int threads_vcpu_create(struct tidal_host *host, tidal_vcpuid id)
{
	uint16_t slot;

	if (id >= TIDAL_VCPUS_MAX)
		return TIDAL_ERANGE;
	if (host->slot[id])
		return TIDAL_EEXIST;
	if (!host->nfree)
		return TIDAL_EFULL;
	slot = host->free[--host->nfree];
	host->slot[id] = (uint16_t)(slot + 1);
	host->vcpus[slot] = (struct threads_vcpu){ .id = id, .hthread = THREADS_NONE };
	return 0;
}

/* There is nothing to execute: it takes faults from now on. */
int threads_vcpu_run(struct tidal_host *host, const struct tidal_act_vcpu *act)
{
	struct threads_vcpu *v = find(host, act->vcpu);

	if (!v)
		return TIDAL_ENOENT;
	if (act->hthread >= host->hthreads)
		return TIDAL_ERANGE;
	if (v->hthread != THREADS_NONE || host->running[act->hthread] != THREADS_NONE)
		return TIDAL_EBUSY;
	if (act->resume != TIDAL_RESUME_RETRY)
		return TIDAL_EINVAL;
	if (!threads_room(host, 1))
		return TIDAL_EAGAIN;
	if (v->stalled)
		threads_fault_over(host, (uint16_t)(v - host->vcpus));
	v->hthread = act->hthread;
	host->running[act->hthread] = (uint16_t)(v - host->vcpus);
	host->nrunning++;
	return 0;
}

void threads_vcpu_leave(struct tidal_host *host, struct threads_vcpu *v)
{
	host->running[v->hthread] = THREADS_NONE;
	host->nrunning--;
	v->hthread = THREADS_NONE;
}

int threads_vcpu_kick(struct tidal_host *host, tidal_vcpuid id)
{
	struct threads_vcpu *v = find(host, id);
	struct tidal_ev_vcpu_stopped *event;

	if (!v)
		return TIDAL_ENOENT;
	if (v->hthread == THREADS_NONE)
		return 0;
	threads_vcpu_leave(host, v);
	event = &host_ring_put(&host->ring, TIDAL_EV_VCPU_STOPPED)->u.stopped;
	event->vcpu = id;
	event->reason = TIDAL_STOP_SLICE;
	return 0;
}

/* A thread stays where it is, and so do the places for its faults. */
int threads_vcpu_save(struct tidal_host *host, uint64_t token, tidal_vcpuid id, void *buf,
		      size_t room)
{
	const struct threads_vcpu *v = find(host, id);

	(void)token;
	(void)buf;
	(void)room;
	if (!v)
		return TIDAL_ENOENT;
	return v->hthread != THREADS_NONE ? TIDAL_EBUSY : TIDAL_ENOSYS;
}

int threads_vcpu_load(struct tidal_host *host, uint64_t token, tidal_vcpuid id, const void *buf,
		      size_t len)
{
	(void)host;
	(void)token;
	(void)id;
	(void)buf;
	(void)len;
	return TIDAL_ENOSYS;
}

/* Its fault waits for another one. */
int threads_vcpu_drop(struct tidal_host *host, tidal_vcpuid id)
{
	struct threads_vcpu *v = find(host, id);
	uint16_t slot;

	if (!v)
		return TIDAL_ENOENT;
	if (v->hthread != THREADS_NONE)
		return TIDAL_EBUSY;
	slot = (uint16_t)(v - host->vcpus);
	for (uint32_t i = 0; v->stalled && i < host->nfaults; i++)
		if (host->fault[i].slot == slot)
			host->fault[i].slot = THREADS_NONE;
	host->free[host->nfree++] = slot;
	host->slot[id] = 0;
	return 0;
}
