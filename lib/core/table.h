/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table - a fixed hash table of 16-byte entries: the substance of every map of the core.
 *
 * Robin-hood linear probing: it may be filled to nine tenths and still answers
 * within a cache line or two, hit or miss. The key is the low *key_bits* bits of
 * the first word and must not be 0, so that zeroed memory is an empty table.
 * Entries move when others come and go: they are read and written by value.
 */
#ifndef TIDAL_CORE_TABLE_H
#define TIDAL_CORE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "bits.h"

struct entry {
	uint64_t a, b; /* a: the key in its low bits */
};

struct table {
	rel slots;
	uint32_t size;	/* slots */
	uint32_t limit; /* most entries */
	uint32_t used;
	uint8_t key_bits;
	uint8_t group_bits; /* keys that differ in these low bits lie side by side, */
	uint8_t near_bits;  /* in the order of the highest so many of them */
};

/* Half of mix64(): enough for places, and every event searches. */
static inline uint32_t table_spread(const struct table *t, uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	return spread((x ^ x >> 32) * 0xbf58476d1ce4e5b9u, t->size);
}

/* Where a key would like to be. */
static inline uint32_t table_home(const struct table *t, uint64_t key)
{
	uint32_t home;

	if (t->near_bits == 0)
		return table_spread(t, key);
	home = table_spread(t, key >> t->group_bits) +
	       (key >> (t->group_bits - t->near_bits) & ((1u << t->near_bits) - 1));
	return home < t->size ? home : home - t->size;
}

/* Room for *limit* entries. */
void table_init(struct table *t, struct arena *a, uint32_t limit, uint32_t key_bits);
/*
 * The same, but keys that differ in their low *group_bits* bits only lie side by side, in the order
 * of the upper *near_bits* of these: a few dense groups of keys touch little of a large
 * table. Searches grow longer, so it has more slack.
 */
void table_init_near(struct table *t, struct arena *a, uint32_t limit, uint32_t key_bits,
		     uint32_t group_bits, uint32_t near_bits);
/* Copy the entry with this key; false: none. */
bool table_get(const struct table *t, uint64_t key, struct entry *e);
/* Insert or replace the entry with the key of *e. false: the table is full, nothing changed. */
bool table_put(struct table *t, const struct entry *e);
/* Remove; false: there was none. */
bool table_del(struct table *t, uint64_t key);
/* Entry in slot *i* (0 .. size - 1), false: empty. For sweeps: a sweep may meet an entry twice or
 * miss one that moved, if the table changes meanwhile. */
bool table_at(const struct table *t, uint32_t i, struct entry *e);

static inline bool table_room(const struct table *t, uint32_t n)
{
	return t->used + n <= t->limit;
}

#endif
