/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads host: opened, asked and closed. */
#include <stdlib.h>
#include <string.h>
#include <tidal/topology.h>

#include "host.h"

#define RING_SPARE 512u /* completions between two polls */

void tidal_threads_config_init(struct tidal_threads_config *config, size_t size)
{
	const struct tidal_threads_config defaults = {
		.size = size,
		.frames = 4096,
		.vcpu_slots = 64,
		.hthreads = 64,
		.ram_bytes = 64u << 20,
		.zeroes = 1024,
	};

	memset(config, 0, size);
	memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

/* The caller's structure may be older (shorter) or newer (longer, the rest must be zero). */
static int config_read(struct tidal_threads_config *config, const struct tidal_threads_config *from)
{
	const uint8_t *bytes = (const uint8_t *)from;

	if (from->size < sizeof(from->size))
		return TIDAL_EINVAL;
	tidal_threads_config_init(config, sizeof(*config));
	memcpy(config, from, from->size < sizeof(*config) ? from->size : sizeof(*config));
	for (size_t i = sizeof(*config); i < from->size; i++)
		if (bytes[i])
			return TIDAL_EINVAL;
	return 0;
}

static int config_check(const struct tidal_threads_config *c, const char **why)
{
	const struct {
		uint64_t value, least, most;
		const char *why;
	} rows[] = {
		{ c->frames, 1, TIDAL_FRAME_ZERO - 1, "frames: 1 or more" },
		{ c->vcpu_slots, 1, TIDAL_VCPUS_MAX, "vcpu_slots: 1 .. 1024" },
		{ c->hthreads, 1, TIDAL_HTHREADS_MAX, "hthreads: 1 .. 512" },
		{ c->flags, 0, TIDAL_THREADS_KERNEL_FAULTS | TIDAL_THREADS_COPY, "flags: unknown" },
		{ c->zeroes, 64, UINT16_MAX, "zeroes: 64 .. 65535" },
		{ c->ram_bytes % TIDAL_PAGE_SIZE, 0, 0, "ram_bytes: not a multiple of 4096" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*why = rows[i].why;
		if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
			return TIDAL_EINVAL;
	}
	return 0;
}

static int ring_init(struct host_ring *ring, uint32_t least)
{
	uint32_t slots = 1;

	while (slots < least)
		slots *= 2;
	ring->mask = slots - 1;
	ring->events = calloc(slots, sizeof(*ring->events));
	return ring->events ? 0 : TIDAL_ENOMEM;
}

static int vcpus_init(struct tidal_host *host, const struct tidal_threads_config *config)
{
	host->vcpu_slots = host->nfree = config->vcpu_slots;
	host->hthreads = config->hthreads;
	host->vcpus = calloc(config->vcpu_slots, sizeof(*host->vcpus));
	host->running = calloc(config->hthreads, sizeof(*host->running));
	host->free = calloc(config->vcpu_slots, sizeof(*host->free));
	if (!host->vcpus || !host->running || !host->free)
		return TIDAL_ENOMEM;
	for (uint32_t i = 0; i < host->hthreads; i++)
		host->running[i] = THREADS_NONE;
	for (uint32_t i = 0; i < host->nfree; i++)
		host->free[i] = (uint16_t)(host->nfree - 1 - i);
	return 0;
}

static int memory_init(struct tidal_host *host, const struct tidal_threads_config *config,
		       const char **why)
{
	const struct memory_config memory = {
		.frames = config->frames,
		.zeroes = config->zeroes,
		.kernel_faults = config->flags & TIDAL_THREADS_KERNEL_FAULTS,
		.never_move = config->flags & TIDAL_THREADS_COPY,
	};
	const struct tidal_region ram = { 0, config->ram_bytes, TIDAL_REGION_RAM };
	int r = memory_open(&host->memory, &memory, why);

	if (r || !config->ram_bytes)
		return r;
	*why = "no address space for the guest's RAM";
	return memory_region_add(host->memory, &ram);
}

static void threads_close(struct tidal_host *host)
{
	if (!host)
		return;
	memory_close(host->memory);
	free(host->ring.events);
	free(host->vcpus);
	free(host->running);
	free(host->free);
	free(host);
}

int tidal_threads_open(const struct tidal_threads_config *config, struct tidal_host **host,
		       const char **why)
{
	struct tidal_threads_config c;
	struct tidal_host *h;
	int r;

	*why = "size: not that of a known struct tidal_threads_config";
	r = config_read(&c, config);
	if (!r)
		r = config_check(&c, why);
	if (r)
		return r;
	*why = "out of memory";
	h = calloc(1, sizeof(*h));
	if (!h)
		return TIDAL_ENOMEM;
	r = vcpus_init(h, &c);
	if (!r)
		r = ring_init(&h->ring, c.hthreads + RING_SPARE);
	if (!r)
		r = memory_init(h, &c, why);
	if (r) {
		threads_close(h);
		return r;
	}
	*host = h;
	return 0;
}

void *tidal_threads_memory(const struct tidal_host *host, tidal_gpa gpa, uint64_t *bytes)
{
	uint64_t ignored;

	return memory_at(host->memory, gpa, bytes ? bytes : &ignored);
}

void tidal_threads_info(const struct tidal_host *host, struct tidal_threads_info *info)
{
	const struct tidal_threads_info all = {
		.size = info->size,
		.moves = memory_moves(host->memory),
		.kernel_faults = memory_kernel_faults(host->memory),
		.faults = host->faults,
	};

	memcpy(info, &all, info->size < sizeof(all) ? info->size : sizeof(all));
}

/* ---- the operations ---- */

static int query(struct tidal_host *host, struct tidal_host_caps *caps)
{
	const struct tidal_host_caps all = {
		.size = caps->size,
		.frames = memory_frames(host->memory),
		.vcpu_slots = host->vcpu_slots,
		.hthreads = host->hthreads,
		.vcpu_bytes = 1, /* none, but drivers make room for some */
	};

	if (caps->size < sizeof(caps->size))
		return TIDAL_EINVAL;
	memcpy(caps, &all, caps->size < sizeof(all) ? caps->size : sizeof(all));
	return 0;
}

static int region_add(struct tidal_host *host, const struct tidal_region *region)
{
	return memory_region_add(host->memory, region);
}

static int region_del(struct tidal_host *host, tidal_gpa base)
{
	return memory_region_del(host->memory, base);
}

static int done(struct tidal_host *host, uint64_t token, uint32_t zero)
{
	struct tidal_ev_host_done *event =
		&host_ring_put(&host->ring, TIDAL_EV_HOST_DONE)->u.done;

	event->token = token;
	event->zero = zero;
	return 0;
}

static int map(struct tidal_host *host, const struct tidal_act_pages *act)
{
	int r = threads_room(host, 1) ? memory_map(host->memory, act) : TIDAL_EAGAIN;

	return r ? r : done(host, act->token, 0);
}

static int unmap(struct tidal_host *host, const struct tidal_act_pages *act)
{
	uint32_t zero = 0;
	int r = threads_room(host, 1) ? memory_unmap(host->memory, act, &zero) : TIDAL_EAGAIN;

	return r ? r : done(host, act->token, zero);
}

static int protect(struct tidal_host *host, const struct tidal_act_pages *act)
{
	uint32_t zero = 0;
	int r = threads_room(host, 1) ? memory_protect(host->memory, act, &zero) : TIDAL_EAGAIN;

	return r ? r : done(host, act->token, zero);
}

static int zero_frame(struct tidal_host *host, uint64_t token, tidal_frame frame)
{
	int r = threads_room(host, 1) ? memory_zero(host->memory, frame) : TIDAL_EAGAIN;

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

/* Threads have their own idea of time. */
static void set_clock(struct tidal_host *host, tidal_time now)
{
	(void)host;
	(void)now;
}

static int poll_events(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n)
{
	(void)budget;
	if (n < 0)
		return TIDAL_EINVAL;
	if (host_ring_empty(&host->ring))
		threads_faults(host); /* a system call: what operations have done goes without */
	return host_ring_take(&host->ring, events, n);
}

static int wait_fd(struct tidal_host *host)
{
	return memory_fd(host->memory);
}

const struct tidal_host_ops *tidal_threads_ops(void)
{
	static const struct tidal_host_ops ops = {
		.size = sizeof(ops),
		.name = "threads",
		.query = query,
		.close = threads_close,
		.region_add = region_add,
		.region_del = region_del,
		.map = map,
		.unmap = unmap,
		.protect = protect,
		.zero = zero_frame,
		.frame_data = frame_data,
		.pin = pin,
		.unpin = unpin,
		.vcpu_create = threads_vcpu_create,
		.vcpu_run = threads_vcpu_run,
		.vcpu_kick = threads_vcpu_kick,
		.vcpu_save = threads_vcpu_save,
		.vcpu_load = threads_vcpu_load,
		.vcpu_drop = threads_vcpu_drop,
		.clock = set_clock,
		.poll = poll_events,
		.wait_fd = wait_fd,
		.scrub = scrub,
	};

	return &ops;
}
