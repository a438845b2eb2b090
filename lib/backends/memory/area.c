/* SPDX-License-Identifier: BSD-3-Clause */
/* Areas: the guest's RAM and ROM in this process. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "state.h"

void *anonymous(uint64_t bytes, int prot)
{
	void *at = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	/* a page that a child shares can't change places; ENOSYS of a kernel without huge pages is fine */
	(void)madvise(at, bytes, MADV_NOHUGEPAGE);
	if (madvise(at, bytes, MADV_DONTFORK) == 0)
		return at;
	munmap(at, bytes);
	return NULL;
}

int discard(void *at, size_t bytes)
{
	return madvise(at, bytes, MADV_DONTNEED) ? TIDAL_EIO : 0;
}

const struct area *area_of(const struct memory *m, tidal_gfn gfn)
{
	for (uint32_t i = 0; i < m->areas; i++)
		if (gfn - m->area[i].gfn < m->area[i].pages)
			return &m->area[i];
	return NULL;
}

static bool is_memory(const struct tidal_region *region)
{
	return region->kind == TIDAL_REGION_RAM || region->kind == TIDAL_REGION_ROM;
}

static int add_area(struct memory *m, const struct tidal_region *region)
{
	bool rom = region->kind == TIDAL_REGION_ROM;
	uint8_t *at = anonymous(region->bytes, rom ? PROT_READ : PROT_READ | PROT_WRITE);
	int r = at ? uffd_watch(&m->uffd, at, region->bytes, true) : TIDAL_ENOMEM;

	if (r) {
		if (at)
			munmap(at, region->bytes);
		return r;
	}
	m->area[m->areas++] = (struct area){ region->base / PAGE, region->bytes / PAGE, at, rom };
	return 0;
}

int memory_region_add(struct memory *m, const struct tidal_region *region)
{
	int r = host_region_add(&m->regions, region);

	if (r || !is_memory(region))
		return r;
	r = add_area(m, region);
	if (r)
		host_region_remove(&m->regions, host_region_find(&m->regions, region->base));
	return r;
}

int memory_region_del(struct memory *m, tidal_gpa base)
{
	const struct tidal_region *region = host_region_find(&m->regions, base);
	struct area *area = (struct area *)(uintptr_t)area_of(m, base / PAGE);

	if (!region || region->base != base)
		return TIDAL_ENOENT;
	if (is_memory(region)) {
		if (host_map_any(&m->map, area->gfn, area->pages))
			return TIDAL_EBUSY;
		munmap(area->at, area->pages * PAGE);
		*area = m->area[--m->areas];
	}
	host_region_remove(&m->regions, region);
	return 0;
}

void *memory_at(const struct memory *m, tidal_gpa gpa, uint64_t *bytes)
{
	const struct area *area = area_of(m, gpa / PAGE);

	if (!area)
		return NULL;
	*bytes = (area->gfn + area->pages) * PAGE - gpa;
	return area->at + (gpa - area->gfn * PAGE);
}
