/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's memory map: a hash from gfn to frame and permission. */
#include <stdlib.h>

#include "map.h"

#define FIRST_SLOTS 64u
#define MAX_SLOTS (1u << 31)

static uint32_t home(const struct host_map *map, tidal_gfn gfn)
{
	return (uint32_t)((gfn * 0x9e3779b97f4a7c15u) >> 32) & map->mask;
}

bool host_map_init(struct host_map *map)
{
	map->slots = calloc(FIRST_SLOTS, sizeof(*map->slots));
	map->mask = FIRST_SLOTS - 1;
	map->used = 0;
	return map->slots != NULL;
}

void host_map_fini(struct host_map *map)
{
	free(map->slots);
	map->slots = NULL;
}

struct host_page *host_map_find(const struct host_map *map, tidal_gfn gfn)
{
	for (uint32_t i = home(map, gfn);; i = (i + 1) & map->mask) {
		struct host_page *page = &map->slots[i];

		if (page->key == 0)
			return NULL;
		if (host_page_gfn(page) == gfn)
			return page;
	}
}

static struct host_page *free_slot(const struct host_map *map, tidal_gfn gfn)
{
	uint32_t i = home(map, gfn);

	while (map->slots[i].key != 0)
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

/* At most three quarters full, so that probes stay short and always end. */
bool host_map_reserve(struct host_map *map, uint32_t n)
{
	struct host_map bigger = *map;
	uint64_t slots = (uint64_t)map->mask + 1;

	while (((uint64_t)map->used + n) * 4 > slots * 3)
		slots *= 2;
	if (slots == (uint64_t)map->mask + 1)
		return true;
	if (slots > MAX_SLOTS)
		return false;
	bigger.slots = calloc(slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	bigger.mask = (uint32_t)(slots - 1);
	for (uint64_t i = 0; i <= map->mask; i++) {
		const struct host_page *page = &map->slots[i];

		if (page->key != 0)
			*free_slot(&bigger, host_page_gfn(page)) = *page;
	}
	free(map->slots);
	*map = bigger;
	return true;
}

struct host_page *host_map_add(struct host_map *map, tidal_gfn gfn, uint32_t frame, unsigned prot)
{
	struct host_page *page = free_slot(map, gfn);

	*page = (struct host_page){ .key = gfn << 2 | prot, .frame = frame };
	map->used++;
	return page;
}

/* Close the gap, so that no probe sequence is cut: no tombstones are needed. */
void host_map_remove(struct host_map *map, struct host_page *page)
{
	uint32_t gap = (uint32_t)(page - map->slots);

	for (uint32_t i = (gap + 1) & map->mask; map->slots[i].key != 0; i = (i + 1) & map->mask) {
		uint32_t h = home(map, host_page_gfn(&map->slots[i]));

		if (((i - h) & map->mask) < ((i - gap) & map->mask))
			continue;
		map->slots[gap] = map->slots[i];
		gap = i;
	}
	map->slots[gap] = (struct host_page){ 0 };
	map->used--;
}

bool host_map_any(const struct host_map *map, tidal_gfn first, uint64_t pages)
{
	for (uint64_t i = 0; i <= map->mask; i++) {
		const struct host_page *page = &map->slots[i];

		if (page->key != 0 && host_page_gfn(page) - first < pages)
			return true;
	}
	return false;
}
