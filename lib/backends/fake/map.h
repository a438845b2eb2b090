/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's memory map: which frame backs a gfn, and what the guest may do with it.
 * Open addressing with linear probing; grows by doubling, since read-only mappings of
 * the page of zeroes are not bounded by the number of frames.
 */
#ifndef FAKE_MAP_H
#define FAKE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <tidal/base.h>

struct fake_page {
	uint64_t key;  /* gfn << 2 | prot; 0: empty */
	uint32_t frame;
	uint16_t pins;
	uint16_t code; /* 1 + slot of its decoded instructions; 0: none */
};

struct fake_map {
	struct fake_page *slots;
	uint32_t used;
	uint32_t mask; /* number of slots - 1, slots a power of two */
};

bool fake_map_init(struct fake_map *map);
void fake_map_fini(struct fake_map *map);

/* The page, or NULL. Valid until the next add or remove. */
struct fake_page *fake_map_find(const struct fake_map *map, tidal_gfn gfn);
/* Room for *n* more pages; false: out of memory, nothing changed. */
bool fake_map_reserve(struct fake_map *map, uint32_t n);
/* Add a page that isn't there; room was reserved. */
struct fake_page *fake_map_add(struct fake_map *map, tidal_gfn gfn, uint32_t frame, unsigned prot);
void fake_map_remove(struct fake_map *map, struct fake_page *page);
/* Is any gfn of [first, first + pages) there? Slow. */
bool fake_map_any(const struct fake_map *map, tidal_gfn first, uint64_t pages);

static inline tidal_gfn fake_page_gfn(const struct fake_page *page)
{
	return page->key >> 2;
}

static inline unsigned fake_page_prot(const struct fake_page *page)
{
	return (unsigned)page->key & 3;
}

static inline void fake_page_set_prot(struct fake_page *page, unsigned prot)
{
	page->key = (page->key & ~(uint64_t)3) | prot;
}

#endif
