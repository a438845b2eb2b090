/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults of threads become stalls of vCPUs. */
#include <string.h>

#include "host.h"

static void note(struct tidal_host *host, const struct memory_fault *f)
{
	for (uint32_t i = 0; i < host->nfaults; i++) {
		struct threads_fault *known = &host->fault[i];

		if (known->gpa / TIDAL_PAGE_SIZE == f->gpa / TIDAL_PAGE_SIZE &&
		    known->access == f->access) {
			known->asleep = true;
			return;
		}
	}
	host->fault[host->nfaults++] = (struct threads_fault){
		.gpa = f->gpa, .access = f->access, .slot = THREADS_NONE, .thread = f->thread,
		.asleep = true,
	};
	host->faults++;
}

/* A vCPU for the thread: its own from last time, else the one that has been idle for longest. */
static struct threads_vcpu *choose(struct tidal_host *host, uint32_t thread)
{
	struct threads_vcpu *best = NULL;

	for (uint32_t i = 0; i < host->hthreads; i++) {
		struct threads_vcpu *v;

		if (host->running[i] == THREADS_NONE)
			continue;
		v = &host->vcpus[host->running[i]];
		if (thread && v->thread == thread)
			return v;
		if (!best || v->used < best->used)
			best = v;
	}
	return best;
}

static void stall(struct tidal_host *host, struct threads_fault *f, struct threads_vcpu *v)
{
	struct tidal_ev_stall *event;

	f->slot = (uint16_t)(v - host->vcpus);
	v->stalled = true;
	v->thread = f->thread;
	v->used = host->faults;
	threads_vcpu_leave(host, v);
	event = &host_ring_put(&host->ring, TIDAL_EV_STALL)->u.stall;
	event->vcpu = v->id;
	event->access = f->access;
	event->gpa = f->gpa;
}

static void forget(struct tidal_host *host, struct threads_fault *f)
{
	struct threads_fault *end = &host->fault[--host->nfaults];

	memmove(f, f + 1, (size_t)(end - f) * sizeof(*f));
}

/* Everybody on the page, whatever they want. */
static void wake(struct tidal_host *host, tidal_gfn gfn)
{
	memory_wake(host->memory, gfn);
	for (uint32_t i = 0; i < host->nfaults; i++)
		if (host->fault[i].gpa / TIDAL_PAGE_SIZE == gfn)
			host->fault[i].asleep = false;
}

/* A vCPU for each that has none; the page may have come meanwhile for somebody else. */
static void give_out(struct tidal_host *host)
{
	for (uint32_t i = 0; i < host->nfaults && host->nrunning;) {
		struct threads_fault *f = &host->fault[i];
		tidal_gfn gfn = f->gpa / TIDAL_PAGE_SIZE;

		if (f->slot == THREADS_NONE && memory_allows(host->memory, gfn, f->access)) {
			wake(host, gfn);
			forget(host, f);
			continue;
		}
		if (f->slot == THREADS_NONE)
			stall(host, f, choose(host, f->thread));
		i++;
	}
}

void threads_faults(struct tidal_host *host)
{
	struct memory_fault f;

	while (host->nfaults < THREADS_FAULTS && memory_fault(host->memory, &f))
		note(host, &f);
	give_out(host);
}

void threads_fault_over(struct tidal_host *host, uint16_t slot)
{
	host->vcpus[slot].stalled = false;
	for (uint32_t i = 0; i < host->nfaults; i++) {
		struct threads_fault *f = &host->fault[i];

		if (f->slot != slot)
			continue;
		if (f->asleep)
			wake(host, f->gpa / TIDAL_PAGE_SIZE);
		forget(host, f);
		return;
	}
}
