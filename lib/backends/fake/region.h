/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's address space: what kind of thing lies at an address. */
#ifndef FAKE_REGION_H
#define FAKE_REGION_H

#include <tidal/host.h>

#define FAKE_REGIONS 64

struct fake_regions {
	uint32_t count;
	struct tidal_region at[FAKE_REGIONS];
};

/* EINVAL, EEXIST (overlaps), EFULL. */
int fake_region_add(struct fake_regions *regions, const struct tidal_region *region);
/* The region that holds *gpa*; NULL: none. */
const struct tidal_region *fake_region_find(const struct fake_regions *regions, tidal_gpa gpa);
/* Forget a region that find() returned. */
void fake_region_remove(struct fake_regions *regions, const struct tidal_region *region);

#endif
