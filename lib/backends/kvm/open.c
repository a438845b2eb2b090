/* SPDX-License-Identifier: BSD-3-Clause */
/* The KVM host: opened, ended and closed. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <tidal/topology.h>
#include <unistd.h>

#include "machine.h"
#include "ops.h"

#define DEVICE "/dev/kvm"
#define RING_SPARE 512u /* completions between two polls */

void tidal_kvm_config_init(struct tidal_kvm_config *config, size_t size)
{
	const struct tidal_kvm_config defaults = {
		.size = size,
		.vm_fd = -1,
		.frames = 4096,
		.vcpu_slots = 64,
		.hthreads = 64,
		.zeroes = 1024,
		.ram_bytes = 64u << 20,
		.signal = SIGURG,
		.cancel_us = 1000,
	};

	memset(config, 0, size);
	memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

/* The caller's structure may be older (shorter) or newer (longer, the rest must be zero). */
static int config_read(struct tidal_kvm_config *config, const struct tidal_kvm_config *from)
{
	const uint8_t *bytes = (const uint8_t *)from;

	if (from->size < sizeof(from->size))
		return TIDAL_EINVAL;
	tidal_kvm_config_init(config, sizeof(*config));
	memcpy(config, from, from->size < sizeof(*config) ? from->size : sizeof(*config));
	for (size_t i = sizeof(*config); i < from->size; i++)
		if (bytes[i])
			return TIDAL_EINVAL;
	return 0;
}

static int config_check(const struct tidal_kvm_config *c, const char **why)
{
	const struct {
		uint64_t value, least, most;
		const char *why;
	} rows[] = {
		{ c->flags, 0, TIDAL_KVM_COPY, "flags: unknown" },
		{ c->frames, 1, TIDAL_FRAME_ZERO - 1, "frames: 1 or more" },
		{ c->vcpu_slots, 1, TIDAL_VCPUS_MAX, "vcpu_slots: 1 .. 1024" },
		{ c->hthreads, 1, TIDAL_HTHREADS_MAX, "hthreads: 1 .. 512" },
		{ c->zeroes, 64, UINT16_MAX, "zeroes: 64 .. 65535" },
		{ c->ram_bytes % TIDAL_PAGE_SIZE, 0, 0, "ram_bytes: not a multiple of 4096" },
		{ c->first_slot, 0, 32000, "first_slot: 0 .. 32000" },
		{ c->signal, 1, 64, "signal: 1 .. 64" },
		{ c->cancel_us, 1, 1000000, "cancel_us: 1 .. 1000000" },
		{ c->vmm_bytes, 0, KVM_VMM_MAX, "vmm_bytes: 0 .. 16384" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*why = rows[i].why;
		if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
			return TIDAL_EINVAL;
	}
	return 0;
}

static int tables_init(struct tidal_host *h)
{
	uint32_t slots = 1;

	while (slots < h->config.hthreads + h->config.vcpu_slots + RING_SPARE)
		slots *= 2;
	h->ring.mask = slots - 1;
	h->ring.events = calloc(slots, sizeof(*h->ring.events));
	h->here = calloc(h->config.vcpu_slots, sizeof(*h->here));
	h->running = calloc(h->config.hthreads, sizeof(*h->running));
	return h->ring.events && h->here && h->running ? 0 : TIDAL_ENOMEM;
}

static int vm_init(struct tidal_host *h, const char **why)
{
	int r = kvm_machine_open(DEVICE, &h->kvm_fd, why);

	if (r)
		return r;
	h->vm_fd = h->config.vm_fd;
	while (h->vm_fd < 0) {
		h->vm_fd = ioctl(h->kvm_fd, KVM_CREATE_VM, 0);
		if (h->vm_fd >= 0 || errno == EINTR)
			continue;
		*why = "KVM makes no virtual machine: another hypervisor may have the processor, or "
		       "the limits on memory or descriptors are too low";
		return TIDAL_EIO;
	}
	return kvm_machine_probe(&h->machine, h->kvm_fd, h->vm_fd, why);
}

static int watch(const struct tidal_host *h, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return fd < 0 || epoll_ctl(h->wait_fd, EPOLL_CTL_ADD, fd, &event) ? TIDAL_EIO : 0;
}

static int waits_init(struct tidal_host *h, const char **why)
{
	int r = 0;

	*why = "no file descriptor is left: raise the limit (ulimit -n)";
	h->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	h->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (h->wait_fd < 0)
		return TIDAL_EIO;
	r = watch(h, h->bell_fd);
	if (!r)
		r = watch(h, h->timer_fd);
	return r ? r : watch(h, memory_fd(h->memory));
}

static int memory_init(struct tidal_host *h, const char **why)
{
	const struct memory_config memory = {
		.frames = h->config.frames,
		.zeroes = h->config.zeroes,
		.kernel_faults = true,
		.never_move = h->config.flags & TIDAL_KVM_COPY,
	};
	const struct tidal_region ram = { 0, h->config.ram_bytes, TIDAL_REGION_RAM };
	int r = memory_open(&h->memory, &memory, why);

	if (!r)
		r = waits_init(h, why);
	if (r || !h->config.ram_bytes)
		return r;
	*why = "no address space for the guest's RAM, or the VM has memory there, or uses "
	       "the memory slot first_slot";
	return kvm_region_add(h, &ram);
}

static int locks_init(struct tidal_host *h)
{
	if (pthread_mutex_init(&h->lock, NULL) != 0)
		return TIDAL_ENOMEM;
	if (pthread_mutex_init(&h->making, NULL) == 0)
		return 0;
	(void)pthread_mutex_destroy(&h->lock);
	return TIDAL_ENOMEM;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* The VM first: it has the guest's memory mapped. One that is the VMM's keeps no slot of ours. */
void kvm_close(struct tidal_host *h)
{
	if (!h)
		return;
	for (unsigned i = 0; i < TIDAL_VCPUS_MAX; i++)
		kvm_vcpu_close(h, h->vcpu[i]);
	kvm_regions_close(h);
	if (h->vm_fd != h->config.vm_fd)
		close_fd(h->vm_fd);
	close_fd(h->kvm_fd);
	memory_close(h->memory);
	close_fd(h->wait_fd);
	close_fd(h->bell_fd);
	close_fd(h->timer_fd);
	(void)pthread_mutex_destroy(&h->lock);
	(void)pthread_mutex_destroy(&h->making);
	free(h->ring.events);
	free(h->here);
	free(h->running);
	free(h);
}

int tidal_kvm_open(const struct tidal_kvm_config *config, struct tidal_host **host,
		   const char **why)
{
	struct tidal_kvm_config c;
	struct tidal_host *h;
	int r;

	*why = "size: not that of a known struct tidal_kvm_config";
	r = config_read(&c, config);
	if (!r)
		r = config_check(&c, why);
	if (r)
		return r;
	*why = "out of memory";
	h = calloc(1, sizeof(*h));
	if (!h || locks_init(h)) {
		free(h);
		return TIDAL_ENOMEM;
	}
	h->config = c;
	h->kvm_fd = h->vm_fd = h->wait_fd = h->bell_fd = h->timer_fd = -1;
	r = tables_init(h);
	if (!r)
		r = vm_init(h, why);
	if (!r)
		r = memory_init(h, why);
	if (r)
		kvm_close(h);
	else
		*host = h;
	return r;
}

/* The kernel's own accesses on behalf of a guest end only with their pages, or nobody watching. */
void tidal_kvm_end(struct tidal_host *host)
{
	kvm_lock(host);
	host->ended = true;
	for (uint32_t i = 0; i < host->config.vcpu_slots; i++)
		if (host->here[i])
			kvm_signal(host, host->here[i]);
	for (unsigned i = 0; i < TIDAL_VCPUS_MAX; i++)
		if (host->vcpu[i])
			(void)pthread_cond_broadcast(&host->vcpu[i]->changed);
	kvm_unlock(host);
	memory_release(host->memory);
}

int tidal_kvm_vm_fd(const struct tidal_host *host)
{
	return host->vm_fd;
}

void tidal_kvm_info(struct tidal_host *host, struct tidal_kvm_info *info)
{
	struct tidal_kvm_info all;

	kvm_lock(host);
	all = host->info;
	all.size = info->size;
	all.moves = memory_moves(host->memory);
	all.sync_regs = host->machine.sync_regs;
	all.tsc = host->clock.can;
	all.tsc_khz = host->machine.tsc_khz;
	kvm_unlock(host);
	memcpy(info, &all, info->size < sizeof(all) ? info->size : sizeof(all));
}
