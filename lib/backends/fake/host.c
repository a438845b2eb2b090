/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake host: opened, asked and closed. */
#include <stdlib.h>
#include <string.h>
#include <tidal/topology.h>

#include "host.h"

#define RING_SPARE 512u /* completions between two polls */

void tidal_fake_config_init(struct tidal_fake_config *config, size_t size)
{
	const struct tidal_fake_config defaults = {
		.size = size,
		.frames = 4096,
		.vcpu_slots = 64,
		.hthreads = 4,
		.ram_bytes = 64u << 20,
	};

	memset(config, 0, size);
	memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

/* The caller's structure may be older (shorter) or newer (longer, the rest must be zero). */
static int config_read(struct tidal_fake_config *config, const struct tidal_fake_config *from)
{
	const uint8_t *bytes = (const uint8_t *)from;

	if (from->size < sizeof(from->size))
		return TIDAL_EINVAL;
	tidal_fake_config_init(config, sizeof(*config));
	memcpy(config, from, from->size < sizeof(*config) ? from->size : sizeof(*config));
	for (size_t i = sizeof(*config); i < from->size; i++)
		if (bytes[i])
			return TIDAL_EINVAL;
	if (!config->frames || config->frames >= TIDAL_FRAME_ZERO || !config->hthreads ||
	    config->hthreads > TIDAL_HTHREADS_MAX || !config->vcpu_slots ||
	    config->vcpu_slots > TIDAL_VCPUS_MAX || config->ram_bytes % TIDAL_PAGE_SIZE ||
	    config->ram_bytes > TIDAL_FAKE_DEVICES)
		return TIDAL_EINVAL;
	return 0;
}

static int regions_init(struct host_regions *regions, uint64_t ram_bytes)
{
	const struct tidal_region ram = { 0, ram_bytes, TIDAL_REGION_RAM };
	const struct tidal_region devices = { TIDAL_FAKE_DEVICES, TIDAL_FAKE_DEVICES_BYTES,
					      TIDAL_REGION_DEVICE };
	int r = ram_bytes ? host_region_add(regions, &ram) : 0;

	return r ? r : host_region_add(regions, &devices);
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

static int host_init(struct tidal_host *host, const struct tidal_fake_config *config)
{
	int r = fake_mem_init(&host->mem, config->frames, config->vcpu_slots);

	if (!r)
		r = regions_init(&host->mem.regions, config->ram_bytes);
	if (!r)
		r = ring_init(&host->ring, 2 * config->hthreads + RING_SPARE);
	if (r)
		return r;
	host->vcpu_slots = host->nfree = config->vcpu_slots;
	host->hthreads = config->hthreads;
	host->harts = calloc(config->vcpu_slots, sizeof(*host->harts));
	host->running = calloc(config->hthreads, sizeof(struct fake_hart *));
	host->free = calloc(config->vcpu_slots, sizeof(*host->free));
	if (!host->harts || !host->running || !host->free)
		return TIDAL_ENOMEM;
	for (uint32_t i = 0; i < host->nfree; i++)
		host->free[i] = (uint16_t)(host->nfree - 1 - i);
	return 0;
}

void fake_close(struct tidal_host *host)
{
	if (!host)
		return;
	fake_mem_fini(&host->mem);
	free(host->ring.events);
	free(host->harts);
	free(host->running);
	free(host->free);
	host_turnstile_fini(&host->lock);
	free(host);
}

int tidal_fake_open(const struct tidal_fake_config *config, struct tidal_host **host)
{
	struct tidal_fake_config c;
	struct tidal_host *h;
	int r = config_read(&c, config);

	if (r)
		return r;
	h = calloc(1, sizeof(*h));
	if (!h)
		return TIDAL_ENOMEM;
	if (!host_turnstile_init(&h->lock)) {
		free(h);
		return TIDAL_ENOMEM;
	}
	r = host_init(h, &c);
	if (r) {
		fake_close(h);
		return r;
	}
	*host = h;
	return 0;
}

int fake_query(struct tidal_host *host, struct tidal_host_caps *caps)
{
	const struct tidal_host_caps all = {
		.size = caps->size,
		.frames = host->mem.frames,
		.vcpu_slots = host->vcpu_slots,
		.hthreads = host->hthreads,
		.vcpu_bytes = FAKE_STATE_BYTES,
		.tells_retire = 1,
	};

	if (caps->size < sizeof(caps->size))
		return TIDAL_EINVAL;
	memcpy(caps, &all, caps->size < sizeof(all) ? caps->size : sizeof(all));
	return 0;
}

int fake_region_add(struct tidal_host *host, const struct tidal_region *region)
{
	return host_region_add(&host->mem.regions, region);
}

int fake_region_del(struct tidal_host *host, tidal_gpa base)
{
	const struct tidal_region *region = host_region_find(&host->mem.regions, base);

	if (!region || region->base != base)
		return TIDAL_ENOENT;
	if (host_map_any(&host->mem.map, base / TIDAL_PAGE_SIZE, region->bytes / TIDAL_PAGE_SIZE))
		return TIDAL_EBUSY;
	host_region_remove(&host->mem.regions, region);
	return 0;
}

struct tidal_ev_host_done *fake_host_done(struct tidal_host *host, uint64_t token)
{
	struct tidal_ev_host_done *done = &host_ring_put(&host->ring, TIDAL_EV_HOST_DONE)->u.done;

	done->token = token;
	return done;
}

void fake_clock(struct tidal_host *host, tidal_time now)
{
	if (now > host->now)
		host->now = now;
}

int fake_poll(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n)
{
	if (n < 0)
		return TIDAL_EINVAL;
	if (budget > 0)
		fake_host_run(host, budget);
	return host_ring_take(&host->ring, events, n);
}
