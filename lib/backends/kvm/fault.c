/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults on guest memory become stalls: of the vCPU in whose thread they happen; or, when another thread
 * touched the page (the VMM's, vhost, KVM's own for asynchronous page faults), of any vCPU that
 * runs. Such a stranger sleeps on; the vCPU need not, and executes while its stall is dealt with.
 */
#include <string.h>

#include "host.h"

static struct kvm_vcpu *of_thread(const struct tidal_host *host, uint32_t thread)
{
	for (uint32_t i = 0; thread && i < host->config.vcpu_slots; i++)
		if (host->here[i] && host->here[i]->tid == (int)thread)
			return host->here[i];
	return NULL;
}

static struct kvm_vcpu *any_running(const struct tidal_host *host)
{
	for (uint32_t i = 0; host->nrunning && i < host->config.hthreads; i++)
		if (host->running[i])
			return host->vcpu[host->running[i] - 1];
	return NULL;
}

static void note_stranger(struct tidal_host *host, const struct kvm_fault *f)
{
	for (uint32_t i = 0; i < host->nstrange; i++)
		if (host->strange[i].gpa / TIDAL_PAGE_SIZE == f->gpa / TIDAL_PAGE_SIZE &&
		    host->strange[i].access == f->access)
			return;
	/* else who sleeps there is woken, and comes again */
	if (host->nstrange < KVM_STRANGERS)
		host->strange[host->nstrange++] = *f;
	else
		memory_wake(host->memory, f->gpa / TIDAL_PAGE_SIZE);
}

/* A vCPU whose thread is asleep already tells nothing new, but where it sleeps now. */
static void note(struct tidal_host *host, const struct memory_fault *m)
{
	struct kvm_fault f = { m->gpa, m->access };
	struct kvm_vcpu *v = of_thread(host, m->thread);

	host->info.faults++;
	if (!v || !v->inside) {
		host->info.strangers++;
		note_stranger(host, &f);
		return;
	}
	v->asleep = true;
	v->fault = f;
	if (v->state == KVM_RUNNING)
		kvm_stalled(host, v, f.access, f.gpa);
}

static void forget_stranger(struct tidal_host *host, uint32_t i)
{
	host->nstrange--;
	memmove(&host->strange[i], &host->strange[i + 1],
		(host->nstrange - i) * sizeof(host->strange[0]));
}

static void give_out(struct tidal_host *host)
{
	for (uint32_t i = 0; i < host->nstrange;) {
		struct kvm_fault f = host->strange[i];
		struct kvm_vcpu *v;

		if (memory_allows(host->memory, f.gpa / TIDAL_PAGE_SIZE, f.access)) {
			kvm_wake_page(host, f.gpa / TIDAL_PAGE_SIZE, NULL);
			forget_stranger(host, i);
			continue;
		}
		v = any_running(host);
		if (!v)
			return;
		v->stranger = true;
		v->lent = f;
		kvm_stalled(host, v, f.access, f.gpa);
		forget_stranger(host, i);
	}
}

static void call_back(struct tidal_host *host)
{
	for (uint32_t i = 0; host->nslipped && i < host->config.vcpu_slots; i++) {
		struct kvm_vcpu *v = host->here[i];

		if (!v || !v->slipped)
			continue;
		v->slipped = false;
		host->nslipped--;
		if (v->state == KVM_STALLED)
			kvm_signal(host, v);
	}
	host->nslipped = 0;
}

void kvm_faults(struct tidal_host *host)
{
	struct memory_fault f;

	while (kvm_room(host, 1) && memory_fault(host->memory, &f))
		note(host, &f);
	give_out(host);
	call_back(host);
}

void kvm_wake_page(struct tidal_host *host, tidal_gfn gfn, const struct kvm_vcpu *v)
{
	memory_wake(host->memory, gfn);
	for (uint32_t i = 0; i < host->config.vcpu_slots; i++) {
		struct kvm_vcpu *u = host->here[i];

		if (!u || !u->asleep || u->fault.gpa / TIDAL_PAGE_SIZE != gfn)
			continue;
		u->asleep = false;
		if (u == v || u->slipped)
			continue;
		u->slipped = true;
		host->nslipped++;
	}
}

void kvm_stranger_over(struct tidal_host *host, struct kvm_vcpu *v)
{
	tidal_gfn gfn = v->lent.gpa / TIDAL_PAGE_SIZE;

	if (!v->stranger)
		return;
	v->stranger = false;
	if (memory_allows(host->memory, gfn, v->lent.access))
		kvm_wake_page(host, gfn, NULL);
	else
		note_stranger(host, &v->lent);
}
