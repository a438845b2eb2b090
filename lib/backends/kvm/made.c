/* SPDX-License-Identifier: BSD-3-Clause */
/* KVM's vCPUs: made when they are needed first, and kept, since KVM can't take one away. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "machine.h"

#define CPUID_ENTRIES 256

struct cpuid {
	uint32_t count, pad; /* struct kvm_cpuid2 */
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES];
};

/* The number of a vCPU, wherever CPUID tells it. */
static void set_apic_id(struct kvm_cpuid_entry2 *e, uint32_t id)
{
	if (e->function == 1)
		e->ebx = (e->ebx & 0xffffff) | id << 24;
	if (e->function == 0xb || e->function == 0x1f)
		e->edx = id;
}

/* All that KVM supports: an embedder with hosts of different kinds must choose itself. */
static int default_cpuid(const struct tidal_host *host, tidal_vcpuid id, int fd)
{
	struct cpuid *c = calloc(1, sizeof(*c));
	int r = TIDAL_EIO;

	if (!c)
		return TIDAL_ENOMEM;
	c->count = CPUID_ENTRIES;
	if (ioctl(host->kvm_fd, KVM_GET_SUPPORTED_CPUID, c) == 0) {
		for (uint32_t i = 0; i < c->count; i++)
			set_apic_id(&c->entry[i], id);
		r = ioctl(fd, KVM_SET_CPUID2, c) ? TIDAL_EIO : 0;
	}
	free(c);
	return r;
}

static int set_up(const struct tidal_host *host, const struct kvm_vcpu *v)
{
	int r;

	if (v->fd_vmms)
		return 0;
	if (!host->config.vcpu_made)
		return default_cpuid(host, v->id, v->fd);
	r = host->config.vcpu_made(host->config.arg, v->id, v->fd);
	return r > 0 ? TIDAL_EIO : r;
}

/* What all vCPUs have in common is asked of the first one. */
static int know_machine(struct tidal_host *host, const struct kvm_vcpu *v)
{
	bool can;
	int r;

	if (host->machine.known)
		return 0;
	r = kvm_machine_vcpu(&host->machine, host->kvm_fd, v->fd);
	if (r)
		return r;
	can = host->machine.tsc_khz && kvm_clock_probe(v->fd);
	kvm_lock(host);
	host->clock.setting = 1;
	/* guests begin at 0, or where pod time is */
	host->clock.ahead = can ? 0 - __builtin_ia32_rdtsc() : 0;
	host->clock.can = can;
	kvm_unlock(host);
	return 0;
}

/* As it was made, for one that is created again. */
static int note_reset(const struct tidal_host *host, struct kvm_vcpu *v)
{
	v->reset = calloc(1, sizeof(*v->reset));
	v->scratch = calloc(1, sizeof(*v->scratch));
	if (!v->reset || !v->scratch)
		return TIDAL_ENOMEM;
	if (kvm_parts_read(&host->machine, v->fd, NULL, v->reset))
		return TIDAL_EIO;
	v->cold = v->reset->cold;
	return 0;
}

static int open_vcpu(struct tidal_host *host, struct kvm_vcpu *v, int fd)
{
	int r;

	v->fd_vmms = fd >= 0;
	v->fd = fd >= 0 ? fd : ioctl(host->vm_fd, KVM_CREATE_VCPU, (unsigned long)v->id);
	if (v->fd < 0)
		return TIDAL_EIO;
	v->run = mmap(NULL, host->machine.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return TIDAL_EIO;
	}
	r = set_up(host, v);
	if (!r)
		r = know_machine(host, v);
	if (!r)
		r = note_reset(host, v);
	if (!r && host->machine.sync_regs)
		v->run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS;
	return r;
}

void kvm_vcpu_close(const struct tidal_host *host, struct kvm_vcpu *v)
{
	if (!v)
		return;
	if (v->run)
		munmap(v->run, host->machine.run_bytes);
	if (v->fd >= 0 && !v->fd_vmms)
		close(v->fd);
	(void)pthread_cond_destroy(&v->changed);
	free(v->reset);
	free(v->scratch);
	free(v);
}

static int make(struct tidal_host *host, tidal_vcpuid id, int fd, struct kvm_vcpu **vcpu)
{
	struct kvm_vcpu *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return TIDAL_ENOMEM;
	v->id = id;
	v->fd = -1;
	v->hthread = KVM_NONE;
	if (pthread_cond_init(&v->changed, NULL) != 0) {
		free(v);
		return TIDAL_ENOMEM;
	}
	r = open_vcpu(host, v, fd);
	if (r)
		kvm_vcpu_close(host, v);
	else
		*vcpu = v;
	return r;
}

static struct kvm_vcpu *known(struct tidal_host *host, tidal_vcpuid id)
{
	struct kvm_vcpu *v;

	kvm_lock(host);
	v = host->vcpu[id];
	kvm_unlock(host);
	return v;
}

/* KVM knows a vCPU by its number once only, so one at a time makes them. */
static int get(struct tidal_host *host, tidal_vcpuid id, int fd, struct kvm_vcpu **vcpu)
{
	int r = 0;

	if (id >= TIDAL_VCPUS_MAX)
		return TIDAL_ERANGE;
	*vcpu = known(host, id);
	if (*vcpu)
		return fd >= 0 ? TIDAL_EEXIST : 0;
	(void)pthread_mutex_lock(&host->making);
	*vcpu = known(host, id);
	if (*vcpu)
		r = fd >= 0 ? TIDAL_EEXIST : 0;
	else
		r = make(host, id, fd, vcpu);
	if (!r) {
		kvm_lock(host);
		host->vcpu[id] = *vcpu;
		kvm_unlock(host);
	}
	(void)pthread_mutex_unlock(&host->making);
	return r;
}

int kvm_vcpu_get(struct tidal_host *host, tidal_vcpuid id, struct kvm_vcpu **vcpu)
{
	return get(host, id, -1, vcpu);
}

int tidal_kvm_vcpu(struct tidal_host *host, tidal_vcpuid vcpu, struct tidal_kvm_vcpu *kvm)
{
	struct kvm_vcpu *v;
	int r = kvm_vcpu_get(host, vcpu, &v);

	if (!r)
		*kvm = (struct tidal_kvm_vcpu){ v->fd, v->run };
	return r;
}

int tidal_kvm_vcpu_use(struct tidal_host *host, tidal_vcpuid vcpu, int fd)
{
	struct kvm_vcpu *v;

	return fd < 0 ? TIDAL_EIO : get(host, vcpu, fd, &v);
}
