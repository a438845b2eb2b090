/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's address space, for any backend: what kind of thing lies at an address. */
#ifndef BACKENDS_REGION_H
#define BACKENDS_REGION_H

#include <tidal/host.h>

#define HOST_REGIONS 64

struct host_regions {
	uint32_t count;
	struct tidal_region at[HOST_REGIONS];
};

/* EINVAL, EEXIST (overlaps), EFULL. */
int host_region_add(struct host_regions *regions, const struct tidal_region *region);
/* The region that holds *gpa*; NULL: none. */
const struct tidal_region *host_region_find(const struct host_regions *regions, tidal_gpa gpa);
/* Forget a region that find() returned. */
void host_region_remove(struct host_regions *regions, const struct tidal_region *region);

#endif
