/* SPDX-License-Identifier: BSD-3-Clause */
/* table - see table.h. */
#include "table.h"

#include "assert.h"
#include "bits.h"

static uint64_t key_of(const struct table *t, const struct entry *e)
{
	return e->a & ((UINT64_C(1) << t->key_bits) - 1);
}

static uint32_t next_slot(const struct table *t, uint32_t i)
{
	return i + 1 == t->size ? 0 : i + 1;
}

/* How far slot i is from where its key would like to be. */
static uint32_t distance(const struct table *t, uint32_t i, uint64_t key)
{
	uint32_t home = table_home(t, key);

	return i >= home ? i - home : i + t->size - home;
}

static struct entry *slots_of(const struct table *t)
{
	return (struct entry *)((char *)(uintptr_t)t + t->slots);
}

static void init(struct table *t, struct arena *a, uint32_t limit, uint32_t size)
{
	struct entry *slots = arena_take(a, (size_t)size * sizeof(*slots), 64);

	if (!a->base)
		return;
	t->slots = rel_to(t, slots);
	t->size = size;
	t->limit = limit;
}

void table_init(struct table *t, struct arena *a, uint32_t limit, uint32_t key_bits)
{
	init(t, a, limit, limit + limit / 9 + 1);
	if (a->base)
		t->key_bits = (uint8_t)key_bits;
}

void table_init_near(struct table *t, struct arena *a, uint32_t limit, uint32_t key_bits,
		     uint32_t group_bits, uint32_t near_bits)
{
	init(t, a, limit, limit + limit / 4 + (1u << near_bits));
	if (!a->base)
		return;
	t->key_bits = (uint8_t)key_bits;
	t->group_bits = (uint8_t)group_bits;
	t->near_bits = (uint8_t)near_bits;
}

#define SHORT 4 /* searches of so many steps end sooner than another hash is worked out */

/* The slot of a key, or -1. An entry nearer to its home than we would be ends the search. */
static inline int64_t find(const struct table *t, uint64_t key)
{
	const struct entry *s = slots_of(t);
	uint32_t i = table_home(t, key);

	for (uint32_t d = 0; d < t->size; d++, i = next_slot(t, i)) {
		uint64_t there = key_of(t, &s[i]);

		if (there == key)
			return i;
		if (there == 0 || (d >= SHORT && distance(t, i, there) < d))
			return -1;
	}
	return -1;
}

bool table_get(const struct table *t, uint64_t key, struct entry *e)
{
	int64_t i = find(t, key);

	if (i < 0)
		return false;
	*e = slots_of(t)[i];
	return true;
}

/* Put a new entry, *d* slots from its home, into slot i; those nearer to theirs move on. */
static void insert(struct table *t, uint32_t i, uint32_t d, struct entry in)
{
	struct entry *s = slots_of(t), out;

	for (; key_of(t, &s[i]) != 0; i = next_slot(t, i), d++) {
		uint32_t theirs = distance(t, i, key_of(t, &s[i]));

		if (theirs < d) {
			out = s[i];
			s[i] = in;
			in = out;
			d = theirs;
		}
	}
	s[i] = in;
	t->used++;
}

bool table_put(struct table *t, const struct entry *e)
{
	struct entry *s = slots_of(t);
	uint64_t key = key_of(t, e);
	uint32_t i = table_home(t, key), d = 0;

	ASSERT(key != 0);
	for (;; i = next_slot(t, i), d++) {
		uint64_t there = key_of(t, &s[i]);

		if (there == key) {
			s[i] = *e;
			return true;
		}
		if (there == 0 || (d > 0 && distance(t, i, there) < d))
			break; /* it isn't there, and belongs here */
	}
	if (t->used >= t->limit)
		return false;
	insert(t, i, d, *e);
	return true;
}

bool table_del(struct table *t, uint64_t key)
{
	struct entry *s = slots_of(t);
	int64_t at = find(t, key);
	uint32_t i, n;

	if (at < 0)
		return false;
	for (i = (uint32_t)at;; i = n) {
		n = next_slot(t, i);
		if (key_of(t, &s[n]) == 0 || distance(t, n, key_of(t, &s[n])) == 0)
			break;
		s[i] = s[n];
	}
	s[i].a = s[i].b = 0;
	t->used--;
	return true;
}

bool table_at(const struct table *t, uint32_t i, struct entry *e)
{
	*e = slots_of(t)[i];
	return key_of(t, e) != 0;
}
