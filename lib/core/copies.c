/* SPDX-License-Identifier: BSD-3-Clause */
/* copies - see copies.h. Above 64 nodes: bits 60-63 hold the number of names, or COARSE. */
#include "copies.h"

#define EXACT_NODES 64
#define NAMES 5
#define NAME_BITS 12
#define GROUPS 60
#define COARSE 15

static unsigned tag(copies c)
{
	return (unsigned)(c >> 60);
}

static unsigned name(copies c, unsigned i)
{
	return (unsigned)(c >> (i * NAME_BITS)) & ((1u << NAME_BITS) - 1);
}

static unsigned group(unsigned n, unsigned nodes)
{
	return n * GROUPS / nodes;
}

static copies coarse(copies c, unsigned nodes)
{
	copies v = (copies)COARSE << 60;

	for (unsigned i = 0; i < tag(c); i++)
		v |= UINT64_C(1) << group(name(c, i), nodes);
	return v;
}

copies copies_add(copies c, unsigned n, unsigned nodes)
{
	unsigned used = tag(c);

	if (nodes <= EXACT_NODES)
		return c | UINT64_C(1) << n;
	if (used != COARSE) {
		for (unsigned i = 0; i < used; i++)
			if (name(c, i) == n)
				return c;
		if (used < NAMES)
			return (c | (copies)n << (used * NAME_BITS)) + (UINT64_C(1) << 60);
		c = coarse(c, nodes);
	}
	return c | UINT64_C(1) << group(n, nodes);
}

copies copies_del(copies c, unsigned n, unsigned nodes)
{
	copies out = 0;

	if (nodes <= EXACT_NODES)
		return c & ~(UINT64_C(1) << n);
	if (tag(c) == COARSE)
		return c;
	for (unsigned i = 0; i < tag(c); i++)
		if (name(c, i) != n)
			out = copies_add(out, name(c, i), nodes);
	return out;
}

copies copies_all(unsigned nodes)
{
	if (nodes < EXACT_NODES)
		return (UINT64_C(1) << nodes) - 1;
	if (nodes == EXACT_NODES)
		return ~UINT64_C(0);
	return (copies)COARSE << 60 | ((UINT64_C(1) << GROUPS) - 1);
}

void copies_expand(copies c, unsigned nodes, unsigned a, unsigned b, struct tidal_nodeset *set)
{
	memset(set, 0, sizeof(*set));
	if (c == 0)
		return;
	if (nodes <= EXACT_NODES) {
		set->w[0] = c & copies_all(nodes);
	} else if (tag(c) == COARSE) {
		for (unsigned n = 0; n < nodes; n++)
			if (c >> group(n, nodes) & 1)
				nodeset_add(set, n);
	} else {
		for (unsigned i = 0; i < tag(c) && i < NAMES; i++)
			if (name(c, i) < nodes)
				nodeset_add(set, name(c, i));
	}
	if (a < nodes)
		nodeset_del(set, a);
	if (b < nodes)
		nodeset_del(set, b);
}

bool copies_sound(copies c, unsigned nodes)
{
	if (nodes <= EXACT_NODES)
		return !(c & ~copies_all(nodes));
	if (tag(c) == COARSE)
		return true;
	for (unsigned i = 0; i < tag(c) && i < NAMES; i++)
		if (name(c, i) >= nodes)
			return false;
	return tag(c) <= NAMES;
}
