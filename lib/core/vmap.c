/* SPDX-License-Identifier: BSD-3-Clause */
/* The initial virtual resource map: made and checked. */
#include <stdbool.h>
#include <tidal/error.h>
#include <tidal/vmap.h>

#include "versioned.h"

#define PAGES_MAX ((uint64_t)1 << TIDAL_GFN_BITS)

uint64_t tidal_vmap_pages(const struct tidal_vmap *map)
{
	const struct tidal_vmap_memory *last;

	if (map->memory_runs == 0)
		return 0;
	last = &map->memory[map->memory_runs - 1];
	return last->first + last->pages;
}

unsigned tidal_vmap_vcpus(const struct tidal_vmap *map)
{
	const struct tidal_vmap_vcpus *last;

	if (map->vcpu_runs == 0)
		return 0;
	last = &map->vcpu[map->vcpu_runs - 1];
	return (unsigned)last->first + last->count;
}

int tidal_vmap_init(struct tidal_vmap *map, size_t size, uint64_t pages, unsigned vcpus)
{
	struct tidal_vmap_memory memory = { .pages = pages };
	struct tidal_vmap_vcpus vcpu = { .count = (uint16_t)vcpus };

	if (size < sizeof(*map) || size > VERSIONED_MAX)
		return TIDAL_ERANGE;
	if (!pages || pages > PAGES_MAX || !vcpus || vcpus > TIDAL_VCPUS_MAX)
		return TIDAL_ERANGE;
	__builtin_memset(map, 0, size);
	map->size = size;
	map->memory_runs = map->vcpu_runs = 1;
	map->memory[0] = memory;
	map->vcpu[0] = vcpu;
	return 0;
}

struct verdict {
	int err;
	const char *why;
};

#define WRONG(error, text) ((struct verdict){ TIDAL_##error, (text) })
static const struct verdict right = { 0, NULL };

static struct verdict check_memory(const struct tidal_vmap *map, unsigned nodes)
{
	uint64_t next = 0;

	if (map->memory_runs < 1 || map->memory_runs > TIDAL_VMAP_RUNS)
		return WRONG(ERANGE, "vmap: memory_runs: 1 .. 64");
	for (uint32_t i = 0; i < map->memory_runs; i++) {
		const struct tidal_vmap_memory *run = &map->memory[i];
		bool last = i + 1 == map->memory_runs;

		if (run->first != next)
			return WRONG(EINVAL, "vmap: memory.first: runs start at 0 and leave no gap");
		if (!run->pages || run->pages > PAGES_MAX - next)
			return WRONG(ERANGE, "vmap: memory.pages: 1 .. 2^34 in all");
		if (!last && run->pages % TIDAL_RANGE_PAGES)
			return WRONG(EINVAL,
				     "vmap: memory.pages: a multiple of 512 except in the last run");
		if (run->node >= nodes)
			return WRONG(ERANGE, "vmap: memory.node: 0 .. nodes - 1");
		next += run->pages;
	}
	return right;
}

static struct verdict check_vcpus(const struct tidal_vmap *map, unsigned nodes)
{
	unsigned next = 0;

	if (map->vcpu_runs < 1 || map->vcpu_runs > TIDAL_VMAP_RUNS)
		return WRONG(ERANGE, "vmap: vcpu_runs: 1 .. 64");
	for (uint32_t i = 0; i < map->vcpu_runs; i++) {
		const struct tidal_vmap_vcpus *run = &map->vcpu[i];

		if (run->first != next)
			return WRONG(EINVAL, "vmap: vcpu.first: runs start at 0 and leave no gap");
		if (!run->count || run->count > TIDAL_VCPUS_MAX - next)
			return WRONG(ERANGE, "vmap: vcpu.count: 1 .. 1024 in all");
		if (run->node >= nodes)
			return WRONG(ERANGE, "vmap: vcpu.node: 0 .. nodes - 1");
		next += run->count;
	}
	return right;
}

static bool devices_overlap(const struct tidal_vmap_device *a, const struct tidal_vmap_device *b)
{
	return a->base <= b->base + (b->bytes - 1) && b->base <= a->base + (a->bytes - 1);
}

static struct verdict check_devices(const struct tidal_vmap *map, unsigned nodes)
{
	tidal_gpa memory_end = tidal_vmap_pages(map) << TIDAL_PAGE_SHIFT;

	if (map->devices > TIDAL_VMAP_DEVICES)
		return WRONG(ERANGE, "vmap: devices: 0 .. 16");
	for (uint32_t i = 0; i < map->devices; i++) {
		const struct tidal_vmap_device *device = &map->device[i];

		if (!device->bytes || device->bytes - 1 > UINT64_MAX - device->base)
			return WRONG(ERANGE, "vmap: device.bytes: 1 .. end of the address space");
		if (device->base < memory_end)
			return WRONG(EINVAL, "vmap: device.base: outside of guest memory");
		if (device->node >= nodes)
			return WRONG(ERANGE, "vmap: device.node: 0 .. nodes - 1");
		for (uint32_t j = 0; j < i; j++)
			if (devices_overlap(device, &map->device[j]))
				return WRONG(EINVAL, "vmap: device.base: devices overlap");
	}
	return right;
}

int tidal_vmap_check(const struct tidal_vmap *map, unsigned nodes, const char **why)
{
	struct verdict v = right;

	if (map->size < sizeof(*map) || versioned_check(map, map->size, sizeof(*map)))
		v = WRONG(EINVAL, "vmap: size: smaller than the first version, or set members "
				  "that this library does not know");
	if (!v.err)
		v = check_memory(map, nodes);
	if (!v.err)
		v = check_vcpus(map, nodes);
	if (!v.err)
		v = check_devices(map, nodes);
	if (v.err && why)
		*why = v.why;
	return v.err;
}
