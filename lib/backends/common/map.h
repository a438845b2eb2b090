/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's memory map, for any backend: which frame backs a gfn, and what the guest may do
 * with it.
 * Open addressing with linear probing; grows by doubling, since read-only mappings of
 * the page of zeroes are not bounded by the number of frames.
 */
#ifndef BACKENDS_MAP_H
#define BACKENDS_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <tidal/base.h>

struct host_page {
	uint64_t key;  /* gfn << 2 | prot; 0: empty */
	uint32_t frame;
	uint16_t pins;
	uint16_t mark; /* the backend's own; 0 at first */
};

struct host_map {
	struct host_page *slots;
	uint32_t used;
	uint32_t mask; /* number of slots - 1, slots a power of two */
};

bool host_map_init(struct host_map *map);
void host_map_fini(struct host_map *map);

/* The page, or NULL. Valid until the next add or remove. */
struct host_page *host_map_find(const struct host_map *map, tidal_gfn gfn);
/* Room for *n* more pages; false: out of memory, nothing changed. */
bool host_map_reserve(struct host_map *map, uint32_t n);
/* Add a page that isn't there; room was reserved. */
struct host_page *host_map_add(struct host_map *map, tidal_gfn gfn, uint32_t frame, unsigned prot);
void host_map_remove(struct host_map *map, struct host_page *page);
/* Is any gfn of [first, first + pages) there? Slow. */
bool host_map_any(const struct host_map *map, tidal_gfn first, uint64_t pages);

static inline tidal_gfn host_page_gfn(const struct host_page *page)
{
	return page->key >> 2;
}

static inline unsigned host_page_prot(const struct host_page *page)
{
	return (unsigned)page->key & 3;
}

static inline void host_page_set_prot(struct host_page *page, unsigned prot)
{
	page->key = (page->key & ~(uint64_t)3) | prot;
}

#endif
