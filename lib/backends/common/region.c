/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's address space: a short list of regions, searched on slow paths only. */
#include "region.h"

static int check(const struct tidal_region *region)
{
	if (region->kind > TIDAL_REGION_HOLE || region->bytes == 0)
		return TIDAL_EINVAL;
	if ((region->base | region->bytes) % TIDAL_PAGE_SIZE)
		return TIDAL_EINVAL;
	return region->bytes - 1 > UINT64_MAX - region->base ? TIDAL_EINVAL : 0;
}

int host_region_add(struct host_regions *regions, const struct tidal_region *region)
{
	int r = check(region);

	if (r)
		return r;
	for (uint32_t i = 0; i < regions->count; i++) {
		const struct tidal_region *other = &regions->at[i];

		if (region->base - other->base < other->bytes ||
		    other->base - region->base < region->bytes)
			return TIDAL_EEXIST;
	}
	if (regions->count == HOST_REGIONS)
		return TIDAL_EFULL;
	regions->at[regions->count++] = *region;
	return 0;
}

const struct tidal_region *host_region_find(const struct host_regions *regions, tidal_gpa gpa)
{
	for (uint32_t i = 0; i < regions->count; i++) {
		const struct tidal_region *region = &regions->at[i];

		if (gpa - region->base < region->bytes)
			return region;
	}
	return NULL;
}

void host_region_remove(struct host_regions *regions, const struct tidal_region *region)
{
	regions->at[region - regions->at] = regions->at[--regions->count];
}
